// How senders that wait hear of their messages' ends: marks and answers, through a whole shard.
#include "shard/replies.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ring/frame_cursor.h"
#include "shard/stream.h"

namespace semel {
namespace {

struct Told {
  uint64_t sequence;
  Outcome outcome;
  AnswerKind kind;
  std::string payload;
};

class RepliesTest : public ::testing::Test {
 protected:
  ~RepliesTest() override {
    if (stream_ != nullptr) {
      EXPECT_TRUE(stream_->close().is_ok());
    }
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  void open(Durability durability, bool dedup = false) {
    StreamOptions options;
    options.name = "test";
    options.delivery =
        durability == Durability::memory ? Delivery::at_most_once : Delivery::at_least_once;
    options.durability = durability;
    options.ring_bytes = 64 << 10;
    options.segment_bytes = 1 << 20;
    options.dedup = dedup;
    options.window_us = 3600ull * 1'000'000;
    if (durability != Durability::memory) {
      directory_ = std::filesystem::temp_directory_path() /
                   ("semel-replies-" + std::to_string(::getpid()) + "-" + std::to_string(next_++));
      options.directory = directory_;
    }
    auto opened = Stream::open(Storage::real(), options);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    stream_ = std::move(opened.value());
  }

  Shard& shard() { return stream_->shard(0); }
  Replies& replies() { return shard().replies(); }
  Consumer& consumer() { return shard().consumer(); }

  bool send(uint8_t wants, uint64_t id = 0) {
    Intake& intake = shard().intake();
    intake.begin(stream_->clock().now_us());
    if (wants != 0 && !replies().has_room(intake.sequence() + 1)) return false;
    bool fits;
    if (shard().compact()) {
      fits = intake.append_compact(FrameType::message, &id, sizeof id);
    } else {
      FrameHeader header;
      header.id = integer_id(id);
      header.id_kind = IdKind::integer;
      fits = intake.append_full(header, &id, sizeof id);
    }
    if (fits && wants != 0) replies().expect(intake.sequence(), wants);
    stream_->publish(0);
    return fits;
  }
  uint32_t poll(uint32_t max = 512) {
    auto polled = consumer().poll(max, stream_->clock().now_us());
    EXPECT_TRUE(polled.is_ok());
    return polled.value().count;
  }
  void end_as(uint64_t sequence, Outcome outcome) {
    consumer().slots()[sequence % consumer().capacity()].outcome = static_cast<int32_t>(outcome);
  }
  Committed commit(std::span<const Detail> details = {}, std::span<const Answer> answers = {}) {
    auto committed = consumer().commit(consumer().in_flight(), -1, details, answers);
    EXPECT_TRUE(committed.is_ok()) << committed.status().message();
    stream_->wake_syncer();
    return committed.value();
  }
  static Answer answer(uint64_t sequence, AnswerKind kind, std::string_view text) {
    return {sequence, kind, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}};
  }
  static std::span<const uint8_t> bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }

  // ---- as the ingest thread reads them ----

  uint8_t mark(uint64_t sequence) {
    return replies().marks_memory()[Replies::kMarksAt + sequence % replies().capacity()];
  }
  // The outcome in a mark; none while it holds what is wanted.
  std::optional<Outcome> told_by_mark(uint64_t sequence) {
    if ((mark(sequence) & kAnswered) == 0) return std::nullopt;
    return static_cast<Outcome>(mark(sequence) & 0x7);
  }
  bool follows(uint64_t sequence) { return (mark(sequence) & kFollows) != 0; }
  std::vector<Told> read_answers() {
    std::vector<Told> told;
    FrameCursor cursor(replies().ring_memory(), read_);
    cursor.extend(shard().replies_through());
    for (const uint8_t* at; (at = cursor.frame()) != nullptr; cursor.pass()) {
      const uint32_t word = load<uint32_t>(at + 4);
      told.push_back({static_cast<uint64_t>(load<double>(at + 8)),
                      static_cast<Outcome>(word & 0xFF), static_cast<AnswerKind>(word >> 8),
                      std::string(reinterpret_cast<const char*>(at + kReplyHeaderBytes),
                                  frame_length(at) - kReplyHeaderBytes)});
    }
    read_ = cursor.position();
    replies().read(shard().intake().sequence() + 1, read_);
    return told;
  }

