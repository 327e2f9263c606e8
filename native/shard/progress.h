// How far a shard's worker has come, as others read it: sequences, outcomes, what is parked and what the
// index holds.
//
// Threads: one writer, the worker, and between two workers who takes over; any readers.
// Invariants
//   P1  counters() sees one state between two commits, never half of one (core/seqlock.h), so that I5
//       holds in every reading.
//   P2  A message's answer can be read before through() covers it: publishing answers goes before.
#pragma once

#include <atomic>
#include <cstdint>

#include "acklog/ack_types.h"
#include "core/bytes.h"
#include "core/seqlock.h"
#include "shard/parked.h"
#include "shard/tallies.h"

namespace semel {

// What the index says of itself (dedup/dedup.h).
struct IndexFigures {
  uint64_t ids = 0;
  uint64_t bytes = 0;
  uint64_t window_us = 0;
  uint64_t forgotten_us = 0;
};

struct ConsumerCounters {
  uint64_t through = 0;
  Counters outcomes;
  uint64_t parked = 0;
  uint64_t parked_first = 0;  // the oldest one's sequence; 0: none
  uint64_t ids = 0;           // in the index
  uint64_t index_bytes = 0;
  uint64_t window_us = 0;     // effective
  uint64_t forgotten_us = 0;  // ids of before were forgotten early
  uint64_t oldest_us = 0;     // no message that waits was stored before
};

class Progress {
 public:
  explicit Progress(const AckHeader& recovered);

  // ---- writer ----

  // What is changed in between shows at once: the setters below, and the parked messages.
  void begin_change() { change_.begin_change(); }
  void end_change() { change_.end_change(); }
  void set_through(uint64_t sequence) { through_.store(sequence, std::memory_order_release); }
  void set_tallies(const Tallies& tallies);
  void set_oldest_us(uint64_t time_us) { oldest_us_.store(time_us, std::memory_order_relaxed); }

  // By itself: each figure is right, and they need not fit each other.
  void show(const IndexFigures& figures);

  // ---- anyone ----

  // Every message up to here is done or parked.
  uint64_t through() const { return through_.load(std::memory_order_acquire); }
  // The writer reads them without waiting.
  Tallies tallies() const;
  ConsumerCounters counters(const ParkedSet& parked) const;

 private:
  alignas(kCacheLinePair) SeqLock change_;
  std::atomic<uint64_t> through_;
  std::atomic<uint64_t> oldest_us_;
  std::atomic<uint64_t> tallies_[kTallies];
  std::atomic<uint64_t> index_ids_{0};
  std::atomic<uint64_t> index_bytes_{0};
  std::atomic<uint64_t> window_us_{0};
  std::atomic<uint64_t> forgotten_us_{0};
};

}  // namespace semel
