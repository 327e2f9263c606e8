// The dedup index against a plain map, over a million random operations.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "dedup/dedup.h"

namespace semel {
namespace {

struct Order {
  bool operator()(const Id& a, const Id& b) const {
    return std::tie(a.low, a.high) < std::tie(b.low, b.high);
  }
};

// What the header promises and no more: inside the window an id is seen; up to a slice later it may
// be; after that, once time has passed, it is not.
class Model {
 public:
  explicit Model(const DedupOptions& options)
      : window_us_(options.window_us),
        slice_us_(options.window_us / options.slices + 1) {}

  bool must_be_seen(const Id& id) const { return is_within(id, window_us_); }
  bool may_be_seen(const Id& id) const { return is_within(id, window_us_ + slice_us_); }
  bool is_reserved(const Id& id) const { return reserved_.count(id) > 0; }
  uint64_t reserved() const { return reserved_.size(); }
  uint64_t seen_min() const {
    uint64_t count = 0;
    for (const auto& entry : seen_) count += must_be_seen(entry.first) ? 1 : 0;
    return count;
  }

  void reserve(const Id& id) { reserved_[id] = true; }
  void commit(const Id& id) {
    reserved_.erase(id);
    seen_[id] = time_us_;
  }
  void free(const Id& id) { reserved_.erase(id); }
  void free_all() { reserved_.clear(); }
  void note_time(uint64_t time_us) { time_us_ = time_us; }
  void advance(uint64_t now_us) { now_us_ = time_us_ = now_us; }
  std::vector<Id> some_reserved(uint64_t count) const {
    std::vector<Id> ids;
    for (const auto& entry : reserved_) {
      if (ids.size() == count) break;
      ids.push_back(entry.first);
    }
    return ids;
  }

 private:
  bool is_within(const Id& id, uint64_t age_us) const {
    const auto found = seen_.find(id);
    return found != seen_.end() && now_us_ <= found->second + age_us;
  }

  uint64_t window_us_;
  uint64_t slice_us_;
  uint64_t time_us_ = 0;
  uint64_t now_us_ = 0;
  std::map<Id, uint64_t, Order> seen_;
  std::map<Id, bool, Order> reserved_;
};

class DedupAgainstModel : public testing::TestWithParam<uint32_t> {};

TEST_P(DedupAgainstModel, AgreesOverAMillionOperations) {
  const DedupOptions options{
      .window_us = 40'000, .max_ids = 1u << 24, .seed = GetParam() * 77, .slices = GetParam()};
  Dedup dedup(options);
  Model model(options);
  std::mt19937_64 random(GetParam());
  uint64_t time_us = 1;
  dedup.advance(time_us);
  model.advance(time_us);
  uint64_t operations = 0;
  uint64_t duplicates = 0;
  // A small domain, the zero id in it, so that ids repeat inside and outside of the window.
  const auto pick = [&] {
    const uint64_t n = random() % 60'000;
    return n % 3 == 0 ? Id{n / 3, 0} : n % 3 == 1 ? Id{0, n / 3} : Id{n * 0x9E3779B97F4A7C15ull, n};
  };

  while (operations < 1'000'000) {
    const uint64_t choice = random() % 100;
    std::vector<Id> ids;
    if (choice < 45) {
      for (uint64_t i = random() % 100; i > 0; --i) {
        ids.push_back(!ids.empty() && random() % 20 == 0 ? ids[random() % ids.size()] : pick());
      }
      std::vector<Verdict> verdicts(ids.size());
      dedup.reserve(ids, verdicts.data());
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (verdicts[i] == Verdict::seen) {
          ASSERT_TRUE(model.may_be_seen(ids[i])) << "seen, but never committed or long forgotten";
          ++duplicates;
          continue;
        }
        ASSERT_FALSE(model.must_be_seen(ids[i])) << "forgotten inside the window";
        ASSERT_EQ(verdicts[i] == Verdict::in_flight, model.is_reserved(ids[i]));
        model.reserve(ids[i]);
      }
    } else if (choice < 80) {
      ids = model.some_reserved(random() % 120);
      if (ids.empty()) continue;
      // Now and then with a clock that falls: it counts as the latest time.
      if (random() % 10 == 0) {
        dedup.commit(ids, time_us / 2);
      } else {
        time_us += random() % 100;
        dedup.commit(ids, time_us);
        model.note_time(time_us);
      }
      for (const Id& id : ids) model.commit(id);
    } else if (choice < 90) {
      ids = model.some_reserved(random() % 60);
      dedup.free(ids);
      for (const Id& id : ids) model.free(id);
    } else if (choice < 92) {
      dedup.free_all();
      model.free_all();
    } else if (choice < 96) {
      time_us += random() % 2'000;
      dedup.advance(time_us);
      model.advance(time_us);
    } else {  // an overlapping block: some ids are seen already
      for (uint64_t i = random() % 40; i > 0; --i) {
        const Id id = pick();
        if (!model.is_reserved(id)) ids.push_back(id);
      }
      if (ids.empty()) continue;
      dedup.restore(ids, time_us);
      model.note_time(time_us);
      for (const Id& id : ids) model.commit(id);
    }
    operations += std::max<uint64_t>(ids.size(), 1);
    ASSERT_EQ(dedup.reserved(), model.reserved());
    const Id probe = pick();
    ASSERT_EQ(dedup.is_reserved(probe), model.is_reserved(probe));
    if (dedup.contains(probe)) {
      ASSERT_TRUE(model.may_be_seen(probe));
    } else {
      ASSERT_FALSE(model.must_be_seen(probe));
    }
  }
  EXPECT_GE(dedup.size(), model.seen_min());
  EXPECT_GT(duplicates, 1'000u) << "the run never met what it is about";
  EXPECT_LE(dedup.slices(), GetParam() + 3u);
}

INSTANTIATE_TEST_SUITE_P(Slices, DedupAgainstModel, testing::Values(1, 2, 4, 16));

}  // namespace
}  // namespace semel
