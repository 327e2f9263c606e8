// What recovery finds in a journal that a crash, a bad disk or an enemy has had in hand: always a
// prefix of what was written, and never another byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "ring/journal.h"
#include "shard/intake.h"

namespace semel {
namespace {

constexpr uint64_t kCapacity = kRingBytesMin;
constexpr JournalIdentity kIdentity{0xFEEDFACECAFEBEEFull, 1, kCapacity};
constexpr uint64_t kSectorBytes = 512;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kShare = 10;
#else
constexpr int kShare = 1;
#endif

struct Written {
  uint64_t position;
  uint64_t sequence;
  FrameType type;
  std::vector<uint8_t> payload;
};

// A journal in memory: writes frames as the intake does and remembers them.
class Journal {
 public:
  explicit Journal(uint64_t start = 0, uint64_t sequence = 0)
      : memory(kCapacity),
        ring_(memory, start, start),
        intake_(ring_, seed, sequence, 1'000'000),
        acked_position_(start),
        acked_sequence_(sequence) {}

  // False when full. The last bytes of a payload are never zero, so that a cut changes its frame.
  bool write(uint32_t length, FrameType type = FrameType::message) {
    if (type == FrameType::drop) length = 8;  // a letter's number
    FrameHeader header;
    header.type = type;
    header.id_kind = static_cast<IdKind>(count_ % 3);
    header.id = header.id_kind == IdKind::integer ? integer_id(count_) : Id{count_, ~count_};
    header.has_source = type == FrameType::offset || count_ % 2 == 0;
    const uint64_t bytes = 0x0101'0101'0101 * (1 + count_ % 255);
    header.source = {0x0101, {count_ % 4 == 0 ? bytes : 0, bytes}};
    std::vector<uint8_t> payload;
    payload.reserve(length + 1);  // so that an empty one has an address
    payload.resize(length);
    for (uint32_t i = 0; i < length; ++i) {
      payload[i] = static_cast<uint8_t>(1 + (count_ * 31 + i) % 255);
    }
    intake_.begin(1'000'000 + count_);
    if (!intake_.append_full(header, payload.data(), length)) return false;
    intake_.publish();
    ++count_;
    const uint64_t span = round_up(full_header_bytes(header) + length,
                                   kFrameAlignment);
    frames.push_back({ring_.tail() - span, header.sequence, type, std::move(payload)});
    return true;
  }

  // Acknowledges all but the last `left` frames, which frees their room.
  void ack_all_but(std::size_t left) {
    while (frames.size() > left) {
      acked_sequence_ = frames.front().sequence;
      frames.erase(frames.begin());
      acked_position_ = frames.empty() ? ring_.tail() : frames.front().position;
    }
    ring_.release(acked_position_);
  }

  struct Found {
    std::size_t frames = 0;
    bool is_prefix = true;
    JournalScan scan{};
  };

  // Scans `image` from the acknowledged position and compares each frame with what was written.
  Found scan(std::vector<uint8_t>& image) const {
    Found found;
    found.scan = scan_journal(image, seed, acked_position_, acked_sequence_,
                              [&](const uint8_t* at, uint64_t meta) {
                                found.is_prefix = found.is_prefix && found.frames < frames.size() &&
                                                  same(at, meta, frames[found.frames]);
                                ++found.frames;
                              });
    return found;
  }

  // Frames that lie whole in front of `position`.
  std::size_t frames_before(uint64_t position) const {
    std::size_t whole = 0;
    while (whole < frames.size() && end_of(whole) <= position) ++whole;
    return whole;
  }

  // Of the frame's last byte, without the rounding.
  uint64_t end_of(std::size_t index) const {
    return frames[index].position + frame_length(memory.data() + offset(frames[index].position));
  }

  static uint64_t offset(uint64_t position) { return position & (kCapacity - 1); }
  uint64_t tail() const { return ring_.tail(); }
  uint64_t acked_position() const { return acked_position_; }
  uint64_t acked_sequence() const { return acked_sequence_; }

  const uint32_t seed = journal_seed(kIdentity);
  std::vector<uint8_t> memory;
  std::vector<Written> frames;  // behind the acknowledged ones

 private:
  static bool same(const uint8_t* at, uint64_t meta, const Written& written) {
    const uint64_t header = meta_header_bytes(meta);
    return load<uint64_t>(at + 8) == written.sequence && meta_type(meta) == written.type &&
           frame_length(at) == header + written.payload.size() &&
           std::memcmp(at + header, written.payload.data(), written.payload.size()) == 0;
  }

