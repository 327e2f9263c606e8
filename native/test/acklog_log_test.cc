// What an ack log keeps, over restarts, rotations and the end of the window; under both writers.
#include "acklog_fixture.h"

namespace semel {
namespace {

using test::MemoryStorage;
using test::Owner;
using test::TemporaryDirectory;
using Appended = AckLog::Appended;

struct Level {
  const char* name;
  Writer writer;
  bool synced;
};

class AckLogLevels : public testing::TestWithParam<Level> {
 protected:
  AckLog::Options options() {
    AckLog::Options options;
    options.storage = &Storage::real();
    options.directory = directory_.path();
    options.writer = GetParam().writer;
    options.synced = GetParam().synced;
    options.segment_bytes = 64 * 1024;
    options.window_us = 1000;
    options.directory_salt = 77;
    return options;
  }
  static void sync_where_the_level_does(Owner& owner) {
    if (owner.options().synced) {
      ASSERT_TRUE(owner.make_durable().is_ok());
    }
  }
  // As the shard's sync thread would, until the block is taken.
  static void store(Owner& owner, uint64_t count, bool integers, bool park, uint64_t resolve = 0) {
    for (int attempt = 0; attempt < 1000; ++attempt) {
      auto appended = owner.append(count, integers, park, resolve);
      ASSERT_TRUE(appended.is_ok()) << appended.status().message();
      if (appended.value() == Appended::stored) return;
      sync_where_the_level_does(owner);
      ASSERT_TRUE(owner.maintain_all().is_ok());
    }
    FAIL() << "the log stayed full";
  }
  std::size_t segment_files() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      count += acklog::segment_number(entry.path().filename().string()).has_value();
    }
    return count;
  }

  TemporaryDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(Levels, AckLogLevels,
                         testing::Values(Level{"process", Writer::mapped, false},
                                         Level{"interval", Writer::mapped, true},
                                         Level{"disk", Writer::direct, true}),
                         [](const auto& level) { return level.param.name; });

TEST_P(AckLogLevels, gives_back_what_was_appended) {
  Owner owner(options());
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_TRUE(owner.recovered().empty);
  EXPECT_EQ(owner.recovered().header.sink_places, -1);
  owner.must_append(5, true, true);
  owner.must_append(7, false, true);
  owner.must_append(0);
  owner.must_append(3, true, false, 5);
  EXPECT_EQ(owner.log().published_through(), 15u);
  ASSERT_TRUE(owner.make_durable().is_ok());
  EXPECT_EQ(owner.log().durable_through(), 15u);
  EXPECT_EQ(owner.log().durable_block(), 4u);
  EXPECT_EQ(owner.log().durable_journal_position(), 15u * 64);

  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(owner.open().is_ok());
    EXPECT_FALSE(owner.recovered().empty);
    EXPECT_FALSE(owner.recovered().clean);
    EXPECT_EQ(owner.recovered().block_number, 4u);
    EXPECT_EQ(owner.recovered().torn_bytes, 0u);
    EXPECT_EQ(owner.recovered().header.through, 15u);
    EXPECT_EQ(owner.wrong_with(owner.recovered()), "");
    ASSERT_EQ(owner.ids().size(), 15u);
    EXPECT_EQ(owner.ids()[0], integer_id(1));
    EXPECT_EQ(owner.ids()[5], (Id{6, 42}));
    EXPECT_EQ(owner.ids()[14], integer_id(15));
    EXPECT_EQ(owner.log().durable_through(), GetParam().synced ? 15u : 0u);
  }
  auto read = AckLog::inspect(owner.options(), {});
  ASSERT_TRUE(read.is_ok());
  EXPECT_EQ(read.value().ids, 15u);
  EXPECT_EQ(owner.wrong_with(read.value()), "");
}

TEST_P(AckLogLevels, tells_a_clean_close_from_a_crash) {
  Owner owner(options());
  ASSERT_TRUE(owner.open().is_ok());
  owner.must_append(5);
  ASSERT_TRUE(owner.append(1, true, false, 0, true).is_ok());
  ASSERT_TRUE(owner.make_durable().is_ok());
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_TRUE(owner.recovered().clean);
  owner.must_append(1);
  ASSERT_TRUE(owner.make_durable().is_ok());
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_FALSE(owner.recovered().clean);
}

