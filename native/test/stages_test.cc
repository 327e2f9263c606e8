// What is counted of a worker's time, and that it never adds up to more than there was.
#include "shard/stages.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "shard/stream.h"

namespace semel {
namespace {

using std::chrono::milliseconds;

class StagesTest : public ::testing::Test {
 protected:
  StagesTest() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("semel-stages-" + std::to_string(::getpid()) + "-" + std::to_string(next_++));
    StreamOptions options;
    options.name = "test";
    options.directory = directory_;
    options.delivery = Delivery::exactly_once;
    options.durability = Durability::process;
    options.ring_bytes = 1 << 20;
    options.segment_bytes = 1 << 20;
    options.dedup = true;
    options.window_us = 3600ull * 1'000'000;
    auto opened = Stream::open(Storage::real(), options);
    EXPECT_TRUE(opened.is_ok()) << opened.status().message();
    stream_ = std::move(opened.value());
  }
  ~StagesTest() override {
    stream_.reset();
    std::filesystem::remove_all(directory_);
  }

  Consumer& consumer() { return stream_->shard(0).consumer(); }
  void send(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t id = sent_++;
      FrameHeader header;
      header.id = integer_id(id);
      header.id_kind = IdKind::integer;
      ASSERT_TRUE(stream_->shard(0).intake().append_full(header, &id, sizeof id));
    }
    stream_->publish(0);
  }
  uint32_t poll() {
    auto polled = consumer().poll(512, stream_->clock().now_us());
    EXPECT_TRUE(polled.is_ok());
    return polled.value().count;
  }
  void commit(uint32_t count) {
    auto committed = consumer().commit(count, -1, {});
    ASSERT_TRUE(committed.is_ok()) << committed.status().message();
    ASSERT_EQ(committed.value(), Committed::done);
  }
  double ns(Stage stage) {
    return static_cast<double>(consumer().stages()[stage]) * stream_->tick_scale().ns_per_tick();
  }

  static constexpr Stage kOfWorker[] = {Stage::poll, Stage::index, Stage::handle, Stage::commit,
                                        Stage::log};
  static inline int next_ = 0;
  std::string directory_;
  std::unique_ptr<Stream> stream_;
  uint64_t sent_ = 1;
};

TEST_F(StagesTest, AnEmptyPollCountsNothing) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(poll(), 0u);
  EXPECT_EQ(consumer().stages().ticks, StageSums{}.ticks);
  EXPECT_EQ(consumer().stages().messages, 0u);
}

TEST_F(StagesTest, EachStageGrowsWithBatchesAndTheirSumIsNoMoreThanTheTime) {
  const uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
  StageSums before;
  for (int batch = 1; batch <= 50; ++batch) {
    send(100);
    // Slots lie side by side, so that one poll may not bring all of them.
    while (const uint32_t found = poll()) commit(found);
    const StageSums now = consumer().stages();
    for (Stage stage : kOfWorker) EXPECT_GT(now[stage], before[stage]);
    EXPECT_EQ(now.messages, 100u * batch);
    before = now;
  }
  double sum = 0;
  for (Stage stage : kOfWorker) sum += ns(stage);
  const auto wall = static_cast<double>(clock_ns(CLOCK_MONOTONIC) - began_ns);
  EXPECT_LE(sum, 1.001 * wall);
  EXPECT_EQ(ns(Stage::append), 0);
}

TEST_F(StagesTest, WhatPassesBetweenPollAndCommitIsTheHandler) {
  send(2);
  ASSERT_EQ(poll(), 2u);
  std::this_thread::sleep_for(milliseconds(5));
  commit(1);
  EXPECT_GE(ns(Stage::handle), 4.9e6);
  // One is still in flight, and an empty poll ends nothing.
  EXPECT_EQ(poll(), 0u);
  std::this_thread::sleep_for(milliseconds(5));
  commit(1);
  EXPECT_GE(ns(Stage::handle), 9.9e6);
}

TEST_F(StagesTest, WaitingForMessagesIsNoStage) {
  send(1);
  ASSERT_EQ(poll(), 1u);
  commit(1);
  const StageSums before = consumer().stages();
  std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(poll(), 0u);
  EXPECT_EQ(consumer().stages().ticks, before.ticks);
  send(1);
  ASSERT_EQ(poll(), 1u);
  EXPECT_EQ(consumer().stages()[Stage::handle], before[Stage::handle]);
  commit(1);
}

TEST_F(StagesTest, TheTimeUntilADeadWorkersShardIsTakenOverIsNotCounted) {
  send(1);
  ASSERT_EQ(poll(), 1u);
  const uint64_t before = consumer().stages()[Stage::handle];
  std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(consumer().adopt(), 1u);
  ASSERT_EQ(poll(), 1u);
  EXPECT_EQ(consumer().stages()[Stage::handle], before);
  commit(1);
}

}  // namespace
}  // namespace semel
