// The bytes of FORMAT.md, and that what is written is what is documented.
#include "acklog_fixture.h"
#include "core/crc32c.h"

namespace semel {
namespace {

using test::MemoryStorage;

TEST(AckLogFormat, writes_the_bytes_of_the_worked_example) {
  MemoryStorage disk;
  AckLog::Options options = test::memory_options(disk, true);
  options.directory_salt = 0xD1D2D3D4D5D6D7D8;
  options.random = [] { return 0x0102030405060708; };
  AckLog::Recovered recovered;
  auto log = AckLog::open(options, &recovered, {});
  ASSERT_TRUE(log.is_ok());
  const std::vector<Id> ids{integer_id(41), integer_id(42)};
  Parked parked;
  parked.sequence = 2;
  parked.time_us = 1000;
  parked.due_us = 3000;
  parked.attempts = 1;
  parked.type = 7;
  parked.has_id = true;
  parked.id = integer_id(43);
  parked.history = "no";
  parked.payload = {0xAA, 0xBB, 0xCC};
  const Parked* const parked_list[] = {&parked};
  AckBlock block;
  block.header = {.through = 3,
                  .time_us = 2000,
                  .journal_position = 192,
                  .journal_durable = 3,
                  .sink_places = -1,
                  .dead_letter_bytes = 4096,
                  .epoch = 1,
                  .counters = {.processed = 2}};
  block.ids = ids;
  block.parked = parked_list;
  ASSERT_TRUE(log.value()->append(block).is_ok());
  ASSERT_TRUE(log.value()->write().is_ok());
  ASSERT_TRUE(log.value()->sync().is_ok());
  const std::vector<uint64_t> resolved{2};
  const std::vector<SourceOffset> sources{{5, 99}};
  AckBlock second;
  second.header = block.header;
  second.header.through = 4;
  second.header.time_us = 2500;
  second.header.journal_position = 256;
  second.header.journal_durable = 4;
  second.header.sink_places = 70;
  second.header.counters.processed = 4;
  const std::vector<Id> wide{{0x1111111111111111, 0x2222222222222222}};
  second.ids = wide;
  second.resolved = resolved;
  second.sources = sources;
  second.clean_close = true;
  ASSERT_TRUE(log.value()->append(second).is_ok());
  AckBlock third;
  third.header = second.header;
  third.header.through = 5;
  third.header.journal_position = 320;
  third.header.journal_durable = 5;
  third.header.counters.processed = 5;
  third.header.sink_places.set(2, 30);
  third.commit = CommitStamp{.epoch = 7,
                             .n = 3,
                             .parent = {6, 2},
                             .confirmed = {6, 2},
                             .through = 4,
                             .journal_position = 256,
                             .dead_letter_bytes = 4096};
  ASSERT_TRUE(log.value()->append(third).is_ok());

  const std::vector<uint8_t> meant = test::documented("../acklog/FORMAT.md");
  const std::vector<uint8_t>& bytes = disk.files.at(test::segment_path(1))->bytes;
  ASSERT_LT(meant.size(), bytes.size());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const uint8_t expected = at < meant.size() ? meant[at] : 0;
    if (bytes[at] == expected) continue;
    ADD_FAILURE() << "byte " << at << " is " << int{bytes[at]} << ", not " << int{expected};
    break;
  }
}

TEST(AckLogFormat, checksum_is_the_published_crc32c) {
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xE3069283u);
}

TEST(AckLogFormat, halves_ids_only_where_all_are_integers) {
  const std::vector<Id> integers{integer_id(1), integer_id(~0ull)};
  const std::vector<Id> mixed{integer_id(1), Id{2, 3}};
  const std::vector<Id> negative{Id{5, kNegativeIntegerHigh}};
  EXPECT_EQ(acklog::id_width({}), 0);
  EXPECT_EQ(acklog::id_width(integers), 8);
  EXPECT_EQ(acklog::id_width(mixed), 16);
  EXPECT_EQ(acklog::id_width(negative), 16);
}

// Blocks whose checksum holds and which this version cannot read.
class OtherVersion : public testing::Test {
 protected:
  void SetUp() override {
    AckLog::Recovered recovered;
    auto log = AckLog::open(options_, &recovered, {});
    ASSERT_TRUE(log.is_ok());
    const std::vector<uint64_t> resolved{1};
    AckBlock block;
    block.header.through = 1;
    block.resolved = resolved;
    ASSERT_TRUE(log.value()->append(block).is_ok());
  }
  Status change(std::size_t at, uint8_t value) {
    uint8_t* block = &disk_.files.at(test::segment_path(1))->bytes[4096];
    block[at] = value;
    const uint64_t salt = load<uint64_t>(block - 4096 + 32);
    const uint32_t length = load<uint32_t>(block);
    store<uint32_t>(block + 4, crc32c(static_cast<uint32_t>(salt ^ salt >> 32), block + 8, length - 8));
    return AckLog::inspect(options_, {}).status();
  }
  MemoryStorage disk_;
  AckLog::Options options_ = test::memory_options(disk_, false);
};

TEST_F(OtherVersion, is_refused_for_an_entry_type_it_does_not_know) {
  EXPECT_EQ(change(144, 3).code(), Code::format);  // a source entry of another size
  EXPECT_EQ(change(144, 4).code(), Code::format);  // reserved for state
  EXPECT_EQ(change(144, 9).code(), Code::format);
  EXPECT_EQ(change(144, 2).code(), Code::ok);
}

TEST_F(OtherVersion, is_refused_for_lengths_and_flags_it_does_not_know) {
  EXPECT_EQ(change(148, 200).code(), Code::format);
  EXPECT_EQ(change(148, 8).code(), Code::ok);
  EXPECT_EQ(change(89, 64).code(), Code::format);
  EXPECT_EQ(change(89, 1).code(), Code::damaged);  // a snapshot where none can be
}

TEST_F(OtherVersion, is_refused_for_a_segment_version_it_does_not_know) {
  uint8_t* header = disk_.files.at(test::segment_path(1))->bytes.data();
  header[8] = 2;
  store<uint32_t>(header + 48, crc32c(0, header, 48));
  const Status status = AckLog::inspect(options_, {}).status();
  EXPECT_EQ(status.code(), Code::format);
  EXPECT_NE(status.message().find("version 2"), std::string::npos);
}

}  // namespace
}  // namespace semel
