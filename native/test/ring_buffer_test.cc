// The ring by itself, on one thread.
#include "ring/ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "ring/frame.h"

namespace semel {
namespace {

constexpr uint64_t kCapacity = kRingBytesMin;
constexpr uint64_t kLargest = frame_bytes_max(kCapacity);
constexpr uint32_t kSeed = 0x5EED;
constexpr uint8_t kCanary = 0xA5;
constexpr uint64_t kGuardBytes = 64;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kOffsetStep = 7 * kFrameAlignment;  // the plain run takes every offset
#else
constexpr uint64_t kOffsetStep = kFrameAlignment;
#endif
constexpr uint64_t kSizes[] = {8,   9,   15,  16,  17,  23,  24,  25,   31,   32,   33,
                               40,  47,  63,  64,  65,  100, 127, 128,  129,  255,  256,
                               257, 511, 512, 513, 777, 999, 1024, 2047, 4097, 8191, 8192};

uint8_t byte_of(uint64_t message, uint64_t at) {
  return static_cast<uint8_t>(message * 131 + at * 7 + 1);
}

// An array with canaries on both sides; shared, so that a case costs no more than what it writes.
std::vector<uint8_t>& guarded_memory() {
  static std::vector<uint8_t> bytes(kGuardBytes + kCapacity + kGuardBytes, kCanary);
  return bytes;
}

// A ring that begins at `start`, its producer and its consumer. Message n is the n-th written.
class RingUnderTest {
 public:
  explicit RingUnderTest(uint64_t start = 0)
      : ring_({guarded_memory().data() + kGuardBytes, kCapacity}, start, start), read_(start) {
    payload_.reserve(kLargest);  // so that an empty one has an address
  }

  Ring& ring() { return ring_; }

  // Claims and fills a frame; false when full.
  bool write(uint64_t frame_bytes) {
    Ring::Claim claim;
    if (!ring_.claim(frame_bytes, &claim)) return false;
    if (claim.padding_bytes != 0) {
      const uint64_t position = claim.position - claim.padding_bytes;
      write_padding(ring_.at(position), kSeed, position, claim.padding_bytes);
    }
    payload_.resize(frame_bytes - kCompactHeaderBytes);
    ++written_;
    for (uint64_t i = 0; i < payload_.size(); ++i) payload_[i] = byte_of(written_, i);
    write_compact(ring_.at(claim.position), FrameType::message, payload_.data(),
                  static_cast<uint32_t>(payload_.size()));
    return true;
  }

  // Forgets what was not published.
  void abandon(uint64_t messages) {
    ring_.abandon();
    written_ -= messages;
  }

  void publish() { ring_.publish(); }

  // The next message's frame length, its content checked; 0 when empty.
  uint64_t read() {
    const uint64_t tail = ring_.tail();
    while (read_ < tail && is_padding(ring_.at(read_))) {
      EXPECT_EQ(ring_.offset(read_) + frame_length(ring_.at(read_)), kCapacity);
      read_ += frame_length(ring_.at(read_));
    }
    if (read_ == tail) return 0;
    const uint8_t* at = ring_.at(read_);
    const uint64_t length = frame_length(at);
    EXPECT_LE(ring_.offset(read_) + length, kCapacity) << "a frame wraps";
    ++messages_read_;
    for (uint64_t i = kCompactHeaderBytes; i < length; ++i) {
      if (at[i] != byte_of(messages_read_, i - kCompactHeaderBytes)) {
        ADD_FAILURE() << "message " << messages_read_ << " differs at byte " << i;
        break;
      }
    }
    read_ += frame_span(at);
    return length;
  }

  void release() { ring_.release(read_); }
  uint64_t read_position() const { return read_; }

  bool guards_are_whole() const {
    const auto whole = [](uint8_t byte) { return byte == kCanary; };
    const std::vector<uint8_t>& bytes = guarded_memory();
    return std::all_of(bytes.begin(), bytes.begin() + kGuardBytes, whole) &&
           std::all_of(bytes.end() - kGuardBytes, bytes.end(), whole);
  }