TEST_P(AckLogLevels, takes_no_source_back_to_where_it_was) {
  Owner owner(options());
  ASSERT_TRUE(owner.open().is_ok());
  owner.must_append(5);
  for (const uint64_t offset : {40, 99, 70}) {
    const std::vector<SourceOffset> told{{7, offset}};
    ASSERT_TRUE(owner.log().append({owner.now().header, {}, {}, {}, told, {}, false}).is_ok());
  }
  ASSERT_TRUE(owner.make_durable().is_ok());
  ASSERT_TRUE(owner.open().is_ok());
  const auto& sources = owner.recovered().sources;
  EXPECT_NE(std::find(sources.begin(), sources.end(), SourceOffset{7, 99}), sources.end());
}

TEST_P(AckLogLevels, carries_parked_messages_through_rotations_and_lets_old_segments_go) {
  Owner owner(options());
  ASSERT_TRUE(owner.open().is_ok());
  store(owner, 10, true, true);  // sequence 10 stays parked to the end
  std::size_t most = 0;
  for (int block = 0; block < 600; ++block) {
    owner.time_us += 100;
    const uint64_t resolve = block % 3 == 2 ? owner.through() : 0;  // the one before, if parked
    store(owner, 100, block % 5 != 0, block % 3 == 1, resolve);
    if (block % 5 == 0) {
      sync_where_the_level_does(owner);
      ASSERT_TRUE(owner.maintain_all().is_ok());
    }
    most = std::max(most, segment_files());
    if (block % 50 == 49) {
      sync_where_the_level_does(owner);
      ASSERT_TRUE(owner.open().is_ok());
      ASSERT_EQ(owner.wrong_with(owner.recovered()), "");
      ASSERT_EQ(owner.recovered().header.through, owner.through());
      ASSERT_EQ(owner.now().parked.count(10), 1u);
    }
  }
  EXPECT_GT(owner.snapshots, 8);
  EXPECT_LE(most, 5u);
  // Ids of the window, 10 blocks of it, are all there.
  ASSERT_GE(owner.ids().size(), 1000u);
  EXPECT_EQ(owner.ids().back().low, owner.through());
}

