// The bytes of ring/FORMAT.md's worked example, and the checksum under them.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "ring/journal.h"

namespace semel {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr JournalIdentity kIdentity{0x0123456789ABCDEFull, 3, 65536};
constexpr uint32_t kExampleSeed = 0xBEF45F4A;

const Bytes kExampleHeader = {
    0x73, 0x65, 0x6d, 0x65, 0x6c, 0x6a, 0x6e, 0x6c, 0x01, 0x00, 0x00, 0x00, 0x03, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xef, 0xcd, 0xab, 0x89,
    0x67, 0x45, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x26, 0x8b, 0x6a, 0x0f};
const Bytes kExampleFrame = {
    0x2d, 0x00, 0x00, 0x00, 0x7e, 0x6d, 0x2b, 0x1b, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x50, 0x00, 0x00, 0xe4, 0x81, 0x41, 0xa2, 0x60, 0x2a, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x02, 0x00, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x00, 0x73, 0x65, 0x6d, 0x65, 0x6c};
const Bytes kExamplePadding = {0x28, 0x00, 0x00, 0x80, 0xe9, 0x80, 0xa2, 0x79};
const Bytes kExampleCompact = {0x0d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                               0x00, 0x73, 0x65, 0x6d, 0x65, 0x6c};
constexpr uint64_t kExamplePosition = 131072;

class JournalFile : public testing::Test {
 protected:
  JournalFile() {
    std::string name = testing::TempDir() + "semel-journal-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~JournalFile() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<Region>> open(Writer writer = Writer::mapped,
                                       const JournalIdentity& identity = kIdentity) {
    return open_journal(storage_, directory_, identity, writer, &created_);
  }

  void make() {
    ASSERT_TRUE(open().is_ok());
    ASSERT_TRUE(created_);
  }

  Bytes content() { return read_whole(storage_, directory_ + "/journal").value(); }

  void overwrite(uint64_t at, uint8_t byte) {
    auto file = storage_.open(directory_ + "/journal", Open::existing);
    ASSERT_TRUE(file.is_ok());
    ASSERT_TRUE(file.value()->write(at, {&byte, 1}).is_ok());
  }

  Storage& storage_ = Storage::real();
  std::string directory_;
  bool created_ = false;
};

TEST(Crc32c, GivesThePublishedValues) {
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xE3069283u);
  EXPECT_EQ(crc32c(0, "", 0), 0u);
  // RFC 3720, B.4.
  const Bytes zeros(32, 0);
  const Bytes ones(32, 0xFF);
  Bytes rising(32);
  for (uint8_t i = 0; i < 32; ++i) rising[i] = i;
  EXPECT_EQ(crc32c(0, zeros.data(), 32), 0x8A9136AAu);
  EXPECT_EQ(crc32c(0, ones.data(), 32), 0x62A8AB43u);
  EXPECT_EQ(crc32c(0, rising.data(), 32), 0x46DD794Eu);
}

TEST(Crc32c, ContinuesFromEveryOffset) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  const uint32_t whole = crc32c(0, text.data(), text.size());
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t front = crc32c(0, text.data(), cut);
    EXPECT_EQ(crc32c(front, text.data() + cut, text.size() - cut), whole);
  }
}

TEST(FrameFormat, SeedIsThatOfTheWorkedExample) {
  EXPECT_EQ(journal_seed(kIdentity), kExampleSeed);
  EXPECT_EQ(frame_seed(kExampleSeed, kExamplePosition, 45), 0x60981F67u);
}

TEST(FrameFormat, FullFrameIsThatOfTheWorkedExample) {
  FrameHeader header;
  header.sequence = 7;
  header.time_us = 1'700'000'000'000'000;
  header.id_kind = IdKind::integer;
  header.id = integer_id(42);
  header.has_source = true;
  header.source = {2, 1000};
  Bytes bytes(kExampleFrame.size());
  write_full(bytes.data(), kExampleSeed, kExamplePosition, header, "semel", 5);
  EXPECT_EQ(bytes, kExampleFrame);
}

TEST(FrameFormat, FrameWithAWideOffsetIsThatOfTheWorkedExample) {
  const Bytes expected = {0x3d, 0x00, 0x00, 0x00, 0x69, 0xe9, 0x9b, 0xca, 0x07, 0x00, 0x00, 0x00, 0x00,
                          0x00, 0x00, 0x00, 0xd0, 0x00, 0x00, 0xe4, 0x81, 0x41, 0xa2, 0x60, 0x2a, 0x00,
                          0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
                          0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
                          0x00, 0x00, 0x00, 0x00, 0x73, 0x65, 0x6d, 0x65, 0x6c};
  FrameHeader header;
  header.sequence = 7;
  header.time_us = 1'700'000'000'000'000;
  header.id_kind = IdKind::integer;
  header.id = integer_id(42);
  header.has_source = true;
  header.source = {2, {1, 1000}};
  Bytes bytes(expected.size());
  write_full(bytes.data(), kExampleSeed, kExamplePosition, header, "semel", 5);
  EXPECT_EQ(bytes, expected);
  EXPECT_EQ(full_source(bytes.data(), full_meta(bytes.data())).offset, Offset(1, 1000));
}