 private:
  std::vector<uint8_t> payload_;
  Ring ring_;
  uint64_t read_;
  uint64_t written_ = 0;
  uint64_t messages_read_ = 0;
};

TEST(Ring, WrapsAtEveryOffsetWithTheContentIntact) {
  for (uint64_t offset = 0; offset < kCapacity; offset += kOffsetStep) {
    for (const uint64_t bytes : kSizes) {
      RingUnderTest test(3 * kCapacity + offset);
      ASSERT_TRUE(test.write(16));
      ASSERT_TRUE(test.write(bytes));
      ASSERT_TRUE(test.write(24));
      test.publish();
      ASSERT_EQ(test.read(), 16u) << "at offset " << offset << " before " << bytes;
      ASSERT_EQ(test.read(), bytes) << "at offset " << offset;
      ASSERT_EQ(test.read(), 24u) << "at offset " << offset << " behind " << bytes;
      ASSERT_EQ(test.read(), 0u);
      ASSERT_TRUE(test.guards_are_whole()) << "at offset " << offset << " with " << bytes;
    }
  }
}

TEST(Ring, KeepsContentAndOrderOverManyLapsOfMixedSizes) {
  RingUnderTest test;
  uint64_t written = 0;
  uint64_t read = 0;
  while (test.read_position() < 100 * kCapacity) {
    while (test.write(kSizes[written % std::size(kSizes)])) ++written;
    test.publish();
    // Leaves some behind, so that the ring is full at ever other offsets.
    for (uint64_t left = written % 5; read + left < written; ++read) {
      ASSERT_EQ(test.read(), kSizes[read % std::size(kSizes)]);
    }
    test.release();
  }
  ASSERT_TRUE(test.guards_are_whole());
}

TEST(Ring, SaysFullWhenNotOneByteMoreFits) {
  for (const uint64_t start : {uint64_t{0}, 7 * kCapacity + 4096}) {
    RingUnderTest test(start);
    for (uint64_t i = 0; i < kCapacity / 64; ++i) ASSERT_TRUE(test.write(64));
    EXPECT_FALSE(test.write(8));
    test.publish();
    EXPECT_FALSE(test.write(8));
    EXPECT_EQ(test.ring().tail() - test.ring().released(), kCapacity);
    EXPECT_EQ(test.read(), 64u);
    EXPECT_FALSE(test.write(8)) << "read is not released";
    test.release();
    EXPECT_TRUE(test.write(64));
    EXPECT_FALSE(test.write(8));
  }
}

TEST(Ring, CountsPaddingWhenItSaysFull) {
  RingUnderTest test(kCapacity - 64);  // 64 bytes to the end, so a larger frame needs padding
  for (uint64_t i = 0; i < 7; ++i) ASSERT_TRUE(test.write(kLargest));
  // Left: the last eighth of the ring but for the padding.
  EXPECT_FALSE(test.write(kLargest));
  EXPECT_FALSE(test.write(kLargest - 63));
  EXPECT_TRUE(test.write(kLargest - 64));
  EXPECT_FALSE(test.write(8));
  test.publish();
  for (uint64_t i = 0; i < 7; ++i) ASSERT_EQ(test.read(), kLargest);
  ASSERT_EQ(test.read(), kLargest - 64);
  ASSERT_EQ(test.read(), 0u);
}

TEST(Ring, ChangesNothingWhenItSaysFull) {
  RingUnderTest test(kCapacity - 8192);
  while (test.write(4096)) {
  }
  const uint64_t claimed = test.ring().claimed();
  EXPECT_FALSE(test.write(8));
  EXPECT_FALSE(test.write(kLargest));
  EXPECT_EQ(test.ring().claimed(), claimed);
}

TEST(Ring, IsEmptyUntilPublishedAndAfterTheLastFrame) {
  RingUnderTest test;
  EXPECT_EQ(test.read(), 0u);
  ASSERT_TRUE(test.write(32));
  EXPECT_TRUE(test.ring().has_unpublished());
  EXPECT_EQ(test.read(), 0u);
  test.publish();
  EXPECT_FALSE(test.ring().has_unpublished());
  EXPECT_EQ(test.read(), 32u);
  EXPECT_EQ(test.read(), 0u);
}

TEST(Ring, PublishesABatchAtOnce) {
  RingUnderTest test;
  for (uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(test.write(64));
  EXPECT_EQ(test.ring().tail(), 0u);
  test.publish();
  EXPECT_EQ(test.ring().tail(), 6400u);
}

TEST(Ring, AbandonsOnlyWhatWasNotPublished) {
  RingUnderTest test(kCapacity - 128);
  ASSERT_TRUE(test.write(64));
  test.publish();
  ASSERT_TRUE(test.write(64));
  ASSERT_TRUE(test.write(1000));  // in the next lap
  test.abandon(2);
  EXPECT_FALSE(test.ring().has_unpublished());
  EXPECT_EQ(test.ring().claimed(), test.ring().tail());
  ASSERT_TRUE(test.write(200));  // now with padding, where the abandoned ones had none
  test.publish();
  EXPECT_EQ(test.read(), 64u);
  EXPECT_EQ(test.read(), 200u);
  EXPECT_EQ(test.read(), 0u);
}

TEST(Ring, GivesTheRoomOfAbandonedFramesAgain) {
  RingUnderTest test;
  for (int i = 0; i < 3; ++i) {
    uint64_t written = 0;
    while (test.write(kLargest)) ++written;
    EXPECT_EQ(written, 8u);
    test.abandon(written);
  }
}

TEST(Ring, TakesTheLargestFrameFromEveryOffsetWhenEmpty) {
  for (uint64_t offset = 0; offset < kCapacity; offset += kOffsetStep) {
    RingUnderTest test(offset);
    ASSERT_TRUE(test.write(kLargest)) << "at offset " << offset;
    test.publish();
    ASSERT_EQ(test.read(), kLargest) << "at offset " << offset;
  }
}

TEST(Ring, LargestFrameIsAnEighthOfTheCapacity) {
  EXPECT_EQ(frame_bytes_max(kRingBytesMin), 8192u);
  EXPECT_EQ(frame_bytes_max(kRingBytesMax), 128u << 20);
}

TEST(Ring, PadsExactlyWhenTheFrameDoesNotFitBeforeTheEnd) {
  for (const uint64_t to_end : {8u, 16u, 24u, 64u, 4096u}) {
    Ring::Claim claim;
    std::vector<uint8_t> memory(kCapacity);
    Ring fits(memory, kCapacity - to_end, kCapacity - to_end);
    ASSERT_TRUE(fits.claim(to_end, &claim));
    EXPECT_EQ(claim.padding_bytes, 0u);
    EXPECT_EQ(claim.position, kCapacity - to_end);

    Ring wraps(memory, kCapacity - to_end, kCapacity - to_end);
    ASSERT_TRUE(wraps.claim(to_end + 1, &claim));
    EXPECT_EQ(claim.padding_bytes, to_end);
    EXPECT_EQ(claim.position, kCapacity);
  }
}

TEST(Ring, GoesOnWhereAnEarlierLifeEndedAndGuardsWhatIsNotReleased) {
  std::vector<uint8_t> memory(kCapacity);
  Ring ring(memory, 5 * kCapacity + 1024, 4 * kCapacity + 2048);  // all but 1024 bytes taken
  Ring::Claim claim;
  EXPECT_FALSE(ring.claim(1025, &claim));
  ASSERT_TRUE(ring.claim(1024, &claim));
  EXPECT_EQ(claim.position, 5 * kCapacity + 1024);
  EXPECT_FALSE(ring.claim(8, &claim));
}

TEST(Ring, TakesPowersOfTwoFrom64KiBTo1GiBOnly) {
  EXPECT_TRUE(is_ring_capacity(64 << 10));
  EXPECT_TRUE(is_ring_capacity(1 << 30));
  EXPECT_FALSE(is_ring_capacity(0));
  EXPECT_FALSE(is_ring_capacity(32 << 10));
  EXPECT_FALSE(is_ring_capacity(96 << 10));
  EXPECT_FALSE(is_ring_capacity(2ull << 30));
}

}  // namespace
}  // namespace semel
