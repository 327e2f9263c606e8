// The consumer over a level that does as the test says: no file, no thread.
#include "shard/consumer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "shard/intake.h"

namespace semel {
namespace {

// What a block said, as far as the tests ask.
struct Appended {
  uint64_t through;
  uint64_t journal_position;
  std::vector<SourceOffset> sources;
  std::size_t parked;
  bool clean_close;
};

class ScriptedLevel final : public Level {
 public:
  explicit ScriptedLevel(Ring& ring) : ring_(ring) {}

  uint64_t visible() const override { return ring_.tail(); }
  bool delivers_again() const override { return true; }
  bool may_park() const override { return true; }
  bool has_open_letter(uint64_t) const override { return true; }
  Result<uint64_t> write_letter(const DeadLetter& letter) override {
    letters.push_back(letter);
    return letters.size();
  }
  Status resolve_letter(uint64_t number, DeadLetters::How, uint64_t) override {
    resolved.push_back(number);
    return Status::ok();
  }
  Status secure_letters() override { return Status::ok(); }
  bool has_room(AckBlock) const override { return !full; }
  Result<Committed> append(AckBlock block) override {
    if (!failure.is_ok()) return failure;
    if (full) return Committed::full;
    blocks.push_back({block.header.through, block.header.journal_position,
                      {block.sources.begin(), block.sources.end()}, block.parked.size(),
                      block.clean_close});
    return Committed::done;
  }
  Stage append_stage(Stage) const override { return Stage::log; }
  void committed(uint64_t position) override { ring_.release(position); }

  bool full = false;
  Status failure;
  std::vector<Appended> blocks;
  std::vector<DeadLetter> letters;
  std::vector<uint64_t> resolved;

 private:
  Ring& ring_;
};

class ConsumerTest : public testing::Test {
 protected:
  void SetUp() override { begin({100, 1 << 20, 100, 1 << 20}); }

  void begin(const Bounds& bounds) {
    auto replies = Replies::make(kRingBytesMin, kFullHeaderBytes, 1);
    ASSERT_TRUE(replies.is_ok());
    replies_ = std::move(replies.value());
    consumer_ = std::make_unique<Consumer>(
        Consumer::Parts{.ring = ring_,
                        .layout = layout_,
                        .level = level_,
                        .ids = ids_,
                        .replies = *replies_,
                        .bounds = bounds,
                        .in_flight_max = 64},
        AckRecovered{});
  }
  void send(uint32_t count, uint32_t bytes = 8) {
    for (uint32_t i = 0; i < count; ++i) {
      FrameHeader header;
      ASSERT_TRUE(intake_.append_full(header, payload_.data(), bytes));
    }
    intake_.publish();
  }
  void send_row(uint16_t partition, uint64_t offset) {
    FrameHeader header;
    header.has_source = true;
    header.source = {partition, offset};
    ASSERT_TRUE(intake_.append_full(header, payload_.data(), 8));
    intake_.publish();
  }
  void send_drop(uint64_t letter) {
    FrameHeader header;
    header.type = FrameType::drop;
    ASSERT_TRUE(intake_.append_full(header, &letter, sizeof letter));
    intake_.publish();
  }
  void send_offset(uint16_t partition, uint64_t offset) {
    FrameHeader header;
    header.type = FrameType::offset;
    header.has_source = true;
    header.source = {partition, offset};
    ASSERT_TRUE(intake_.append_full(header, "", 0));
    intake_.publish();
  }
  Polled poll(uint32_t max = 64) {
    auto polled = consumer_->poll(max, 0);
    EXPECT_TRUE(polled.is_ok()) << polled.status().message();
    return polled.is_ok() ? polled.value() : Polled{};
  }
  Committed commit(uint32_t count, std::span<const Detail> details = {}) {
    auto committed = consumer_->commit(count, -1, details);
    EXPECT_TRUE(committed.is_ok()) << committed.status().message();
    return committed.is_ok() ? committed.value() : Committed::full;
  }
  Detail end_as(uint64_t sequence, Detail::Action action, Outcome outcome) {
    consumer_->slots()[sequence % consumer_->capacity()].outcome = static_cast<int32_t>(outcome);
    return {sequence, action, 1, 5, Outcome::processed, {}};
  }
  Detail park(uint64_t sequence) { return end_as(sequence, Detail::Action::park, Outcome::parked); }
  Detail bury(uint64_t sequence) {
    return end_as(sequence, Detail::Action::dead_letter, Outcome::dead_lettered);
  }