  static inline int next_ = 0;
  std::string directory_;
  std::unique_ptr<Stream> stream_;
  uint64_t read_ = 0;
};

TEST_F(RepliesTest, AMarkTellsHowAnAwaitedMessageEnded) {
  open(Durability::process);
  for (uint8_t wants : {kWantsOutcome, uint8_t{0}, kWantsResult, kWantsOutcome}) send(wants);
  ASSERT_EQ(poll(), 4u);
  end_as(3, Outcome::filtered);
  EXPECT_EQ(told_by_mark(1), std::nullopt);
  ASSERT_EQ(commit(), Committed::done);
  EXPECT_TRUE(consumer().has_answered());
  EXPECT_EQ(shard().ended_through(), 4u);
  EXPECT_EQ(told_by_mark(1), Outcome::processed);
  EXPECT_EQ(mark(2), 0) << "nobody waits";
  EXPECT_EQ(told_by_mark(3), Outcome::filtered);
  EXPECT_EQ(told_by_mark(4), Outcome::processed);
  EXPECT_TRUE(read_answers().empty());
}

TEST_F(RepliesTest, ACommitThatNobodyWaitsForAnswersNobody) {
  open(Durability::process);
  send(kWantsOutcome);
  poll();
  commit();
  for (int i = 0; i < 3; ++i) send(0);
  ASSERT_EQ(poll(), 3u);
  commit();
  EXPECT_FALSE(consumer().has_answered());
}

TEST_F(RepliesTest, AResultFollowsInTheRing) {
  open(Durability::process);
  for (int i = 0; i < 3; ++i) send(kWantsResult);
  poll();
  end_as(2, Outcome::filtered);
  const Answer answers[] = {answer(1, AnswerKind::result, "one"), answer(2, AnswerKind::result, "two"),
                            answer(9, AnswerKind::result, "nobody's")};
  ASSERT_EQ(commit({}, answers), Committed::done);
  EXPECT_TRUE(follows(1));
  EXPECT_FALSE(follows(2)) << "what was filtered has no result";
  EXPECT_FALSE(follows(3));
  const auto told = read_answers();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].sequence, 1u);
  EXPECT_EQ(told[0].kind, AnswerKind::result);
  EXPECT_EQ(told[0].payload, "one");
}

TEST_F(RepliesTest, AParkedMessagesEndComesLater) {
  open(Durability::process);
  for (int i = 0; i < 3; ++i) send(i == 2 ? 0 : kWantsResult);
  poll();
  for (uint64_t sequence : {1, 2, 3}) end_as(sequence, Outcome::parked);
  std::vector<Detail> details;
  for (uint64_t sequence : {1, 2, 3}) {
    details.push_back({sequence, Detail::Action::park, 1, 5, Outcome::processed, {}});
  }
  ASSERT_EQ(commit(details), Committed::done);
  EXPECT_EQ(told_by_mark(1), Outcome::parked);
  EXPECT_TRUE(read_answers().empty());

  details.clear();
  const std::string_view history = "[why]";
  details.push_back({1, Detail::Action::settle, 2, 0, Outcome::processed, {}});
  details.push_back({2, Detail::Action::dead_letter, 2, 0, Outcome::dead_lettered, bytes(history)});
  details.push_back({3, Detail::Action::settle, 2, 0, Outcome::filtered, {}});
  const Answer answers[] = {answer(1, AnswerKind::result, "late")};
  ASSERT_EQ(commit(details, answers), Committed::done);
  EXPECT_TRUE(consumer().has_answered());
  const auto told = read_answers();
  ASSERT_EQ(told.size(), 2u) << "the third has nobody who waits";
  EXPECT_EQ(told[0].outcome, Outcome::processed);
  EXPECT_EQ(told[0].payload, "late");
  EXPECT_EQ(told[1].outcome, Outcome::dead_lettered);
  EXPECT_EQ(told[1].kind, AnswerKind::history);
  EXPECT_EQ(told[1].payload, history);
}

TEST_F(RepliesTest, ADeadLetterTellsItsHistory) {
  open(Durability::process);
  send(kWantsOutcome);
  poll();
  end_as(1, Outcome::dead_lettered);
  const std::string_view history = "[why]";
  const Detail detail{1, Detail::Action::dead_letter, 1, 0, Outcome::dead_lettered, bytes(history)};
  ASSERT_EQ(commit({&detail, 1}), Committed::done);
  EXPECT_TRUE(follows(1));
  const auto told = read_answers();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].payload, history);
}

TEST_F(RepliesTest, ACommitWaitsUntilUnreadAnswersHaveMadeRoom) {
  open(Durability::process);
  const std::string large(8000, 'x');
  uint64_t sequence = 0;
  const auto try_one = [&] {
    const Answer one = answer(sequence, AnswerKind::result, large);
    return commit({}, {&one, 1});
  };
  for (;;) {
    ++sequence;
    ASSERT_TRUE(send(kWantsResult));
    ASSERT_EQ(poll(), 1u);
    if (try_one() == Committed::full) break;
    ASSERT_LT(sequence, 100u);
  }
  EXPECT_EQ(shard().status().consumer.through, sequence - 1);
  EXPECT_EQ(told_by_mark(sequence), std::nullopt);
  EXPECT_EQ(try_one(), Committed::full);
  EXPECT_EQ(read_answers().size(), sequence - 1);
  EXPECT_EQ(try_one(), Committed::done);
  EXPECT_EQ(read_answers().size(), 1u);
}

