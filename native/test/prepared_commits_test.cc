// Commits over a transactional sink: when what shows, and what an opening or an asking makes of what the
// sink says.
#include "shard/prepared_commits.h"

#include <fstream>

#include "prepared_commits_fixture.h"
#include "repair/repair.h"

namespace semel {
namespace {

class PreparedCommitsTest : public test::PreparedCommitsFixture {};

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
  const test::Sink at_rest = sink_;

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

INSTANTIATE_TEST_SUITE_P(Levels, PreparedCommitsTest,
                         ::testing::Values(Durability::process, Durability::disk));

}  // namespace
}  // namespace semel
