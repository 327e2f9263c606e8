// The ring between two threads: order and content, through the intake as the stream uses it.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "core/crc32c.h"
#include "ring/frame_cursor.h"
#include "ring/journal.h"
#include "shard/intake.h"

namespace semel {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr uint64_t kShare = 10;  // every access costs tenfold under TSan
#elif defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kShare = 10;
#else
constexpr uint64_t kShare = 1;
#endif
constexpr uint64_t kSmallMessages = 100'000'000 / kShare;
constexpr uint64_t kFullMessages = 10'000'000 / kShare;
constexpr uint64_t kBatch = 256;
constexpr uint32_t kSeed = 0xC0FFEE;

uint64_t scramble(uint64_t value) {
  value = (value ^ (value >> 29)) * 0xBF58476D1CE4E5B9ull;
  return value ^ (value >> 32);
}

// Waits as a test may: the other thread may need this core.
template <typename Ready>
void wait_until(Ready ready) {
  for (int spins = 0; !ready(); ++spins) {
    if (spins > 100) std::this_thread::yield();
  }
}

// Runs `append(intake, n)` for each message on a second thread, in published batches, and
// `visit(ring, position, frame, n)` here, for each frame but padding, released in batches.
template <typename Append, typename Visit>
void pass(Ring& ring, uint64_t messages, Append append, Visit visit) {
  Intake intake(ring, kSeed, 0, 0);
  std::thread producer([&] {
    for (uint64_t n = 1; n <= messages; ++n) {
      if (!append(intake, n)) {
        intake.publish();
        wait_until([&] { return append(intake, n); });
      }
      if (n % kBatch == 0) intake.publish();
    }
    intake.publish();
  });
  FrameCursor cursor(ring, ring.released());
  uint64_t next = 1;
  while (next <= messages) {
    wait_until([&] { return cursor.extend(ring.tail()), !cursor.at_end(); });
    for (const uint8_t* at; (at = cursor.frame()) != nullptr; cursor.pass()) {
      visit(cursor.position(), at, next++);
    }
    ring.release(cursor.position());
  }
  producer.join();
  EXPECT_EQ(intake.published_sequence(), messages);
  EXPECT_EQ(cursor.position(), ring.tail());
}

TEST(RingThreads, SmallFramesArriveInOrderWithTheirContent) {
  std::vector<uint8_t> memory(1 << 20);
  Ring ring(memory, 0, 0);
  uint64_t out_of_order = 0;
  uint64_t sent = 0;
  uint64_t received = 0;
  pass(
      ring, kSmallMessages,
      [&](Intake& intake, uint64_t n) {
        const uint64_t payload[2] = {n, scramble(n)};
        if (!intake.append_compact(FrameType::message, payload, sizeof payload)) return false;
        sent += payload[1];
        return true;
      },
      [&](uint64_t, const uint8_t* at, uint64_t n) {
        out_of_order += load<uint64_t>(at + kCompactHeaderBytes) != n;
        received += load<uint64_t>(at + kCompactHeaderBytes + 8);
      });
  EXPECT_EQ(out_of_order, 0u);
  EXPECT_EQ(received, sent);
}

TEST(RingThreads, FullFramesArriveInOrderWithTheirChecksums) {
  std::vector<uint8_t> memory(kRingBytesMin);  // many laps, often full
  Ring ring(memory, 0, 0);
  std::vector<uint8_t> payload(4096);
  for (uint64_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<uint8_t>(scramble(i));
  const auto length_of = [&](uint64_t n) {
    return static_cast<uint32_t>(n % 1000 == 0 ? scramble(n) % payload.size() : scramble(n) % 64);
  };
  uint64_t wrong = 0;
  pass(
      ring, kFullMessages,
      [&](Intake& intake, uint64_t n) {
        FrameHeader header;
        header.id_kind = static_cast<IdKind>(n % 3);
        header.id = n % 3 == 1 ? integer_id(n) : Id{n, scramble(n)};
        header.has_source = n % 2 == 0;
        header.source = {static_cast<uint16_t>(n), {n % 4, n}};
        intake.begin(n / 100);
        return intake.append_full(header, payload.data(), length_of(n));
      },
      [&](uint64_t position, const uint8_t* at, uint64_t n) {
        const uint64_t meta = full_meta(at);
        const uint32_t length = frame_length(at);
        const Id id = full_id(at, meta);
        wrong += load<uint64_t>(at + 8) != n || meta_time_us(meta) != n / 100 ||
                 length != meta_header_bytes(meta) + length_of(n) ||
                 (n % 3 == 1 && id != integer_id(n)) || (n % 3 == 2 && id != Id{n, scramble(n)}) ||
                 (n % 2 == 0 && full_source(at, meta).offset != Offset(n % 4, n)) ||
                 load<uint32_t>(at + 4) !=
                     crc32c(frame_seed(kSeed, position, length), at + 8, length - 8);
      });
  EXPECT_EQ(wrong, 0u);
}

TEST(RingThreads, ReleaseByAThirdThreadNeverOverwritesWhatIsUnread) {
  // At `disk` the sync thread reclaims behind the worker: two readers, the slower one releases.
  std::vector<uint8_t> memory(kRingBytesMin);
  Ring ring(memory, 0, 0);
  const uint64_t messages = 1'000'000 / kShare;
  alignas(kCacheLinePair) std::atomic<uint64_t> done{0};
  std::atomic<bool> ended{false};
  std::thread reclaimer([&] {
    while (!ended.load(std::memory_order_acquire)) {
      // Pairs with the store below: the worker's reads happened before.
      const uint64_t position = done.load(std::memory_order_acquire);
      if (position > ring.released()) ring.release(position);
      std::this_thread::yield();
    }
  });
  Intake intake(ring, kSeed, 0, 0);
  std::thread producer([&] {
    for (uint64_t n = 1; n <= messages; ++n) {
      const uint64_t payload[3] = {n, scramble(n), n};
      wait_until([&] {
        if (intake.append_compact(FrameType::message, payload, sizeof payload)) return true;
        intake.publish();
        return false;
      });
    }
    intake.publish();
  });
  uint64_t wrong = 0;
  FrameCursor cursor(ring, 0);
  for (uint64_t next = 1; next <= messages;) {
    wait_until([&] { return cursor.extend(ring.tail()), !cursor.at_end(); });
    for (const uint8_t* at; (at = cursor.frame()) != nullptr; cursor.pass()) {
      wrong += load<uint64_t>(at + 8) != next || load<uint64_t>(at + 16) != scramble(next);
      ++next;
    }
    done.store(cursor.position(), std::memory_order_release);
  }
  producer.join();
  ended.store(true, std::memory_order_release);
  reclaimer.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace semel
