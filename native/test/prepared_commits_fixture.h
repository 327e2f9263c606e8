// What the tests of commits over a transactional sink share: a shard on real files, and a sink in memory
// that compares and sets.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "shard/prepared_commits.h"
#include "shard/stream.h"

namespace semel::test {

// Compares and sets, as docs/internals/models.md has it.
struct Sink {
  uint64_t epoch = 0;
  CommitNumber last;
  std::vector<uint64_t> effects;  // ids

  SinkAnswer begin() { return {++epoch, last}; }
  bool commit(const CommitStamp& stamp, const std::vector<uint64_t>& ids) {
    if (stamp.epoch != epoch || stamp.parent != last) return false;
    last = stamp.own();
    effects.insert(effects.end(), ids.begin(), ids.end());
    return true;
  }
};

class PreparedCommitsFixture : public ::testing::TestWithParam<Durability> {
 protected:
  PreparedCommitsFixture() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("semel-prepared-" + std::to_string(::getpid()) + "-" + std::to_string(next_++));
    options_.name = "test";
    options_.directory = directory_;
    options_.delivery = Delivery::exactly_once;
    options_.durability = GetParam();
    options_.interval_us = 1000;
    options_.ring_bytes = 64 << 10;
    options_.segment_bytes = 64 << 10;
    options_.in_flight_max = 32;
    options_.dedup = true;
    options_.window_us = 3600ull * 1'000'000;
    options_.transactional = true;
  }
  ~PreparedCommitsFixture() override { std::filesystem::remove_all(directory_); }

  Status try_open() {
    stream_.reset();
    auto locked = Stream::lock(Storage::real(), options_);
    if (!locked.is_ok()) return locked.status();
    const SinkAnswer answer = sink_.begin();
    if (Status opened = locked.value()->open_shards({&answer, 1}); !opened.is_ok()) return opened;
    stream_ = std::move(locked.value());
    under_way_.clear();
    return take_over();
  }
  void open() {
    const Status status = try_open();
    ASSERT_TRUE(status.is_ok()) << status.message();
  }
  // What was not durable may be gone.
  void crash() {
    const uint64_t durable = shard().durable_sequence();
    stored_.erase(stored_.upper_bound(durable), stored_.end());
    stream_->abandon();
    stream_.reset();
  }
  // As a new worker does it: nothing is known of what the old one had.
  Status take_over() {
    consumer().adopt();
    SEMEL_TRY(ask(true));
    consumer().start_over();
    under_way_.clear();
    return Status::ok();
  }
  // Asks, confirms what took effect, and discards the rest.
  Status ask(bool are_lost) {
    auto found = consumer().ask(sink_.begin());
    if (!found.is_ok()) return found.status();
    for (uint32_t i = 0; i < found.value(); ++i) confirm(are_lost);
    SEMEL_TRY(consumer().discard());
    record();
    return Status::ok();
  }
  void record() { until_done([&] { return consumer().record(); }); }
  void confirm(bool are_lost = false) {
    until_done([&] { return consumer().confirm({}, are_lost); });
    if (!under_way_.empty()) under_way_.pop_front();
  }
  template <typename Call>
  void until_done(Call call) {
    for (;;) {
      const Result<Committed> done = call();
      ASSERT_TRUE(done.is_ok()) << done.status().message();
      if (done.value() == Committed::done) return;
      ASSERT_TRUE(stream_->health().is_ok()) << stream_->health().message();
      stream_->hurry_syncer();
      stream_->wake_syncer();
      std::this_thread::yield();
    }
  }

  Shard& shard() { return stream_->shard(0); }
  Consumer& consumer() { return shard().consumer(); }

  // False when the ring is full.
  bool send(uint64_t id) {
    FrameHeader header;
    header.id = integer_id(id);
    header.id_kind = IdKind::integer;
    shard().intake().begin(stream_->clock().now_us());
    const bool taken = shard().intake().append_full(header, &id, sizeof id);
    stream_->publish(0);
    if (taken) stored_[shard().intake().sequence()] = id;
    return taken;
  }

  uint32_t poll(uint32_t max) {
    auto polled = consumer().poll(max, stream_->clock().now_us());
    EXPECT_TRUE(polled.is_ok()) << polled.status().message();
    return polled.value().count;
  }
  Slot& slot(uint64_t sequence) { return consumer().slots()[sequence % consumer().capacity()]; }
  uint64_t id_at(uint64_t sequence) {
    return load<uint64_t>(shard().ring_memory().data() + slot(sequence).offset);
  }

