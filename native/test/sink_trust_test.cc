// A directory that goes on from its sink, where the two disagree.
#include "prepared_commits_fixture.h"
#include "repair/sink_trust.h"
#include "watched_storage.h"

namespace semel::test {
namespace {

namespace fs = std::filesystem;

class SinkTrust : public PreparedCommitsFixture {
 protected:
  ~SinkTrust() override {
    fs::remove_all(copy());
  }
  std::string copy() const { return directory_ + "-copy"; }
  void keep_copy() { fs::copy(directory_, copy(), fs::copy_options::recursive); }
  void restore_copy() {
    fs::remove_all(directory_);
    fs::copy(copy(), directory_, fs::copy_options::recursive);
  }
  void close() {
    record();
    const Status status = stream_->close();
    ASSERT_TRUE(status.is_ok()) << status.message();
    stream_.reset();
  }
  // Messages with these ids, read from a partition up to them, each of which is a commit of its own.
  void process(uint64_t from, uint64_t to) {
    for (uint64_t id = from; id <= to; ++id) {
      store_row(id);
      ASSERT_EQ(poll(1), 1u);
      while (!prepare(1, [] { return Outcome::processed; })) {
        // The log is to move on.
        record();
        stream_->wake_syncer();
        std::this_thread::yield();
      }
      drain();
      held_.push_back(held_now());
    }
  }
  // At `disk` what is done is not kept in the journal.
  bool keeps_done() const { return GetParam() != Durability::disk; }
  void store_row(uint64_t id) {
    FrameHeader header;
    header.id = integer_id(id);
    header.id_kind = IdKind::integer;
    header.has_source = true;
    header.source = {0, id};
    shard().intake().begin(stream_->clock().now_us());
    ASSERT_TRUE(shard().intake().append_full(header, &id, sizeof id));
    stream_->publish(0);
    stored_[shard().intake().sequence()] = id;
    while (shard().durable_sequence() < shard().intake().sequence() &&
           GetParam() != Durability::process) {
      std::this_thread::yield();
    }
  }
  SinkHeld held_now() {
    return {sink_.last, stream_->lineage(), consumer().through(), consumer().sources(), true};
  }
  // The sink as it was behind one of the commits of process(), from 1.
  void put_sink_back(std::size_t to) {
    sink_.last = to == 0 ? CommitNumber{} : held_[to - 1].last;
    sink_.effects.resize(to);
    held_.resize(to);
  }

