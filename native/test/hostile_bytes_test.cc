// Bytes that check and that nothing of semel wrote: each case was found by a target of fuzz/. A checksum
// is no proof of good will (I10).
#include <limits>

#include "acklog_fixture.h"
#include "core/crc32c.h"
#include "deadletters/record.h"
#include "ring/journal.h"
#include "shard/details.h"
#include "shard/manifest.h"

namespace semel {
namespace {

using test::MemoryStorage;
using test::Owner;
using test::memory_options;
using test::segment_path;
using Bytes = std::vector<uint8_t>;

// ---- the ack log ----

class HostileAckLog : public testing::Test {
 protected:
  HostileAckLog() : owner_(memory_options(disk_, true)) {
    EXPECT_TRUE(owner_.open().is_ok());
    owner_.must_append(3);
    EXPECT_TRUE(owner_.make_durable().is_ok());
    owner_.must_append(2);
    EXPECT_TRUE(owner_.make_durable().is_ok());
    owner_.close();
  }
  uint8_t* segment() { return disk_.files.at(segment_path(1))->bytes.data(); }
  uint32_t seed() { return acklog::Identity{.salt = load<uint64_t>(segment() + 32)}.seed(); }
  uint8_t* second_block() { return segment() + 4096 + load<uint32_t>(segment() + 4096); }
  void seal(uint8_t* block) {
    store<uint32_t>(block + 4, crc32c(seed(), block + 8, load<uint32_t>(block) - 8));
  }
  // Refused by both faces, with the file's name, and nothing is changed.
  void expect_refused() {
    const MemoryStorage::Image before = disk_.image();
    const auto inspected = AckLog::inspect(owner_.options(), {});
    EXPECT_EQ(inspected.status().code(), Code::damaged);
    EXPECT_NE(inspected.status().message().find(segment_path(1)), std::string::npos);
    EXPECT_EQ(owner_.open().message(), inspected.status().message());
    EXPECT_EQ(disk_.image(), before);
  }

  MemoryStorage disk_;
  Owner owner_;
};

// The log then removed the very segment that it had read, and failed to open it.
TEST_F(HostileAckLog, a_block_that_calls_a_later_segment_the_oldest_is_refused) {
  store<uint64_t>(second_block() + 72, 2);
  seal(second_block());
  expect_refused();
}

TEST_F(HostileAckLog, a_link_that_calls_a_later_segment_the_oldest_is_refused) {
  store<uint64_t>(segment() + 552, 2);
  store<uint32_t>(segment() + 560, crc32c(seed(), segment() + 512, 48));
  expect_refused();
}

// It is taken back where no segment follows: what was in it was seen once, and not again.
TEST_F(HostileAckLog, a_seal_that_holds_something_is_refused) {
  second_block()[89] |= acklog::kSealed;
  seal(second_block());
  expect_refused();
}

// ---- the journal ----

struct HostileFrame {
  Bytes ring = Bytes(kRingBytesMin);

  JournalScan scan(uint64_t position) { return scan_journal(ring, 1, position, 0, {}); }
  void write(FrameType type, uint32_t length) {
    FrameHeader header;
    header.type = type;
    const uint8_t payload[64] = {};
    write_full(ring.data(), 1, 0, header, payload, length);
  }
};

TEST(HostileJournal, ends_at_an_offset_without_an_offset) {
  HostileFrame frame;
  frame.write(FrameType::offset, 0);
  EXPECT_EQ(frame.scan(0).position, 0u);
}

// The worker read the number where it should be, behind the frame and perhaps behind the ring.
TEST(HostileJournal, ends_at_a_drop_without_a_number) {
  HostileFrame frame;
  frame.write(FrameType::drop, 0);
  EXPECT_EQ(frame.scan(0).position, 0u);
  frame.write(FrameType::drop, 8);
  EXPECT_EQ(frame.scan(0).position, 32u);
}

TEST(HostileJournal, ends_at_once_at_a_position_that_no_frame_can_have) {
  HostileFrame frame;
  for (const uint64_t position : {kRingBytesMin - 1, kRingBytesMin - 3, uint64_t{4}}) {
    EXPECT_EQ(frame.scan(position).position, position);
  }
}

// ---- the dead letters ----

// It was taken by opening, and refused, without the file's name, by whoever read the letter.
TEST(HostileDeadLetters, a_letter_whose_lengths_disagree_is_refused_at_opening) {
  MemoryStorage disk;
  DeadLetters::Options options{.storage = &disk, .directory = "d", .directory_salt = 1};
  auto letters = DeadLetters::open(options);
  ASSERT_TRUE(letters.is_ok());
  DeadLetter letter;
  letter.history = "no";
  ASSERT_TRUE(letters.value()->append_letter(letter).is_ok());
  options.committed_bytes = letters.value()->length();
  letters.value().reset();
  const std::string path = std::string("d/") + DeadLetters::kName;
  Bytes& file = disk.files.at(path)->bytes;
  const uint32_t seed = deadletters::FileHeader{.salt = load<uint64_t>(&file[16])}.seed();
  file[4096 + 24 + 40] += 1;
  store<uint32_t>(&file[4100], crc32c(seed, &file[4104], file.size() - 4104));
  for (const auto& opened : {DeadLetters::open_read_only(options).status(),
                             DeadLetters::open(options).status()}) {
    EXPECT_EQ(opened.code(), Code::format);
    EXPECT_NE(opened.message().find(path + " at offset 4096"), std::string::npos);
  }
}

// ---- the manifest ----

TEST(HostileManifest, is_refused_where_no_stream_can_be_like_it) {
  MemoryStorage disk;
  StreamOptions options;
  options.directory = "d";
  options.name = "trades";
  ASSERT_TRUE(open_manifest(disk, options).is_ok());
  const MemoryStorage::Image whole = disk.image();
  const auto refused = [&](std::size_t at, auto value) {
    disk.restore(whole);
    Bytes& bytes = disk.files.at("d/stream")->bytes;
    store(&bytes[at], value);
    store<uint32_t>(&bytes[156], crc32c(0, bytes.data(), 156));
    const Status status = read_manifest(disk, "d").status();
    return status.code() == Code::damaged && status.message().find("d/stream") != std::string::npos;
  };
  EXPECT_TRUE(refused(12, uint32_t{0}));
  EXPECT_TRUE(refused(12, uint32_t{4'000'000'000}));
  EXPECT_TRUE(refused(16, uint8_t{3}));
  EXPECT_TRUE(refused(17, uint8_t{2}));
  EXPECT_TRUE(refused(20, uint8_t{1}));
  EXPECT_TRUE(refused(24, uint64_t{100'000}));
  EXPECT_TRUE(refused(32, uint64_t{1} << 40));
  EXPECT_TRUE(refused(79, uint8_t{'x'})) << "behind the name's end";
}

// ---- details ----

TEST(HostileDetails, are_refused_where_a_number_is_none_or_out_of_its_bounds) {
  Bytes bytes(32);
  store<uint32_t>(&bytes[16], 1);
  const auto taken = [&](double sequence, double due_ms) {
    store<double>(&bytes[0], sequence);
    store<double>(&bytes[8], due_ms);
    std::vector<Detail> details;
    return read_details(bytes, &details);
  };
  EXPECT_TRUE(taken(7, 1'700'000'000'000.5));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double wrong : {-1.0, 1e300, nan, std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(taken(wrong, 0)) << wrong;
    EXPECT_FALSE(taken(1, wrong)) << wrong;
  }
}

}  // namespace
}  // namespace semel
