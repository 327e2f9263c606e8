// What a thread has spent on each stage of a message's way, in ticks (core/ticks.h).
//
// Threads: one writer, the sender or a shard's worker; any readers.
// Invariants
//   S1  The writer is in one stage or in none: the stages' sum is no more than the time that has passed.
//   S2  No clock is read for a message, only where a batch goes from one stage to the next.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "core/ticks.h"

namespace semel {

enum class Stage : uint32_t {
  append = 0,  // sender: messages into the ring, with the worker being woken
  poll = 1,    // worker: frames into slots
  index = 2,   // … ids looked up and reserved, forgotten, and made seen
  handle = 3,  // … messages are in flight, and it is in none of the others: it runs JavaScript
  commit = 4,  // … outcomes, parked messages, dead letters, answers, counters
  log = 5,     // … the ack block
  none = 6,
};

constexpr uint32_t kStages = static_cast<uint32_t>(Stage::none);

struct StageSums {
  std::array<uint64_t, kStages> ticks{};
  uint64_t messages = 0;

  uint64_t operator[](Stage stage) const { return ticks[static_cast<uint32_t>(stage)]; }
  StageSums& operator+=(const StageSums& other) {
    for (uint32_t i = 0; i < kStages; ++i) ticks[i] += other.ticks[i];
    messages += other.messages;
    return *this;
  }
};

class Stages {
 public:
  // ---- writer ----

  void enter(Stage stage) {
    const uint64_t now = ticks();
    // Behind `since_` where the thread has moved to a core whose counter is: then no time has passed.
    if (stage_ != Stage::none && now > since_) {
      add(ticks_[static_cast<uint32_t>(stage_)], now - since_);
    }
    stage_ = stage;
    since_ = now;
  }
  // The stage that it is in does not count: its thread is gone.
  void forget() { stage_ = Stage::none; }
  void count(uint64_t messages) { add(messages_, messages); }
  Stage stage() const { return stage_; }

  // ---- readers ----

  // Each is right by itself; the stage that the writer is in comes when it ends.
  StageSums sums() const {
    StageSums seen;
    for (uint32_t i = 0; i < kStages; ++i) seen.ticks[i] = ticks_[i].load(std::memory_order_relaxed);
    seen.messages = messages_.load(std::memory_order_relaxed);
    return seen;
  }

 private:
  static void add(std::atomic<uint64_t>& to, uint64_t more) {
    to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  Stage stage_ = Stage::none;
  uint64_t since_ = 0;
  std::atomic<uint64_t> ticks_[kStages] = {};
  std::atomic<uint64_t> messages_{0};
};

}  // namespace semel