  TrustOrder order(bool by_position = false) {
    TrustOrder made;
    if (!held_.empty()) made.shards.push_back(held_.back());
    if (held_.empty()) made.shards.emplace_back();
    made.by_position = by_position;
    return made;
  }
  ShardTrust plan(bool by_position = false) {
    auto made = plan_trust(Storage::real(), directory_, order(by_position));
    EXPECT_TRUE(made.is_ok()) << made.status().message();
    EXPECT_EQ(made.value().refusals, std::vector<std::string>());
    return std::move(made.value().shards.at(0));
  }
  Trusted trust(bool by_position = false) {
    auto made = trust_sink(Storage::real(), directory_, order(by_position));
    EXPECT_TRUE(made.is_ok()) << made.status().message();
    EXPECT_EQ(made.value().plan.refusals, std::vector<std::string>());
    EXPECT_FALSE(verify_directory(Storage::real(), directory_).value().damaged());
    return std::move(made.value());
  }
  std::vector<uint64_t> effects() const {
    std::vector<uint64_t> sorted = sink_.effects;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  static std::vector<uint64_t> up_to(uint64_t last) {
    std::vector<uint64_t> all;
    for (uint64_t id = 1; id <= last; ++id) all.push_back(id);
    return all;
  }
  uint64_t source_at() {
    const auto& sources = shard().stored_sources();
    return sources.empty() ? 0 : sources.front().offset.low;
  }
  void expect_conserved() {
    const ShardStatus status = shard().status();
    const Counters& c = status.consumer.outcomes;
    EXPECT_EQ(status.stored, c.processed + c.filtered + c.duplicate + c.late + c.dead_lettered +
                                 c.dropped + status.consumer.parked + consumer().in_flight());
  }

  std::vector<SinkHeld> held_;  // by commit
};

TEST_P(SinkTrust, an_older_backup_goes_on_from_where_the_sink_has_got_to) {
  open();
  process(1, 5);
  close();
  keep_copy();
  open();
  process(6, 9);
  close();
  restore_copy();
  ASSERT_EQ(try_open().code(), Code::sink_ahead);

  const ShardTrust planned = plan();
  EXPECT_EQ(planned.standing, Standing::ahead);
  EXPECT_EQ(planned.stored, 5u);
  EXPECT_EQ(planned.through, 9u);
  EXPECT_EQ(planned.forgotten.all(), (std::vector<Range>{{6, 9}}));
  EXPECT_TRUE(planned.lost.empty());
  ASSERT_EQ(try_open().code(), Code::sink_ahead);  // planning changes nothing

  EXPECT_EQ(trust().originals, "before-repair-1");
  open();
  EXPECT_EQ(source_at(), 9u);
  expect_conserved();
  // Ids that the backup has are known still.
  ASSERT_TRUE(send(3));
  process(10, 12);
  finish();
  EXPECT_EQ(effects(), up_to(12));
  EXPECT_EQ(shard().status().consumer.outcomes.duplicate, 1u);
  close();
  open();
  EXPECT_EQ(effects(), up_to(12));
}

TEST_P(SinkTrust, what_the_backup_stored_and_the_sink_has_is_not_delivered_again) {
  open();
  process(1, 3);
  for (uint64_t id = 4; id <= 8; ++id) store_row(id);
  stream_->abandon();
  stream_.reset();
  keep_copy();
  open();
  for (uint64_t id = 4; id <= 6; ++id) {
    ASSERT_EQ(poll(1), 1u);
    ASSERT_TRUE(prepare(1, [] { return Outcome::processed; }));
    drain();
    held_.push_back(held_now());
  }
  stream_->abandon();
  stream_.reset();
  restore_copy();
  const ShardTrust planned = plan();
  EXPECT_EQ(planned.done.all(), (std::vector<Range>{{3, 6}}));
  EXPECT_TRUE(planned.forgotten.empty());
  trust();
  open();
  finish();
  EXPECT_EQ(effects(), up_to(8));
  // Their ids are known: the journal had them.
  ASSERT_TRUE(send(5));
  finish();
  EXPECT_EQ(effects(), up_to(8));
  expect_conserved();
}

TEST_P(SinkTrust, a_sink_that_was_put_back_is_given_again_what_the_journal_has) {
  open();
  process(1, 9);
  close();
  put_sink_back(4);
  ASSERT_EQ(try_open().code(), Code::sink_behind);
  const ShardTrust planned = plan();
  EXPECT_EQ(planned.standing, Standing::behind);
  const std::vector<Range> behind{{5, 9}};
  EXPECT_EQ(planned.redone.all(), keeps_done() ? behind : std::vector<Range>());
  EXPECT_EQ(planned.lost.all(), keeps_done() ? std::vector<Range>() : behind);
  trust();
  open();
  EXPECT_EQ(source_at(), keeps_done() ? 9u : 4u);
  if (!keeps_done()) process(5, 9);
  finish();
  EXPECT_EQ(effects(), up_to(9));
  process(10, 11);
  expect_conserved();
  EXPECT_EQ(effects(), up_to(11));
}

TEST_P(SinkTrust, what_the_journal_has_no_more_is_read_again) {
  open();
  // Several laps of the ring, and so many that the log begins behind the sink's commit.
  process(1, 3000);
  close();
  put_sink_back(10);
  const ShardTrust planned = plan();
  EXPECT_EQ(planned.lost.all(), (std::vector<Range>{{11, 3000}}));
  ASSERT_EQ(planned.sources.size(), 1u);
  EXPECT_EQ(planned.sources[0].after, Offset{10});
  EXPECT_TRUE(planned.stuck_sources.empty());
  trust();
  open();
  EXPECT_EQ(source_at(), 10u);
  process(11, 40);
  finish();
  EXPECT_EQ(effects(), up_to(40));
  expect_conserved();
}

TEST_P(SinkTrust, known_by_their_positions_all_messages_are_read_again) {
  options_.dedup = false;
  open();
  process(1, 5);
  for (uint64_t id = 6; id <= 8; ++id) store_row(id);
  stream_->abandon();
  stream_.reset();
  put_sink_back(2);
  trust(true);
  open();
  if (!keeps_done()) {
    // What waited in the journal is read again with the others.
    EXPECT_EQ(source_at(), 2u);
    process(3, 8);
  }
  finish();
  EXPECT_EQ(effects(), up_to(8));
  expect_conserved();
}

TEST_P(SinkTrust, a_partition_of_which_messages_wait_does_not_go_back_behind_them) {
  open();
  process(1, 5);
  for (uint64_t id = 6; id <= 8; ++id) store_row(id);
  stream_->abandon();
  stream_.reset();
  put_sink_back(2);
  const ShardTrust planned = plan();
  if (keeps_done()) {
    EXPECT_TRUE(planned.stuck_sources.empty());
  } else {
    EXPECT_EQ(planned.stuck_sources, std::vector<uint32_t>{0});
    EXPECT_EQ(planned.lost.all(), (std::vector<Range>{{3, planned.through_before}}));
  }
  trust();
  open();
  EXPECT_EQ(source_at(), 8u);
  finish();
  if (keeps_done()) {
    EXPECT_EQ(effects(), up_to(8));
  } else {
    std::vector<uint64_t> due = up_to(2);
    for (uint64_t id = planned.through_before + 1; id <= 8; ++id) due.push_back(id);
    EXPECT_EQ(effects(), due);
  }
  expect_conserved();
}

TEST_P(SinkTrust, without_places_from_the_sink_those_of_the_directory_count) {
  open();
  process(1, 5);
  close();
  keep_copy();
  open();
  process(6, 7);
  close();
  restore_copy();
  held_.back().sources.clear();
  held_.back().knows_sources = false;
  const ShardTrust planned = plan();
  EXPECT_FALSE(planned.knows_sources);
  EXPECT_TRUE(planned.sources.empty());
  trust();
  open();
  EXPECT_EQ(source_at(), 5u);
  EXPECT_EQ(consumer().through(), 7u);
  expect_conserved();
}

TEST_P(SinkTrust, a_table_that_was_dropped_is_filled_from_the_start) {
  open();
  process(1, 5);
  close();
  put_sink_back(0);
  sink_.epoch = 0;
  ASSERT_EQ(try_open().code(), Code::sink_behind);
  trust();
  sink_.epoch = 0;
  open();
  finish();
  process(keeps_done() ? 6 : 1, 7);
  EXPECT_EQ(effects(), up_to(7));
}

TEST_P(SinkTrust, messages_that_were_parked_are_named_where_nobody_knows_their_end) {
  open();
  process(1, 2);
  store_row(3);
  ASSERT_EQ(poll(1), 1u);
  ASSERT_TRUE(prepare(1, [] { return Outcome::parked; }));
  drain();
  process(4, 4);
  close();
  keep_copy();
  open();
  process(5, 6);
  close();
  restore_copy();
  EXPECT_EQ(plan().parked.all(), (std::vector<Range>{{3, 3}}));
  trust();
  open();
  EXPECT_EQ(shard().status().consumer.outcomes.dropped, 1u);
  expect_conserved();
  // Its id is not known: a copy may come.
  ASSERT_TRUE(send(3));
  finish();
  EXPECT_EQ(effects(), up_to(6));
}

TEST_P(SinkTrust, a_parked_message_whose_effect_the_sink_has_lost_is_tried_again) {
  open();
  process(1, 2);
  store_row(3);
  ASSERT_EQ(poll(1), 1u);
  ASSERT_TRUE(prepare(1, [] { return Outcome::parked; }));
  drain();
  process(4, 4);
  end_parked();
  process(5, 6);
  close();
  sink_.effects = {1, 2, 4};
  held_.resize(3);
  sink_.last = held_.back().last;
  trust();
  open();
  EXPECT_EQ(shard().status().consumer.parked, 1u);
  if (!keeps_done()) process(5, 6);
  finish();
  EXPECT_EQ(effects(), up_to(6));
  expect_conserved();
}

TEST_P(SinkTrust, a_new_directory_goes_on_from_an_old_sink) {
  open();
  process(1, 7);
  close();
  fs::remove_all(directory_);
  // As the refused opening leaves it.
  { ASSERT_TRUE(Stream::lock(Storage::real(), options_).is_ok()); }
  EXPECT_EQ(plan().standing, Standing::other);
  TrustOrder given = order();
  given.sources = std::vector<uint8_t>{'[', ']'};
  auto trusted = trust_sink(Storage::real(), directory_, given);
  ASSERT_TRUE(trusted.is_ok()) << trusted.status().message();
  ASSERT_EQ(trusted.value().plan.refusals, std::vector<std::string>());
  open();
  EXPECT_EQ(stream_->lineage(), held_.back().lineage);
  EXPECT_EQ(stream_->get_file("sources"), *given.sources);
  EXPECT_EQ(source_at(), 7u);
  process(8, 9);
  expect_conserved();
  EXPECT_EQ(effects(), up_to(9));
  close();
  open();
}

TEST_P(SinkTrust, a_directory_with_a_history_of_its_own_takes_over_no_other) {
  open();
  process(1, 3);
  close();
  SinkHeld other = held_.back();
  other.lineage += 1;
  TrustOrder given;
  given.shards.push_back(other);
  auto trusted = trust_sink(Storage::real(), directory_, given);
  ASSERT_TRUE(trusted.is_ok());
  ASSERT_EQ(trusted.value().plan.refusals.size(), 1u);
  EXPECT_NE(trusted.value().plan.refusals[0].find("history of its own"), std::string::npos);
  EXPECT_EQ(trusted.value().originals, "");
  open();
}

TEST_P(SinkTrust, where_the_two_agree_there_is_nothing_to_do_and_done_twice_it_is_done_once) {
  open();
  process(1, 3);
  close();
  EXPECT_TRUE(trust().plan.steps.empty());
  put_sink_back(2);
  EXPECT_FALSE(trust().plan.steps.empty());
  const Trusted again = trust();
  EXPECT_TRUE(again.plan.steps.empty());
  EXPECT_EQ(again.originals, "");
  open();
  if (!keeps_done()) process(3, 3);
  finish();
  EXPECT_EQ(effects(), up_to(3));
}

// Each of what it does to files is the last one once.
TEST_P(SinkTrust, a_crash_at_any_point_leaves_what_it_can_be_run_on_again) {
  open();
  process(1, 5);
  close();
  keep_copy();
  open();
  process(6, 8);
  close();
  const auto held = held_;
  const Sink sink = sink_;
  bool ended = false;
  int points = 0;
  for (uint64_t last = 0; !ended; ++last, ++points) {
    ASSERT_LT(points, 400);
    restore_copy();
    sink_ = sink;
    DyingStorage storage(last);
    ended = trust_sink(storage, directory_, order()).is_ok();
    trust();
    open();
    process(9, 10);
    ASSERT_EQ(effects(), up_to(10)) << "cut behind " << last;
    close();
    held_ = held;
  }
  EXPECT_GT(points, 10);
}

INSTANTIATE_TEST_SUITE_P(levels, SinkTrust,
                         ::testing::Values(Durability::process, Durability::interval,
                                           Durability::disk));

}  // namespace
}  // namespace semel::test
