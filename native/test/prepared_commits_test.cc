// Commits over a transactional sink, in drawn lives: processes that are killed, workers that die, answers
// that are lost, commits that are refused or discarded, over a sink in memory that compares and sets. After
// each life each message has had its effect once, and nothing counts that the sink does not have.
#include "shard/prepared_commits.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "repair/repair.h"
#include "shard/stream.h"

namespace semel {
namespace {

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

class PreparedCommitsTest : public ::testing::TestWithParam<Durability> {
 protected:
  PreparedCommitsTest() {
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
  ~PreparedCommitsTest() override { std::filesystem::remove_all(directory_); }

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

TEST_P(PreparedCommitsTest, NothingShowsBeforeTheSinkHasIt) {
  open();
  for (uint64_t id = 1; id <= 6; ++id) ASSERT_TRUE(send(id));
  ASSERT_EQ(poll(6), 6u);
  ASSERT_TRUE(prepare(3, [] { return Outcome::processed; }));
  ASSERT_TRUE(prepare(3, [] { return Outcome::processed; }));
  EXPECT_EQ(consumer().prepared()->size(), 2u);
  EXPECT_EQ(consumer().through(), 0u);
  EXPECT_EQ(consumer().counters().outcomes.processed, 0u);
  EXPECT_EQ(shard().ended_through(), 0u);
  EXPECT_EQ(shard().ring().released(), 0u);
  // A copy of one that is prepared has no verdict yet.
  ASSERT_TRUE(send(2));
  ASSERT_EQ(poll(1), 1u);
  EXPECT_NE(slot(7).kind & kInFlightBit, 0);

  while (consumer().prepared()->reached() < 2) stream_->hurry_syncer();
  sink_.commit(under_way_[0].stamp, under_way_[0].ids);
  under_way_[0].sent = true;
  take_answers();
  EXPECT_EQ(consumer().through(), 3u);
  EXPECT_EQ(consumer().counters().outcomes.processed, 3u);
  // The space goes once a block says so, and not before.
  EXPECT_EQ(shard().ring().released(), 0u);
}

TEST_P(PreparedCommitsTest, OpeningFollowsTheSink) {
  for (const bool landed : {false, true}) {
    open();
    const uint64_t first = landed ? 10 : 1;
    for (uint64_t id = first; id < first + 4; ++id) ASSERT_TRUE(send(id));
    ASSERT_EQ(poll(4), 4u);
    ASSERT_TRUE(prepare(2, [] { return Outcome::processed; }));
    ASSERT_TRUE(prepare(2, [] { return Outcome::dead_lettered; }));
    while (consumer().prepared()->reached() < 2) stream_->hurry_syncer();
    if (landed) {
      ASSERT_TRUE(sink_.commit(under_way_[0].stamp, under_way_[0].ids));
    }
    crash();
    open();
    // What has no outputs rests on the commit before it.
    EXPECT_EQ(consumer().has_work(), !landed);
    EXPECT_EQ(shard().dead_letters()->open_count(), landed ? 2u : 0u);
    finish();
    expect_once();
    ASSERT_TRUE(stream_->close().is_ok());
  }
}

TEST_P(PreparedCommitsTest, ASinkThatDoesNotFitIsRefused) {
  open();
  ASSERT_TRUE(send(1));
  finish();
  ASSERT_TRUE(stream_->close().is_ok());
  const Sink at_rest = sink_;

  sink_.last = {sink_.epoch, 99};
  EXPECT_EQ(try_open().code(), Code::sink_ahead);
  sink_ = at_rest;
  sink_.last = {};
  EXPECT_EQ(try_open().code(), Code::sink_behind);
  sink_ = at_rest;
  sink_.epoch = 0;
  EXPECT_EQ(try_open().code(), Code::sink_behind);
  sink_ = at_rest;
  EXPECT_TRUE(try_open().is_ok());
  // While it is open, too.
  ASSERT_TRUE(send(2));
  finish();
  const CommitNumber last = sink_.last;
  sink_.last = {sink_.epoch + 5, 1};
  EXPECT_EQ(ask(false).code(), Code::sink_ahead);
  sink_.last = {};
  EXPECT_EQ(ask(false).code(), Code::sink_behind);
  sink_.last = last;
  EXPECT_TRUE(ask(false).is_ok());
}

TEST_P(PreparedCommitsTest, ADirectoryWithOpenCommitsWantsItsSink) {
  open();
  ASSERT_TRUE(send(1));
  ASSERT_EQ(poll(1), 1u);
  ASSERT_TRUE(prepare(1, [] { return Outcome::processed; }));
  while (consumer().prepared()->reached() < 1) stream_->hurry_syncer();
  crash();
  options_.transactional = false;
  EXPECT_EQ(Stream::open(Storage::real(), options_).status().code(), Code::mismatch);
  options_.transactional = true;
  open();
  finish();
  ASSERT_TRUE(stream_->close().is_ok());
  options_.transactional = false;
  EXPECT_TRUE(Stream::open(Storage::real(), options_).is_ok());
}

TEST_P(PreparedCommitsTest, IsVerifiedAfterAKillAndNotRepairedWithoutItsSink) {
  open();
  for (uint64_t id = 1; id <= 8; ++id) ASSERT_TRUE(send(id));
  ASSERT_EQ(poll(8), 8u);
  ASSERT_TRUE(prepare(4, [] { return Outcome::processed; }));
  drain();
  ASSERT_TRUE(prepare(4, [] { return Outcome::dead_lettered; }));
  ASSERT_TRUE(send(9));
  ASSERT_EQ(poll(1), 1u);
  ASSERT_TRUE(prepare(1, [] { return Outcome::processed; }));
  while (consumer().prepared()->reached() < 2) stream_->hurry_syncer();
  crash();
  auto plan = plan_repair(Storage::real(), directory_);
  ASSERT_TRUE(plan.is_ok()) << plan.status().message();
  EXPECT_FALSE(plan.value().needed());

  // The second block of a log of which others claim that it is there.
  const std::string path = directory_ + "/shard-0/ack-0000000000000001.log";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 + 20);
  file.put(99);
  file.close();
  plan = plan_repair(Storage::real(), directory_);
  ASSERT_TRUE(plan.is_ok()) << plan.status().message();
  ASSERT_EQ(plan.value().refusals.size(), 1u);
  EXPECT_NE(plan.value().refusals[0].find("transactional sink"), std::string::npos);
}

TEST_P(PreparedCommitsTest, ADroppedLetterStaysSoWhenTheCommitBehindItIsDiscarded) {
  open();
  ASSERT_TRUE(send(1));
  ASSERT_EQ(poll(1), 1u);
  ASSERT_TRUE(prepare(1, [] { return Outcome::dead_lettered; }));
  confirm();
  const uint64_t number = 1;
  ASSERT_TRUE(shard().dead_letters()->contains_open(number));
  FrameHeader drop;
  drop.type = FrameType::drop;
  shard().intake().begin(stream_->clock().now_us());
  ASSERT_TRUE(shard().intake().append_full(drop, &number, sizeof number));
  ASSERT_TRUE(send(2));
  ASSERT_EQ(poll(1), 1u);
  ASSERT_FALSE(shard().dead_letters()->contains_open(number));

  ASSERT_TRUE(prepare(1, [] { return Outcome::processed; }));
  ASSERT_TRUE(ask(false).is_ok());
  under_way_.clear();
  EXPECT_FALSE(shard().dead_letters()->contains_open(number));
  while (shard().has_unsynced()) std::this_thread::yield();
  crash();
  open();
  EXPECT_FALSE(shard().dead_letters()->contains_open(number));
}

TEST_P(PreparedCommitsTest, DrawnLives) {
  const char* runs = std::getenv("SEMEL_RUNS");
  const int lives = runs == nullptr ? 12 : std::atoi(runs);
  const char* from = std::getenv("SEMEL_SEED");
  const unsigned seed = from == nullptr ? 1 : static_cast<unsigned>(std::atoi(from));
  for (int life = 0; life < lives; ++life) {
    SCOPED_TRACE("seed " + std::to_string(seed + life));
    std::mt19937 random(seed + life);
    const auto draw = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
    std::filesystem::remove_all(directory_);
    sink_ = {};
    stored_.clear();
    open();
    uint64_t next = 1;
    for (int step = 0; step < 400; ++step) {
      switch (draw(10)) {
        case 0:
        case 1:
          for (uint32_t i = draw(8); i > 0; --i) send(next++);
          break;
        case 2:
          poll(1 + draw(16));
          break;
        case 3:
        case 4: {
          const uint32_t rest = consumer().in_flight() - consumer().prepared()->messages();
          if (rest == 0 || under_way_.size() >= 4) break;
          prepare(1 + draw(rest), [&] {
            const uint32_t what = draw(10);
            return what == 0 ? Outcome::parked : what == 1 ? Outcome::dead_lettered : Outcome::processed;
          });
          break;
        }
        case 5:
        case 6: send_next(); break;
        case 7: take_answers(); break;
        case 8:
          // An unknown outcome, or a refused one.
          if (draw(3) != 0) break;
          ASSERT_TRUE(ask(false).is_ok());
          under_way_.clear();
          break;
        case 9:
          switch (draw(12)) {
            case 0:
              crash();
              open();
              break;
            case 1: ASSERT_TRUE(take_over().is_ok()); break;
            case 2: if (under_way_.empty()) end_parked(); break;
            case 3: record(); break;
            default: break;
          }
          break;
      }
      if (HasFatalFailure()) return;
    }
    drain();
    finish();
    expect_once();
    const ConsumerCounters counters = consumer().counters();
    EXPECT_EQ(counters.outcomes.processed, sink_.effects.size());
    ASSERT_TRUE(stream_->close().is_ok());
    if (HasFailure()) return;
    open();
    EXPECT_FALSE(consumer().has_work());
    crash();
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, PreparedCommitsTest,
                         ::testing::Values(Durability::process, Durability::disk));

}  // namespace
}  // namespace semel
