// The ingest side of a shard: gives sequences and times, writes frames, publishes them.
//
// Thread: the ingest thread alone, but for published_sequence().
// Invariant: sequences are given without gaps, in the order of the frames (I1).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/faults.h"
#include "ring/frame.h"

namespace semel {

// How long a message may have its time and not be published yet.
constexpr uint64_t kUnpublishedUs = 1'000'000;

class Intake {
 public:
  Intake(Ring& ring, uint32_t seed, uint64_t sequence, uint64_t time_us)
      : ring_(ring), seed_(seed), sequence_(sequence), time_us_(time_us) {
    published_sequence_.store(sequence, std::memory_order_relaxed);
  }

  // The time of the frames until the next call; never goes back.
  void begin(uint64_t now_us) { time_us_ = std::max(time_us_, now_us); }

  // False when the ring is full. The caller has checked the payload against payload_bytes_max().
  bool append_compact(FrameType type, const void* payload, uint32_t length) {
    Ring::Claim claim;
    if (!ring_.claim(kCompactHeaderBytes + length, &claim)) return false;
    pad(claim);
    write_compact(ring_.at(claim.position), type, payload, length);
    ++sequence_;
    return true;
  }

  // `header` without sequence and time, which are given here.
  bool append_full(FrameHeader& header, const void* payload, uint32_t length) {
    Ring::Claim claim;
    const uint64_t bytes = full_header_bytes(header) + length;
    if (!ring_.claim(bytes, &claim)) return false;
    pad(claim);
    header.sequence = sequence_ += is_control(header.type) ? 0 : 1;
    header.time_us = time_us_;
    if (planted(Bug::published_before_written)) {
      store<uint32_t>(ring_.at(claim.position), static_cast<uint32_t>(bytes));
      ring_.publish();
    }
    fault_point("intake.claimed");
    write_full(ring_.at(claim.position), seed_, claim.position, header, payload, length);
    return true;
  }

  void publish() {
    fault_point("intake.written");
    ring_.publish();
    fault_point("intake.published");
    // After the tail: who reads this and then the tail has at least these messages' frames.
    published_sequence_.store(sequence_, std::memory_order_release);
  }

  uint64_t sequence() const { return sequence_; }
  uint64_t published_sequence() const {
    return published_sequence_.load(std::memory_order_acquire);
  }

  static uint64_t payload_bytes_max(uint64_t capacity) {
    return frame_bytes_max(capacity) - kFullHeaderBytesMax;
  }

 private:
  void pad(const Ring::Claim& claim) {
    if (claim.padding_bytes == 0) return;
    const uint64_t position = claim.position - claim.padding_bytes;
    write_padding(ring_.at(position), seed_, position, claim.padding_bytes);
  }

  Ring& ring_;
  const uint32_t seed_;
  uint64_t sequence_;
  uint64_t time_us_;
  alignas(kCacheLinePair) std::atomic<uint64_t> published_sequence_;
};

}  // namespace semel
