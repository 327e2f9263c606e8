// Deaths of workers: which messages are tried again together, and which one is found.
#include "shard/inquest.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <unistd.h>

namespace semel {
namespace {

class InquestTest : public ::testing::Test {
 protected:
  InquestTest() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("semel-inquest-" + std::to_string(::getpid()));
    options_.name = "test";
    options_.directory = directory_;
    options_.delivery = Delivery::at_least_once;
    options_.durability = Durability::process;
    options_.ring_bytes = 1 << 20;
    options_.segment_bytes = 4 << 20;
    options_.shards = 2;
    options_.workers = 1;
  }
  ~InquestTest() override { std::filesystem::remove_all(directory_); }

  void open() {
    auto opened = Stream::open(Storage::real(), options_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    stream_ = std::move(opened.value());
  }
  Consumer& consumer(uint32_t shard = 0) { return stream_->shard(shard).consumer(); }
  void send(uint64_t count, uint32_t shard = 0) {
    for (uint64_t i = 0; i < count; ++i) {
      stream_->shard(shard).intake().begin(stream_->clock().now_us());
      FrameHeader header;
      ASSERT_TRUE(stream_->shard(shard).intake().append_full(header, &i, sizeof i));
    }
    stream_->publish(shard);
  }
  uint32_t poll(uint32_t max, uint32_t shard = 0) {
    auto polled = consumer(shard).poll(max, stream_->clock().now_us());
    EXPECT_TRUE(polled.is_ok());
    return polled.value().count;
  }
  void commit(uint32_t shard = 0) {
    auto committed = consumer(shard).commit(consumer(shard).in_flight(), -1, {});
    ASSERT_TRUE(committed.is_ok()) << committed.status().message();
  }
  Death die() { return hold_inquest(*stream_, 0); }
  void charge(const Death& death, Detail::Action action) {
    const Detail detail{death.guilty->sequence, action, death.guilty->attempts + 1, 0,
                        Outcome::dead_lettered, {}};
    auto charged = consumer(death.guilty->shard).charge(detail);
    ASSERT_TRUE(charged.is_ok()) << charged.status().message();
    ASSERT_EQ(charged.value(), Committed::done);
  }

  std::string directory_;
  StreamOptions options_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(InquestTest, ADeathWithNothingUnderWayTellsNothing) {
  open();
  send(10);
  const Death death = die();
  EXPECT_FALSE(death.narrowed);
  EXPECT_FALSE(death.guilty.has_value());
  EXPECT_EQ(poll(512), 10u);
}

TEST_F(InquestTest, ManySuspectsAreTriedInPartsAndFewOneByOne) {
  open();
  send(512);
  ASSERT_EQ(poll(512), 512u);
  EXPECT_TRUE(die().narrowed);
  EXPECT_EQ(poll(512), 8u);
  EXPECT_EQ(poll(512), 0u) << "no more than the window are in flight";
  EXPECT_TRUE(die().narrowed);
  EXPECT_EQ(poll(512), 1u);
  EXPECT_EQ(poll(512), 0u);
  commit();
  EXPECT_EQ(poll(512), 1u);
}

TEST_F(InquestTest, ALoneMessageIsGuiltyOnlyWhereItWasTheFirst) {
  open();
  send(3);
  ASSERT_EQ(poll(512), 3u);
  die();
  ASSERT_EQ(poll(512), 1u);
  commit();
  ASSERT_EQ(poll(512), 1u);
  const Death second = die();
  EXPECT_TRUE(second.narrowed);
  EXPECT_FALSE(second.guilty.has_value()) << "the first message may have left something behind";
  EXPECT_EQ(consumer().suspicion().accused(), 2u);
  ASSERT_EQ(poll(512), 1u);
  const Death third = die();
  ASSERT_TRUE(third.guilty.has_value());
  EXPECT_EQ(third.guilty->sequence, 2u);
  EXPECT_EQ(third.guilty->attempts, 0u);
  charge(third, Detail::Action::park);
  EXPECT_TRUE(consumer().suspicion().is_alone(2));
  EXPECT_EQ(poll(512), 1u) << "the last suspect";
  commit();
  EXPECT_EQ(consumer().suspicion().through(), 0u) << "all suspects are through";

  // Known to have killed, it is charged whenever it dies alone, till its attempts are used up.
  consumer().begin_parked(2);
  const Death fourth = die();
  ASSERT_TRUE(fourth.guilty.has_value());
  EXPECT_EQ(fourth.guilty->attempts, 1u);
  charge(fourth, Detail::Action::dead_letter);
  EXPECT_TRUE(consumer().suspicion().is_clear());
  EXPECT_EQ(consumer().counters().outcomes.dead_lettered, 1u);
  EXPECT_EQ(consumer().parked().size(), 0u);
}

TEST_F(InquestTest, NothingIsChargedToAMessageWhoseNeighbourWasInAnotherShard) {
  open();
  send(1, 0);
  send(1, 1);
  ASSERT_EQ(poll(512, 0), 1u);
  ASSERT_EQ(poll(512, 1), 1u);
  for (int death = 0; death < 3; ++death) {
    EXPECT_FALSE(die().guilty.has_value());
    ASSERT_EQ(poll(512, 0), 1u);
    ASSERT_EQ(poll(512, 1), 1u);
  }
}

TEST_F(InquestTest, ParkedMessagesThatWereBeingTriedAreSuspects) {
  open();
  send(2);
  ASSERT_EQ(poll(512), 2u);
  Detail details[2];
  for (uint64_t i = 0; i < 2; ++i) {
    consumer().slots()[(i + 1) % consumer().capacity()].outcome =
        static_cast<int32_t>(Outcome::parked);
    details[i] = {i + 1, Detail::Action::park, 1, 0, Outcome::processed, {}};
  }
  ASSERT_TRUE(consumer().commit(2, -1, details).is_ok());
  consumer().begin_parked(1);
  consumer().begin_parked(2);
  EXPECT_TRUE(die().narrowed);
  EXPECT_TRUE(consumer().suspicion().is_alone(1));
  EXPECT_TRUE(consumer().suspicion().is_alone(2));
  const Detail settle[] = {{1, Detail::Action::settle, 0, 0, Outcome::processed, {}}};
  consumer().begin_parked(1);
  ASSERT_TRUE(consumer().commit(0, -1, settle).is_ok());
  EXPECT_FALSE(consumer().suspicion().is_alone(1));
  consumer().begin_parked(2);
  EXPECT_FALSE(die().guilty.has_value());
  consumer().begin_parked(2);
  const Death death = die();
  ASSERT_TRUE(death.guilty.has_value());
  EXPECT_EQ(death.guilty->sequence, 2u);
  EXPECT_EQ(death.guilty->attempts, 1u);
}

TEST_F(InquestTest, AtMostOnceWhatWasInFlightIsDropped) {
  options_.delivery = Delivery::at_most_once;
  options_.durability = Durability::memory;
  options_.directory.clear();
  open();
  const uint64_t payload = 1;
  stream_->shard(0).intake().begin(stream_->clock().now_us());
  Intake& intake = stream_->shard(0).intake();
  ASSERT_TRUE(intake.append_compact(FrameType::message, &payload, sizeof payload));
  stream_->publish(0);
  ASSERT_EQ(poll(512), 1u);
  const Death death = die();
  EXPECT_EQ(death.dropped, 1u);
  EXPECT_FALSE(death.narrowed);
  EXPECT_EQ(consumer().counters().outcomes.dropped, 1u);
}

}  // namespace
}  // namespace semel