  std::vector<uint8_t> memory_ = std::vector<uint8_t>(kRingBytesMin);
  std::vector<uint8_t> payload_ = std::vector<uint8_t>(kRingBytesMin, 'x');
  Ring ring_{memory_, 0, 0};
  Intake intake_{ring_, 1, 0, 1000};
  ScriptedLevel level_{ring_};
  FullLayout layout_{level_};
  NoIndex ids_;
  std::unique_ptr<Replies> replies_;
  std::unique_ptr<Consumer> consumer_;
};

TEST_F(ConsumerTest, ACommitWithoutRoomChangesNothing) {
  send(3);
  ASSERT_EQ(poll().count, 3u);
  const std::vector<Detail> details = {park(1), bury(2)};
  level_.full = true;
  EXPECT_EQ(commit(3, details), Committed::full);
  EXPECT_EQ(consumer_->in_flight(), 3u);
  EXPECT_EQ(consumer_->through(), 0u);
  EXPECT_EQ(consumer_->parked().size(), 0u);
  EXPECT_EQ(consumer_->counters().outcomes, Counters{});
  EXPECT_TRUE(level_.letters.empty()) << "a letter is written where its block has room";
  EXPECT_EQ(ring_.released(), 0u);

  level_.full = false;
  EXPECT_EQ(commit(3, details), Committed::done);
  EXPECT_EQ(consumer_->through(), 3u);
  EXPECT_EQ(consumer_->counters().parked, 1u);
  EXPECT_EQ(consumer_->counters().outcomes.dead_lettered, 1u);
  EXPECT_EQ(consumer_->counters().outcomes.processed, 1u);
  EXPECT_EQ(level_.letters.size(), 1u);
  EXPECT_EQ(ring_.released(), ring_.tail());
}

TEST_F(ConsumerTest, AnOffsetFrameTravelsWithTheMessageBeforeItAndHoldsUpNothing) {
  send(2);
  send_offset(3, 70);
  send_offset(4, 7);
  send_offset(3, 71);
  send(1);
  send_offset(3, 90);
  EXPECT_EQ(poll().count, 3u);
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_TRUE(level_.blocks.back().sources.empty()) << "the message before it is in flight";
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_EQ(level_.blocks.back().sources, (std::vector<SourceOffset>{{3, 71}, {4, 7}}));
  EXPECT_EQ(consumer_->sources(), (std::vector<SourceOffset>{{3, 71}, {4, 7}}));
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_EQ(consumer_->sources(), (std::vector<SourceOffset>{{3, 90}, {4, 7}}));
  EXPECT_EQ(ring_.released(), ring_.tail()) << "its frame is released with the message's";
  ASSERT_EQ(level_.blocks.size(), 3u) << "none has a block of its own";
  ASSERT_TRUE(consumer_->close().is_ok());
  EXPECT_TRUE(level_.blocks.back().clean_close);
}

TEST_F(ConsumerTest, AnOffsetFrameThatComesLaterGoesWithWhatIsStillInFlightOrAlone) {
  send(2);
  ASSERT_EQ(poll().count, 2u);
  EXPECT_EQ(commit(1), Committed::done);
  send_offset(3, 70);
  EXPECT_EQ(poll().count, 0u);
  level_.full = true;
  EXPECT_EQ(commit(1), Committed::full);
  EXPECT_TRUE(consumer_->sources().empty());
  level_.full = false;
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_EQ(level_.blocks.back().sources, (std::vector<SourceOffset>{{3, 70}}));
  EXPECT_EQ(level_.blocks.back().journal_position, ring_.tail());
  send_offset(3, 80);
  EXPECT_EQ(poll().count, 0u);
  EXPECT_EQ(level_.blocks.back().sources, (std::vector<SourceOffset>{{3, 80}}));
}

TEST_F(ConsumerTest, AnOffsetFrameIsReadAgainByTheNextWorker) {
  send(2);
  send_offset(3, 70);
  ASSERT_EQ(poll().count, 2u);
  EXPECT_EQ(consumer_->adopt(), 2u);
  EXPECT_EQ(poll(1).count, 1u);
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_TRUE(consumer_->sources().empty());
  EXPECT_EQ(poll(1).count, 1u);
  EXPECT_EQ(poll(1).count, 0u);
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_EQ(consumer_->sources(), (std::vector<SourceOffset>{{3, 70}}));
}

TEST_F(ConsumerTest, WhatIsGivenUpCountsAsDroppedAndRaisesNoOffset) {
  send_row(3, 10);
  send_row(4, 20);
  send_row(3, 11);
  ASSERT_EQ(poll().count, 3u);
  end_as(3, Detail::Action::settle, Outcome::given_up);
  EXPECT_EQ(commit(3), Committed::done);
  EXPECT_EQ(consumer_->sources(), (std::vector<SourceOffset>{{3, 10, true}, {4, 20}}));
  EXPECT_EQ(consumer_->counters().outcomes.processed, 2u);
  EXPECT_EQ(consumer_->counters().outcomes.dropped, 1u);
  EXPECT_EQ(consumer_->through(), 3u);
  EXPECT_EQ(ring_.released(), ring_.tail());
}

TEST_F(ConsumerTest, ADroppedLetterWaitsForWhatIsInFlightAndHoldsUpWhatIsBehindIt) {
  send(2);
  send_drop(7);
  send_offset(3, 70);
  send(1);
  EXPECT_EQ(poll().count, 2u);
  EXPECT_EQ(poll().count, 0u);
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_EQ(poll().count, 0u) << "one is still in flight";
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_EQ(poll().count, 1u);
  ASSERT_EQ(level_.blocks.size(), 3u);
  EXPECT_EQ(level_.blocks[2].sources, (std::vector<SourceOffset>{{3, 70}}));
  EXPECT_EQ(level_.blocks[2].through, 2u);
  EXPECT_EQ(consumer_->sources(), (std::vector<SourceOffset>{{3, 70}}));
}

TEST_F(ConsumerTest, AControlFrameWithoutRoomIsInNoOtherBlockAndInItsOwnLater) {
  send(1);
  ASSERT_EQ(poll().count, 1u);
  ASSERT_EQ(commit(1, std::vector<Detail>{park(1)}), Committed::done);
  const uint64_t before = level_.blocks.back().journal_position;
  send_offset(3, 70);
  send(1);
  level_.full = true;
  EXPECT_EQ(poll().count, 0u);
  EXPECT_TRUE(consumer_->sources().empty());
  const std::vector<Detail> settle = {{1, Detail::Action::settle, 1, 0, Outcome::processed, {}}};
  EXPECT_EQ(commit(0, settle), Committed::full);
  level_.full = false;
  // A block in between covers less of the journal, so that a crash behind it loses no offset.
  EXPECT_EQ(commit(0, settle), Committed::done);
  EXPECT_EQ(level_.blocks.back().journal_position, before);
  EXPECT_TRUE(level_.blocks.back().sources.empty());
  EXPECT_EQ(poll().count, 1u);
  EXPECT_EQ(level_.blocks.back().sources, (std::vector<SourceOffset>{{3, 70}}));
  EXPECT_GT(level_.blocks.back().journal_position, before);
}

TEST_F(ConsumerTest, ACloseIsCleanWhereNothingWaits) {
  send_offset(3, 70);
  level_.full = true;
  EXPECT_EQ(poll().count, 0u);
  level_.full = false;
  ASSERT_TRUE(consumer_->close().is_ok());
  EXPECT_FALSE(level_.blocks.back().clean_close) << "a control frame has no block yet";
  EXPECT_EQ(poll().count, 0u);
  ASSERT_TRUE(consumer_->close().is_ok());
  EXPECT_TRUE(level_.blocks.back().clean_close);
  send(1);
  ASSERT_TRUE(consumer_->close().is_ok());
  EXPECT_FALSE(level_.blocks.back().clean_close);
}

TEST_F(ConsumerTest, AFailureBehindDeadLettersEndsTheShard) {
  send(2);
  ASSERT_EQ(poll().count, 2u);
  level_.failure = {Code::io, "refused"};
  EXPECT_EQ(consumer_->commit(1, -1, {}).status().code(), Code::io);
  level_.failure = Status::ok();
  EXPECT_EQ(commit(1), Committed::done) << "nothing was written before the block";
  const Detail detail = bury(2);
  level_.failure = {Code::io, "refused"};
  EXPECT_EQ(consumer_->commit(1, -1, {&detail, 1}).status().code(), Code::io);
  level_.failure = Status::ok();
  EXPECT_EQ(consumer_->commit(1, -1, {&detail, 1}).status().code(), Code::io);
  EXPECT_EQ(consumer_->poll(1, 0).status().code(), Code::io);
  EXPECT_EQ(consumer_->close().status().code(), Code::io);
}

TEST_F(ConsumerTest, PollsNoMoreThanMayBeParked) {
  begin({.parked_max = 3, .parked_bytes_max = 1 << 20, .in_flight_max = 64,
         .in_flight_bytes_max = 1 << 20});
  send(8);
  EXPECT_EQ(poll().count, 3u);
  EXPECT_EQ(poll().stall, Stall::in_flight_full);
  EXPECT_EQ(commit(2, std::vector<Detail>{park(1), park(2)}), Committed::done);
  EXPECT_EQ(poll().count, 0u) << "one may be parked yet, and one is in flight";
  EXPECT_EQ(commit(1, std::vector<Detail>{park(3)}), Committed::done);
  EXPECT_EQ(poll().stall, Stall::parked_full);
  const std::vector<Detail> settle = {{2, Detail::Action::settle, 1, 0, Outcome::processed, {}}};
  EXPECT_EQ(commit(0, settle), Committed::done);
  EXPECT_EQ(poll().count, 1u);
}

TEST_F(ConsumerTest, BoundsTheBytesInFlightButTakesAFirstMessageWhateverItsSize) {
  begin({.parked_max = 64, .parked_bytes_max = 1 << 20, .in_flight_max = 64,
         .in_flight_bytes_max = 100});
  send(4, 1000);
  EXPECT_EQ(poll().count, 1u);
  EXPECT_EQ(poll().stall, Stall::in_flight_full);
  EXPECT_EQ(commit(1), Committed::done);
  EXPECT_EQ(poll().count, 1u);
}

TEST_F(ConsumerTest, FillsSlotsSideBySideAndFindsThemBySequence) {
  std::vector<uint32_t> counts;
  uint64_t next = 1;
  for (int round = 0; round < 6; ++round) {
    send(40);
    for (uint32_t waiting = 40; waiting > 0;) {
      const uint32_t count = poll().count;
      ASSERT_GT(count, 0u);
      for (uint32_t i = 0; i < count; ++i, ++next) {
        const Slot& slot = consumer_->slots()[next % consumer_->capacity()];
        EXPECT_EQ(slot.length, 8);
        EXPECT_EQ(memory_[static_cast<std::size_t>(slot.offset)], 'x');
      }
      counts.push_back(count);
      waiting -= count;
      ASSERT_EQ(commit(count), Committed::done);
    }
  }
  EXPECT_EQ(consumer_->through(), 240u);
  EXPECT_EQ(counts.size(), 9u) << "the end of the slots was met three times";
}

TEST_F(ConsumerTest, ANewWorkerGetsWhatWasInFlight) {
  send(5);
  ASSERT_EQ(poll().count, 5u);
  ASSERT_EQ(commit(2), Committed::done);
  EXPECT_EQ(consumer_->adopt(), 3u);
  EXPECT_EQ(consumer_->first_in_flight(), 3u);
  EXPECT_EQ(poll().count, 3u);
}

}  // namespace
}  // namespace semel