TEST_P(AckLogLevels, keeps_every_segment_whose_ids_are_inside_the_window) {
  AckLog::Options wide = options();
  wide.window_us = 1'000'000'000;
  Owner owner(wide);
  ASSERT_TRUE(owner.open().is_ok());
  for (int block = 0; block < 400; ++block) store(owner, 100, true, false);
  EXPECT_GE(segment_files(), 5u);
  sync_where_the_level_does(owner);
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_EQ(owner.ids().size(), 40'000u);
  // Once the window has gone by they go, when a durable block has said so.
  owner.time_us += 2'000'000'000;
  ASSERT_TRUE(owner.maintain_all().is_ok());
  EXPECT_GE(segment_files(), 5u);
  store(owner, 1, true, false);
  sync_where_the_level_does(owner);
  ASSERT_TRUE(owner.maintain_all().is_ok());
  EXPECT_LE(segment_files(), 4u);
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_EQ(owner.wrong_with(owner.recovered()), "");
}

TEST_P(AckLogLevels, lets_segments_go_whose_ids_were_forgotten_before_the_window_ended) {
  AckLog::Options wide = options();
  wide.window_us = 1'000'000'000;
  Owner owner(wide);
  ASSERT_TRUE(owner.open().is_ok());
  uint64_t forgotten_us = 0;
  for (int block = 0; block < 400; ++block) {
    owner.time_us += 10;
    if (block == 300) forgotten_us = owner.time_us;
    store(owner, 100, true, false);
  }
  const std::size_t before = segment_files();
  for (int turn = 0; turn < 2; ++turn) {
    sync_where_the_level_does(owner);
    ASSERT_TRUE(owner.log().maintain(owner.time_us, forgotten_us).is_ok());
    if (turn == 0) store(owner, 1, true, false);
  }
  EXPECT_LT(segment_files() + 2, before);
  ASSERT_TRUE(owner.open().is_ok());
  const auto kept = std::count_if(owner.ids().begin(), owner.ids().end(),
                                  [](const Id& id) { return id.low > 30'000; });
  EXPECT_EQ(kept, 10'001) << "those of the time itself and later are all there";
}

TEST_P(AckLogLevels, takes_another_segment_size_at_the_next_open) {
  Owner owner(options());
  ASSERT_TRUE(owner.open().is_ok());
  for (const uint64_t bytes : {128u * 1024, 64u * 1024, 256u * 1024}) {
    owner.close();
    owner.options().segment_bytes = bytes;
    ASSERT_TRUE(owner.open().is_ok());
    for (int block = 0; block < 500; ++block) store(owner, 100, true, false);
    sync_where_the_level_does(owner);
    ASSERT_TRUE(owner.open().is_ok());
    ASSERT_EQ(owner.wrong_with(owner.recovered()), "");
    ASSERT_EQ(owner.recovered().header.through, owner.through());
  }
}

TEST_P(AckLogLevels, is_full_until_the_next_segment_is_ready) {
  AckLog::Options wide = options();
  wide.window_us = 1'000'000'000;
  Owner owner(wide);
  ASSERT_TRUE(owner.open().is_ok());
  int stored = 0;
  while (owner.append(100).value() == Appended::stored) ASSERT_LT(++stored, 1000);
  // Two segments of 60 KiB, 968 bytes a block.
  EXPECT_GE(stored, 100);
  const uint64_t through = owner.through();
  EXPECT_EQ(owner.append(100).value(), Appended::full);
  EXPECT_EQ(owner.through(), through);
  sync_where_the_level_does(owner);
  ASSERT_TRUE(owner.maintain_all().is_ok());
  EXPECT_EQ(owner.append(100).value(), Appended::stored);
}

TEST(AckLog, refuses_an_older_epoch_a_falling_through_and_a_block_over_its_size) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, false));
  ASSERT_TRUE(owner.open().is_ok());
  owner.must_append(5);
  AckBlock block;
  block.header = owner.now().header;
  block.header.epoch = 0;
  EXPECT_EQ(owner.log().append(block).status().code(), Code::fenced);
  block.header.epoch = owner.now().header.epoch;
  block.header.through = 4;
  EXPECT_EQ(owner.log().append(block).status().code(), Code::invalid_argument);
  block.header.through = 5;
  const std::vector<Id> ids(8000, integer_id(1));
  block.ids = ids;
  EXPECT_EQ(owner.log().append(block).status().code(), Code::too_large);
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_EQ(owner.recovered().header.through, 5u);
}

TEST(AckLog, refuses_a_snapshot_that_leaves_no_room_and_stays_usable) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, false));
  ASSERT_TRUE(owner.open().is_ok());
  owner.payload_bytes = 20'000;
  for (int count = 0; count < 3; ++count) {
    auto appended = owner.append(1, true, true);
    ASSERT_TRUE(appended.is_ok()) << appended.status().message();
    EXPECT_EQ(appended.value(), Appended::stored);
  }
  EXPECT_EQ(owner.append(1, true, true).status().code(), Code::too_large);
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_EQ(owner.wrong_with(owner.recovered()), "");
}

TEST(AckLog, never_lets_time_fall) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, false));
  ASSERT_TRUE(owner.open().is_ok());
  owner.time_us = 5000;
  owner.must_append(1);
  AckBlock block;
  block.header = owner.now().header;
  block.header.time_us = 100;
  ASSERT_TRUE(owner.log().append(block).is_ok());
  auto read = AckLog::inspect(owner.options(), {});
  ASSERT_TRUE(read.is_ok());
  EXPECT_EQ(read.value().header.time_us, 5000u);
}