  struct UnderWay {
    CommitStamp stamp;
    std::vector<uint64_t> ids;
    std::vector<Detail> details;
    bool sent = false;
  };

  // Prepares the next `count` messages in flight; `draw` says how each ends.
  template <typename Draw>
  bool prepare(uint32_t count, Draw draw) {
    UnderWay one;
    uint64_t sequence = consumer().first_in_flight() + consumer().prepared()->messages();
    for (uint32_t i = 0; i < count; ++i, ++sequence) {
      Slot& at = slot(sequence);
      if (at.outcome == static_cast<int32_t>(Outcome::duplicate)) continue;
      if ((at.kind & kInFlightBit) != 0) {
        // A copy waits for the first one; these lives let it be one only where that has ended.
        count = i;
        break;
      }
      const Outcome outcome = draw();
      at.outcome = static_cast<int32_t>(outcome);
      if (outcome == Outcome::processed) one.ids.push_back(id_at(sequence));
      if (outcome == Outcome::parked) {
        one.details.push_back({sequence, Detail::Action::park, 1, 5, Outcome::processed, {}});
      }
      if (outcome == Outcome::dead_lettered) {
        one.details.push_back({sequence, Detail::Action::dead_letter, 1, 0, Outcome::processed, {}});
      }
    }
    if (count == 0) return false;
    auto prepared = consumer().prepare(count, !one.ids.empty(), one.details);
    EXPECT_TRUE(prepared.is_ok()) << prepared.status().message();
    if (!prepared.is_ok() || prepared.value() == Committed::full) return false;
    one.stamp = consumer().prepared()->newest().stamp;
    under_way_.push_back(std::move(one));
    return true;
  }
  // The next one that is not sent goes to the sink; its answer is taken unless it is lost.
  void send_next() {
    for (std::size_t i = 0; i < under_way_.size(); ++i) {
      UnderWay& one = under_way_[i];
      if (one.sent) continue;
      if (one.stamp.n == 0) {
        one.sent = true;
        continue;
      }
      if (consumer().prepared()->reached() <= i) return;
      one.sent = true;
      EXPECT_TRUE(sink_.commit(one.stamp, one.ids));
      return;
    }
  }
  void take_answers() {
    while (!under_way_.empty() && under_way_.front().sent) confirm();
  }

  void finish() {
    take_answers();
    for (int rounds = 0; rounds < 10'000 && (consumer().has_work() || consumer().in_flight() > 0);
         ++rounds) {
      poll(32);
      const uint32_t count = consumer().in_flight() - consumer().prepared()->messages();
      if (count > 0) prepare(count, [] { return Outcome::processed; });
      drain();
    }
    end_parked();
    record();
  }
  void drain() {
    while (!under_way_.empty()) {
      ASSERT_TRUE(stream_->health().is_ok()) << stream_->health().message();
      send_next();
      take_answers();
      stream_->hurry_syncer();
    }
  }
  void end_parked() {
    for (const Parked* entry; (entry = consumer().parked().next(0)) != nullptr;) {
      UnderWay one;
      one.ids.push_back(entry->id.low);
      const Detail detail{entry->sequence, Detail::Action::settle, 2, 0, Outcome::processed, {}};
      until_done([&] { return consumer().prepare(0, true, {&detail, 1}); });
      one.stamp = consumer().prepared()->newest().stamp;
      under_way_.push_back(std::move(one));
      drain();
    }
  }

  // Each id that was stored has one effect in the sink, or one letter.
  void expect_once() {
    std::map<uint64_t, int> seen;
    for (const uint64_t id : sink_.effects) ++seen[id];
    auto visited = shard().dead_letters()->visit_open([&](const DeadLetter& letter) {
      ++seen[letter.id.low];
      return true;
    });
    ASSERT_TRUE(visited.is_ok()) << visited.message();
    for (const auto& [sequence, id] : stored_) EXPECT_EQ(seen[id], 1) << "message " << id;
    for (const auto& [id, count] : seen) EXPECT_EQ(count, 1) << "message " << id;
  }

  static inline int next_ = 0;
  std::string directory_;
  StreamOptions options_;
  Sink sink_;
  std::unique_ptr<Stream> stream_;
  std::deque<UnderWay> under_way_;
  std::map<uint64_t, uint64_t> stored_;  // sequence → id
};

}  // namespace semel::test