  Ring ring_;
  Intake intake_;
  uint64_t acked_position_;
  uint64_t acked_sequence_;
  uint64_t count_ = 0;
};

// About 800 bytes of frames of each kind, with padding and a wrap among them.
struct SmallJournal : Journal {
  SmallJournal();
};

SmallJournal::SmallJournal() : Journal(9 * kCapacity - 400, 100) {
  const uint32_t lengths[] = {0, 1, 7, 8, 40, 8, 100, 3, 64, 9, 33};
  const FrameType types[] = {FrameType::message, FrameType::message, FrameType::offset,
                             FrameType::message, FrameType::retry,   FrameType::drop,
                             FrameType::message, FrameType::offset,  FrameType::malformed,
                             FrameType::message, FrameType::message};
  for (std::size_t i = 0; i < std::size(lengths); ++i) {
    EXPECT_TRUE(write(lengths[i], types[i]));
  }
}

// Writes until each offset holds bytes of several laps, and leaves the ring about half full.
void write_laps(Journal& journal, uint64_t laps, std::mt19937_64& random) {
  while (journal.tail() < laps * kCapacity) {
    const FrameType type = random() % 8 == 0 ? FrameType::offset : FrameType::message;
    const auto length = static_cast<uint32_t>(random() % (random() % 16 == 0 ? 4000 : 200));
    if (!journal.write(length, type)) journal.ack_all_but(journal.frames.size() / 2);
  }
}

void expect_all(const Journal& journal, const Journal::Found& found) {
  ASSERT_TRUE(found.is_prefix);
  ASSERT_EQ(found.frames, journal.frames.size());
  ASSERT_EQ(found.scan.position, journal.tail());
  ASSERT_EQ(found.scan.sequence, journal.frames.back().sequence);
}

TEST(JournalScan, FindsNothingInANewRing) {
  Journal journal;
  const auto found = journal.scan(journal.memory);
  EXPECT_EQ(found.frames, 0u);
  EXPECT_EQ(found.scan.position, 0u);
  EXPECT_EQ(found.scan.sequence, 0u);
  EXPECT_EQ(found.scan.time_us, 0u);
}

TEST(JournalScan, FindsExactlyWhatWasWrittenOverManyWraps) {
  std::mt19937_64 random(1);
  Journal journal;
  for (int round = 0; round < 5000; ++round) {
    for (uint64_t i = random() % 20; i > 0; --i) {
      const FrameType type = static_cast<FrameType>(random() % 5);
      const auto length = static_cast<uint32_t>(random() % (random() % 8 == 0 ? 8000 : 100));
      if (!journal.write(length, type)) break;
    }
    if (journal.frames.empty()) continue;
    ASSERT_NO_FATAL_FAILURE(expect_all(journal, journal.scan(journal.memory)));
    journal.ack_all_but(random() % (journal.frames.size() + 1));
  }
  EXPECT_GT(journal.tail(), 50 * kCapacity);
}

TEST(JournalScan, FindsAWholeLapFromEveryKindOfOffset) {
  for (uint64_t start = 5 * kCapacity; start < 6 * kCapacity; start += 40) {
    Journal journal(start, 9);
    while (journal.write(1000)) {
    }
    while (journal.write(0)) {
    }
    ASSERT_NO_FATAL_FAILURE(expect_all(journal, journal.scan(journal.memory)));
  }
}

TEST(JournalScan, FindsAWholeLapThatLeavesNoByteFree) {
  Journal journal;
  // Kind of id and source go round by twelve: every fourth has a wide source.
  const uint32_t headers[] = {48, 32, 48, 24, 56, 40, 32, 32, 64, 24, 40, 40};
  for (uint64_t n = 0; journal.tail() < kCapacity; ++n) {
    ASSERT_TRUE(journal.write(128 - headers[n % 12]));
  }
  ASSERT_EQ(journal.tail(), kCapacity);
  EXPECT_FALSE(journal.write(0));
  ASSERT_NO_FATAL_FAILURE(expect_all(journal, journal.scan(journal.memory)));
}

TEST(JournalScan, TakesEveryTruncationAsAPrefix) {
  const SmallJournal journal;
  for (uint64_t cut = journal.acked_position(); cut <= journal.tail(); ++cut) {
    std::vector<uint8_t> image = journal.memory;
    uint64_t changed = journal.tail();
    for (uint64_t at = journal.tail(); at-- > cut;) {
      if (image[Journal::offset(at)] != 0) changed = at;
      image[Journal::offset(at)] = 0;
    }
    const auto found = journal.scan(image);
    ASSERT_TRUE(found.is_prefix) << "cut at " << cut;
    ASSERT_EQ(found.frames, journal.frames_before(changed)) << "cut at " << cut;
  }
}

TEST(JournalScan, TakesEveryFlippedBitAsAPrefix) {
  const SmallJournal journal;
  std::vector<uint8_t> image = journal.memory;
  for (uint64_t at = 0; at < kCapacity; ++at) {
    const uint64_t position = journal.tail() - Journal::offset(journal.tail() - at);
    // Frames in front of the flipped byte are found; those behind it too, if it belongs to none.
    const std::size_t before = journal.frames_before(position);
    const bool in_frame = position >= journal.acked_position() && before < journal.frames.size() &&
                          position >= journal.frames[before].position;
    for (int bit = 0; bit < 8; ++bit) {
      image[at] ^= static_cast<uint8_t>(1 << bit);
      const auto found = journal.scan(image);
      image[at] ^= static_cast<uint8_t>(1 << bit);
      ASSERT_TRUE(found.is_prefix) << "offset " << at << " bit " << bit;
      if (in_frame) {
        ASSERT_EQ(found.frames, before) << "offset " << at << " bit " << bit;
      } else if (position < journal.acked_position() || position >= journal.tail()) {
        ASSERT_EQ(found.frames, journal.frames.size()) << "offset " << at << " bit " << bit;
      }
    }
  }
}

TEST(JournalScan, TakesFlippedBitsOfAFullRingAsAPrefix) {
  std::mt19937_64 random(2);
  Journal journal;
  write_laps(journal, 4, random);
  std::vector<uint8_t> image = journal.memory;
  for (uint64_t bit = 0; bit < 8 * kCapacity; bit += 1 + random() % (50 * kShare)) {
    image[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto found = journal.scan(image);
    image[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_TRUE(found.is_prefix) << "bit " << bit;
  }
  ASSERT_NO_FATAL_FAILURE(expect_all(journal, journal.scan(image)));
}

TEST(JournalScan, TakesEveryLostOrSwappedByteAsAPrefix) {
  const SmallJournal journal;
  for (uint64_t position = journal.acked_position(); position < journal.tail(); ++position) {
    const uint64_t at = Journal::offset(position);
    for (const int byte : {0x00, 0xFF, 0x80, journal.memory[at] + 1}) {
      std::vector<uint8_t> image = journal.memory;
      image[at] = static_cast<uint8_t>(byte);
      ASSERT_TRUE(journal.scan(image).is_prefix) << "position " << position << " byte " << byte;
    }
  }
}

TEST(JournalScan, TakesSectorsThatNeverReachedTheDiskAsAPrefix) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 40 / kShare + 1; ++round) {
    Journal journal;
    write_laps(journal, 3, random);
    journal.ack_all_but(journal.frames.size() / 2);
    const std::vector<uint8_t> before = journal.memory;  // as synced
    for (int i = 0; i < 40; ++i) journal.write(static_cast<uint32_t>(random() % 300));
    // Any choice of sectors holds what was there before.
    for (int choice = 0; choice < 200; ++choice) {
      std::vector<uint8_t> image = journal.memory;
      for (uint64_t at = 0; at < kCapacity; at += kSectorBytes) {
        if (random() % 4 == 0) std::memcpy(&image[at], &before[at], kSectorBytes);
      }
      ASSERT_TRUE(journal.scan(image).is_prefix);
    }
  }
}

TEST(JournalScan, NeverTakesAStaleMessageOfAnEarlierLap) {
  std::mt19937_64 random(4);
  Journal journal;
  write_laps(journal, 3, random);
  journal.ack_all_but(0);
  // Every offset from which a later lap might be read, as if the ring were empty there.
  for (uint64_t position = journal.tail(); position < journal.tail() + 6 * kCapacity;
       position += kFrameAlignment) {
    const uint64_t offset = Journal::offset(position);
    if (offset + kFullHeaderBytes > kCapacity) continue;
    // With the sequence that the stale bytes ask for, as message and as control frame.
    const uint64_t stale = load<uint64_t>(&journal.memory[offset + 8]);
    for (const uint64_t expected : {stale - 1, stale}) {
      const auto scan = scan_journal(journal.memory, journal.seed, position, expected, {});
      ASSERT_EQ(scan.position, position);
    }
  }
}

TEST(JournalScan, NeverTakesAStaleControlFrameWithTheSameSequence) {
  // Only offset frames after message 1: every lap of them has sequence 1, and with frames of one
  // size the laps lie exactly over each other.
  Journal journal;
  ASSERT_TRUE(journal.write(128 - 24 - 8));
  auto write_offset = [&, n = 1]() mutable {
    const uint32_t headers[] = {24 + 8, 24 + 8 + 8, 24 + 16 + 8};
    return journal.write(128 - headers[n++ % 3], FrameType::offset);
  };
  const uint64_t frames = kCapacity / 128;
  for (uint64_t lap = 0; lap < 40; ++lap) {
    for (uint64_t i = lap == 0; i < frames; ++i) {
      journal.ack_all_but(2);
      ASSERT_TRUE(write_offset());
      const auto found = journal.scan(journal.memory);
      ASSERT_TRUE(found.is_prefix);
      ASSERT_EQ(found.frames, journal.frames.size());
      ASSERT_EQ(found.scan.position, journal.tail());
    }
  }
}

TEST(JournalScan, NeverTakesStalePadding) {
  Journal journal(kCapacity - 64);
  ASSERT_TRUE(journal.write(100));  // padding of 64 at the end of lap 0
  journal.ack_all_but(0);
  for (uint64_t lap = 1; lap < 100; ++lap) {
    const uint64_t position = lap * kCapacity + kCapacity - 64;
    const auto scan = scan_journal(journal.memory, journal.seed, position, 1, {});
    ASSERT_EQ(scan.position, position);
  }
}

TEST(JournalScan, TakesNoPaddingThatEndsElsewhereThanTheRing) {
  std::vector<uint8_t> image(kCapacity);
  const uint64_t position = kCapacity - 64;
  for (const uint64_t bytes : {0, 8, 56, 63, 65, 72, 128}) {
    write_padding(&image[position], 1, position, bytes);
    EXPECT_EQ(scan_journal(image, 1, position, 0, {}).position, position) << bytes;
  }
  write_padding(&image[position], 1, position, 64);
  EXPECT_EQ(scan_journal(image, 1, position, 0, {}).position, kCapacity);
}

TEST(JournalScan, TakesNoFrameOfAnotherStreamShardOrSequence) {
  const SmallJournal journal;
  std::vector<uint8_t> image = journal.memory;
  const auto position_after = [&](const JournalIdentity& identity, uint64_t sequence) {
    return scan_journal(image, journal_seed(identity), journal.acked_position(), sequence, {})
               .position -
           journal.acked_position();
  };
  EXPECT_GT(position_after(kIdentity, journal.acked_sequence()), 0u);
  EXPECT_EQ(position_after(kIdentity, journal.acked_sequence() + 1), 0u);
  EXPECT_EQ(position_after(kIdentity, journal.acked_sequence() - 1), 0u);
  EXPECT_EQ(position_after({kIdentity.salt ^ 1, kIdentity.shard, kCapacity},
                           journal.acked_sequence()), 0u);
  EXPECT_EQ(position_after({kIdentity.salt, kIdentity.shard + 1, kCapacity},
                           journal.acked_sequence()), 0u);
}

TEST(JournalScan, ReadsNothingOutsideTheRingWhateverItHolds) {
  std::mt19937_64 random(5);
  std::vector<uint8_t> image(kCapacity);  // exactly: ASan sees the first byte behind it
  for (int round = 0; round < 200 / kShare; ++round) {
    for (uint64_t at = 0; at < kCapacity; at += 8) store<uint64_t>(&image[at], random());
    for (uint64_t offset = 0; offset < kCapacity; offset += kFrameAlignment) {
      // Words that pass the first checks: lengths around the limits, padding to the end.
      const uint32_t to_end = static_cast<uint32_t>(kCapacity - offset);
      const uint32_t lengths[] = {0,      1,          23,         24,
                                  8192,   8193,       to_end,     to_end | kPaddingBit,
                                  to_end + 1, (to_end + 8) | kPaddingBit, kPaddingBit, ~0u};
      store<uint32_t>(&image[offset], lengths[random() % std::size(lengths)]);
      if (offset + 24 <= kCapacity) {
        store<uint64_t>(&image[offset + 8], 1);  // the sequence that is expected
        store<uint64_t>(&image[offset + 16], random() % 0x80);
      }
      const uint64_t position = (random() % 1000) * kCapacity + offset;
      const auto scan = scan_journal(image, 1, position, 0, {});
      ASSERT_LE(scan.position, position + kCapacity);
    }
  }
}

TEST(JournalScan, EndsAfterOneLapThoughTheRingHoldsNothingButPadding) {
  // Padding that validates everywhere it is looked for: the walk is bounded all the same.
  std::vector<uint8_t> image(kCapacity);
  write_padding(image.data(), 1, kCapacity, kCapacity);
  EXPECT_EQ(scan_journal(image, 1, kCapacity, 0, {}).position, 2 * kCapacity);
  write_padding(image.data() + kCapacity - 8, 1, 2 * kCapacity - 8, 8);
  EXPECT_EQ(scan_journal(image, 1, 2 * kCapacity - 8, 0, {}).position, 2 * kCapacity);
}

}  // namespace
}  // namespace semel