TEST_F(RepliesTest, ACommitWhoseAnswersFitNoRingTellsTheOutcomesAlone) {
  open(Durability::process);
  constexpr uint64_t kCount = 128;
  const std::string history(900, 'h');
  std::vector<Detail> details;
  for (uint64_t sequence = 1; sequence <= kCount; ++sequence) ASSERT_TRUE(send(kWantsOutcome));
  ASSERT_EQ(poll(), kCount);
  for (uint64_t sequence = 1; sequence <= kCount; ++sequence) {
    end_as(sequence, Outcome::dead_lettered);
    details.push_back({sequence, Detail::Action::dead_letter, 1, 0, Outcome::dead_lettered,
                       bytes(history)});
  }
  ASSERT_EQ(commit(details), Committed::done);
  uint64_t telling = 0;
  for (uint64_t sequence = 1; sequence <= kCount; ++sequence) {
    EXPECT_EQ(told_by_mark(sequence), Outcome::dead_lettered);
    telling += follows(sequence) ? 1 : 0;
  }
  EXPECT_GT(telling, 10u);
  EXPECT_LT(telling, kCount);
  EXPECT_EQ(read_answers().size(), telling);
}

TEST_F(RepliesTest, AMarkThatHasNotBeenReadIsNotGivenAway) {
  open(Durability::memory);
  ASSERT_TRUE(send(kWantsOutcome));
  const uint64_t laps = replies().capacity();
  for (uint64_t sent = 1; sent < laps;) {
    if (send(0)) ++sent;
    poll();
    commit();
  }
  EXPECT_FALSE(send(kWantsOutcome)) << "it would take the mark of the first";
  EXPECT_EQ(told_by_mark(1), Outcome::processed);
  EXPECT_TRUE(send(0)) << "nobody waits for this one";
  replies().read(shard().intake().sequence() + 1, 0);
  EXPECT_TRUE(send(kWantsOutcome));
}

TEST_F(RepliesTest, AtDiskAnEndIsToldOnceItsGroupIsSynced) {
  open(Durability::disk);
  for (uint64_t i = 1; i <= 50; ++i) {
    send(kWantsResult);
    while (poll() == 0) std::this_thread::yield();
    const Answer one = answer(i, AnswerKind::result, "x");
    commit({}, {&one, 1});
    while (shard().ended_through() < i || shard().replies_through() == read_) {
      ASSERT_TRUE(stream_->health().is_ok());
      std::this_thread::yield();
    }
    EXPECT_GE(shard().durable_sequence(), i);
    EXPECT_EQ(read_answers().size(), 1u);
  }
}

TEST_F(RepliesTest, WhatADeadWorkerHadUnderWayIsDroppedAtMostOnce) {
  open(Durability::memory, true);
  for (uint64_t id : {7, 8, 9}) send(kWantsOutcome, id);
  ASSERT_EQ(poll(2), 2u);
  EXPECT_EQ(consumer().adopt(), 2u);
  EXPECT_EQ(told_by_mark(1), Outcome::dropped);
  EXPECT_EQ(told_by_mark(2), Outcome::dropped);
  EXPECT_EQ(told_by_mark(3), std::nullopt);
  // Copies of them are known.
  for (uint64_t id : {7, 8, 9}) send(0, id);
  ASSERT_EQ(poll(), 4u);
  for (uint64_t sequence : {4, 5}) {
    EXPECT_EQ(consumer().slots()[sequence % consumer().capacity()].outcome,
              static_cast<int32_t>(Outcome::duplicate));
  }
}

TEST_F(RepliesTest, WhatIsDeliveredAgainIsStillAwaited) {
  open(Durability::process);
  send(kWantsOutcome);
  poll();
  EXPECT_EQ(consumer().adopt(), 1u);
  EXPECT_EQ(told_by_mark(1), std::nullopt);
  ASSERT_EQ(poll(), 1u);
  commit();
  EXPECT_EQ(told_by_mark(1), Outcome::processed);
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kMany = 20'000;
#else
constexpr uint64_t kMany = 300'000;
#endif

TEST_F(RepliesTest, EveryEndIsReadOnceFromThreadToThread) {
  open(Durability::process);
  const auto outcome_of = [](uint64_t sequence) {
    return sequence % 3 == 0 ? Outcome::filtered : Outcome::processed;
  };
  std::atomic<bool> ended{false};
  std::thread worker([&] {
    while (!ended.load(std::memory_order_relaxed)) {
      const uint32_t count = poll();
      std::vector<Answer> answers;
      const uint64_t first = consumer().first_in_flight();
      for (uint64_t sequence = first; sequence < first + count; ++sequence) {
        end_as(sequence, outcome_of(sequence));
        if (sequence % 5 == 0) answers.push_back(answer(sequence, AnswerKind::lost, "why"));
      }
      while (count > 0 && commit({}, answers) == Committed::full) std::this_thread::yield();
    }
  });
  uint64_t told = 0;
  uint64_t answered = 0;
  for (uint64_t sent = 0; told < kMany;) {
    for (int i = 0; i < 64 && sent < kMany && send(kWantsResult); ++i) ++sent;
    for (const uint64_t through = shard().ended_through(); told < through;) {
      ++told;
      ASSERT_EQ(told_by_mark(told), outcome_of(told));
    }
    answered += read_answers().size();
    replies().read(told + 1, read_);
  }
  answered += read_answers().size();
  ended = true;
  worker.join();
  EXPECT_EQ(answered, kMany / 5 - kMany / 15) << "what was filtered has nothing to tell";
}

}  // namespace
}  // namespace semel
