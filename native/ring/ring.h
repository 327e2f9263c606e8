// The shard's byte ring: one producer, one consumer, no locks.
//
// Threads and ownership
//   R1  The producer (ingest thread) alone moves `tail`; the reclaimer alone moves `released`. Who
//       reclaims is the shard's choice by durability: the worker, or the sync thread (I2).
//   R2  Positions are unwrapped byte counts that only grow; `position & mask` is the offset in memory.
//   R3  A frame never wraps: where it would, a padding frame fills the rest and it starts at offset 0.
//   R4  tail - released ≤ capacity, so nothing is overwritten before it is released.
// The memory is the caller's: an array in a test, anonymous pages, or the journal's mapping.
//
// The shared lines move once a batch and not once a message (E. Rigtorp, "Optimizing a ring buffer for
// throughput", 2021): claims are published together, and each side keeps what it last saw of the other's
// index. The producer looks at `released` again only when what it kept says full. The consumer looks at
// `tail` once a poll, not once a frame (frame_cursor.h keeps the end), and not only when it has taken all
// that it knew of: a poll would end there, in front of frames that have come since.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <span>

#include "core/bytes.h"

namespace semel {

constexpr uint64_t kRingBytesMin = 64ull << 10;
constexpr uint64_t kRingBytesMax = 1ull << 30;

constexpr bool is_ring_capacity(uint64_t bytes) {
  return std::has_single_bit(bytes) && bytes >= kRingBytesMin && bytes <= kRingBytesMax;
}

// A frame may take an eighth of the ring at most, so that padding never costs more than that.
constexpr uint64_t frame_bytes_max(uint64_t capacity) { return capacity / 8; }

// Frames and padding begin at multiples of this; a padding frame's header fits in it.
constexpr uint64_t kFrameAlignment = 8;

class Ring {
 public:
  // `start` is where an earlier life of the ring ended; 0 for a new one.
  Ring(std::span<uint8_t> memory, uint64_t start, uint64_t released)
      : memory_(memory.data()), mask_(memory.size() - 1) {
    assert(is_ring_capacity(memory.size()));
    assert(released <= start && start - released <= memory.size());
    tail_.store(start, std::memory_order_relaxed);
    released_.store(released, std::memory_order_relaxed);
    claimed_ = start;
    released_cache_ = released;
  }

  uint64_t capacity() const { return mask_ + 1; }
  uint8_t* at(uint64_t position) const { return memory_ + (position & mask_); }
  uint64_t offset(uint64_t position) const { return position & mask_; }

  // ---- producer ----

  // What a claim gives: where the frame begins, and how much padding goes before it.
  struct Claim {
    uint64_t position;       // of the frame
    uint64_t padding_bytes;  // from position - padding_bytes; 0 for none
  };

  // Room for a frame of `bytes` (rounded up to the alignment), unpublished; false when full.
  bool claim(uint64_t bytes, Claim* out) {
    const uint64_t need = round_up(bytes, kFrameAlignment);
    assert(need <= frame_bytes_max(capacity()));
    const uint64_t to_end = capacity() - (claimed_ & mask_);
    const uint64_t padding = need > to_end ? to_end : 0;
    const uint64_t end = claimed_ + padding + need;
    if (end - released_cache_ > capacity()) {
      // Pairs with the release store in release(): what was read from the frames happened before.
      released_cache_ = released_.load(std::memory_order_acquire);
      if (end - released_cache_ > capacity()) return false;
    }
    *out = {claimed_ + padding, padding};
    claimed_ = end;
    return true;
  }

  // Takes back what was claimed and not published.
  void abandon() { claimed_ = tail_.load(std::memory_order_relaxed); }

  // Hands all claimed frames to the consumer.
  void publish() {
    // Pairs with the acquire load in tail(): the frames' bytes are visible before the new tail.
    tail_.store(claimed_, std::memory_order_release);
  }

  bool has_unpublished() const { return claimed_ != tail_.load(std::memory_order_relaxed); }
  uint64_t claimed() const { return claimed_; }

  // ---- consumer, sync thread, anyone ----

  uint64_t tail() const { return tail_.load(std::memory_order_acquire); }
  uint64_t released() const { return released_.load(std::memory_order_acquire); }

  // ---- reclaimer ----

  void release(uint64_t position) {
    assert(position >= released_.load(std::memory_order_relaxed));
    // Pairs with the acquire load in claim().
    released_.store(position, std::memory_order_release);
  }

 private:
  uint8_t* const memory_;
  const uint64_t mask_;
  // Producer's own line.
  alignas(kCacheLinePair) uint64_t claimed_;
  uint64_t released_cache_;
  alignas(kCacheLinePair) std::atomic<uint64_t> tail_;
  alignas(kCacheLinePair) std::atomic<uint64_t> released_;
};

}  // namespace semel