TEST(FrameFormat, PaddingIsThatOfTheWorkedExample) {
  Bytes bytes(8);
  write_padding(bytes.data(), kExampleSeed, kExamplePosition - 40, 40);
  EXPECT_EQ(bytes, kExamplePadding);
}

TEST(FrameFormat, CompactFrameIsThatOfTheWorkedExample) {
  Bytes bytes(kExampleCompact.size());
  write_compact(bytes.data(), FrameType::message, "semel", 5);
  EXPECT_EQ(bytes, kExampleCompact);
}

TEST(FrameFormat, ScanReadsTheWorkedExample) {
  Bytes ring(kIdentity.capacity);
  std::memcpy(ring.data() + 65496, kExamplePadding.data(), kExamplePadding.size());
  std::memcpy(ring.data(), kExampleFrame.data(), kExampleFrame.size());
  int visits = 0;
  const JournalScan scan = scan_journal(
      ring, kExampleSeed, kExamplePosition - 40, 6, [&](const uint8_t* frame, uint64_t meta) {
        ++visits;
        EXPECT_EQ(full_id(frame, meta), integer_id(42));
        EXPECT_EQ(full_source(frame, meta).partition, 2);
        EXPECT_EQ(full_source(frame, meta).offset, 1000u);
        EXPECT_EQ(std::memcmp(frame + meta_header_bytes(meta), "semel", 5), 0);
      });
  EXPECT_EQ(visits, 1);
  EXPECT_EQ(scan.sequence, 7u);
  EXPECT_EQ(scan.position, 131120u);
  EXPECT_EQ(scan.time_us, 1'700'000'000'000'000u);
}

TEST_F(JournalFile, HeaderIsThatOfTheWorkedExample) {
  for (const Writer writer : {Writer::mapped, Writer::direct}) {
    std::filesystem::remove(directory_ + "/journal");
    ASSERT_TRUE(open(writer).is_ok());
    Bytes expected(kJournalHeaderBytes + kIdentity.capacity);
    std::copy(kExampleHeader.begin(), kExampleHeader.end(), expected.begin());
    EXPECT_EQ(content(), expected);
  }
}

TEST_F(JournalFile, IsMadeOnceAndKeepsWhatWasStored) {
  for (const Writer writer : {Writer::mapped, Writer::direct}) {
    std::filesystem::remove(directory_ + "/journal");
    {
      auto journal = open(writer);
      ASSERT_TRUE(journal.is_ok());
      EXPECT_TRUE(created_);
      journal.value()->memory()[kJournalHeaderBytes + 100] = 0x77;
      ASSERT_TRUE(journal.value()->write(kJournalHeaderBytes + 100, kJournalHeaderBytes + 101).is_ok());
      ASSERT_TRUE(journal.value()->sync().is_ok());
    }
    for (const Writer again : {Writer::mapped, Writer::direct}) {
      auto journal = open(again);
      ASSERT_TRUE(journal.is_ok());
      EXPECT_FALSE(created_);
      EXPECT_EQ(journal.value()->memory()[kJournalHeaderBytes + 100], 0x77);
    }
  }
}

TEST_F(JournalFile, IsMadeWholeThoughACrashLeftANewFile) {
  const Bytes half(1000, 0xEE);
  auto fresh = storage_.open(directory_ + "/journal.new", Open::create);
  ASSERT_TRUE(fresh.value()->write(0, half).is_ok());
  make();
  EXPECT_EQ(content().size(), kJournalHeaderBytes + kIdentity.capacity);
  EXPECT_EQ(content()[500], 0);
  EXPECT_FALSE(storage_.exists(directory_ + "/journal.new").value());
}

TEST_F(JournalFile, RefusesEveryFlippedBitOfItsHeader) {
  make();
  for (std::size_t at = 0; at < kExampleHeader.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      overwrite(at, kExampleHeader[at] ^ static_cast<uint8_t>(1 << bit));
      const auto journal = open();
      ASSERT_FALSE(journal.is_ok()) << "byte " << at << " bit " << bit;
      EXPECT_EQ(journal.status().code(), Code::damaged);
    }
    overwrite(at, kExampleHeader[at]);
  }
  EXPECT_TRUE(open().is_ok());
}

TEST_F(JournalFile, RefusesTheJournalOfAnotherStreamShardOrSize) {
  make();
  JournalIdentity other_stream = kIdentity;
  other_stream.salt ^= 1;
  JournalIdentity other_shard = kIdentity;
  other_shard.shard = 4;
  JournalIdentity other_size = kIdentity;
  other_size.capacity *= 2;
  for (const JournalIdentity& identity : {other_stream, other_shard, other_size}) {
    const auto journal = open(Writer::mapped, identity);
    ASSERT_FALSE(journal.is_ok());
    EXPECT_EQ(journal.status().code(), Code::damaged);
    EXPECT_NE(journal.status().message().find(directory_ + "/journal at offset"),
              std::string::npos);
  }
}

TEST_F(JournalFile, RefusesAFileThatWasCutOrGrown) {
  make();
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{100}, uint64_t{4096}, uint64_t{65536},
                               uint64_t{69631}, uint64_t{73728}}) {
    std::filesystem::resize_file(directory_ + "/journal", bytes);
    const auto journal = open();
    ASSERT_FALSE(journal.is_ok()) << bytes << " bytes";
    EXPECT_EQ(journal.status().code(), Code::damaged);
  }
}

}  // namespace
}  // namespace semel