TEST(AckLog, is_poisoned_by_the_first_failed_sync) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, true, Writer::direct));
  ASSERT_TRUE(owner.open().is_ok());
  owner.must_append(3);
  ASSERT_TRUE(owner.make_durable().is_ok());
  owner.must_append(3);
  disk.sync_fails = true;
  EXPECT_EQ(owner.make_durable().code(), Code::io);
  disk.sync_fails = false;
  EXPECT_EQ(owner.make_durable().code(), Code::poisoned);
  EXPECT_EQ(owner.log().maintain(0).code(), Code::poisoned);
  EXPECT_EQ(owner.log().durable_through(), 3u);
}

TEST(AckLog, takes_blocks_when_poisoned_but_never_writes_one) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, true, Writer::direct));
  ASSERT_TRUE(owner.open().is_ok());
  owner.must_append(3);
  ASSERT_TRUE(owner.make_durable().is_ok());
  owner.must_append(3);
  disk.sync_fails = true;
  EXPECT_EQ(owner.make_durable().code(), Code::io);
  disk.sync_fails = false;
  const auto before = disk.image();
  uint64_t stored = 0;
  while (owner.append(100).value() == Appended::stored) ++stored;
  EXPECT_GT(stored, 100u);  // the segments that were there
  for (int again = 0; again < 3; ++again) {
    owner.log().fix_target();
    EXPECT_EQ(owner.log().write_to_target().code(), Code::poisoned);
    EXPECT_EQ(owner.log().sync().code(), Code::poisoned);
    EXPECT_EQ(owner.log().maintain(UINT64_MAX).code(), Code::poisoned);
    EXPECT_TRUE(owner.log().check().is_ok());
  }
  EXPECT_TRUE(owner.log().has_unsynced());
  EXPECT_EQ(owner.log().published_through(), 6 + stored * 100);
  EXPECT_EQ(owner.log().durable_through(), 3u);
  EXPECT_EQ(disk.image(), before);
  EXPECT_EQ(owner.append(100).value(), Appended::full);
}

TEST(AckLog, is_not_poisoned_by_maintenance_that_fails) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, true, Writer::direct));
  ASSERT_TRUE(owner.open().is_ok());
  while (owner.append(100).value() == Appended::stored) {
  }
  ASSERT_TRUE(owner.make_durable().is_ok());
  disk.sync_fails = true;
  EXPECT_EQ(owner.maintain_all().code(), Code::io);
  disk.sync_fails = false;
  ASSERT_TRUE(owner.maintain_all().is_ok());
  owner.must_append(100);
  EXPECT_TRUE(owner.make_durable().is_ok());
}

TEST(AckLog, refuses_to_begin_anew_where_a_log_must_be) {
  MemoryStorage disk;
  AckLog::Options options = test::memory_options(disk, false);
  options.must_exist = true;
  Owner owner(options);
  EXPECT_EQ(owner.open().code(), Code::damaged);
  EXPECT_TRUE(disk.files.empty());
  EXPECT_EQ(AckLog::inspect(options, {}).status().code(), Code::damaged);
}

TEST(AckLog, refuses_options_that_cannot_be) {
  MemoryStorage disk;
  AckLog::Recovered recovered;
  for (const uint64_t bytes : {0ull, 4096ull, 65537ull, 2ull << 30}) {
    AckLog::Options options = test::memory_options(disk, false);
    options.segment_bytes = bytes;
    EXPECT_EQ(AckLog::open(options, &recovered, {}).status().code(), Code::invalid_argument);
  }
  EXPECT_EQ(AckLog::open(test::memory_options(disk, false, Writer::direct), &recovered, {})
                .status()
                .code(),
            Code::invalid_argument);
}

TEST(AckLog, inspects_without_a_trace) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, false));
  ASSERT_TRUE(owner.open().is_ok());
  owner.must_append(10, true, true);
  disk.files.at(test::segment_path(1))->bytes[4096 + 900] = 1;  // a torn tail
  const MemoryStorage::Image before = disk.image();
  auto read = AckLog::inspect(owner.options(), {});
  ASSERT_TRUE(read.is_ok());
  EXPECT_GT(read.value().torn_bytes, 0u);
  EXPECT_EQ(read.value().torn_copy, "");
  EXPECT_EQ(disk.image(), before);
}

}  // namespace
}  // namespace semel
