// Lets others read several atomics as one: a version that is odd while a change is under way.
//
// Threads: one writer, who never waits; any readers, who read again where a change was under way.
// The values themselves are relaxed atomics, so that a read that is thrown away is no data race.
#pragma once

#include <atomic>
#include <cstdint>

namespace semel {

class SeqLock {
 public:
  // ---- writer ----

  void begin_change() {
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    // Pairs with the fence in read(): who sees a new value sees the odd version too.
    std::atomic_thread_fence(std::memory_order_release);
  }

  void end_change() {
    // Pairs with the acquire load in read(): who sees this version sees the values before it.
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // ---- readers ----

  // Calls `values`, which loads them, until it has seen what no change was under way in.
  template <typename Values>
  void read(Values values) const {
    for (;;) {
      const uint64_t before = version_.load(std::memory_order_acquire);
      values();
      std::atomic_thread_fence(std::memory_order_acquire);
      if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) return;
    }
  }

 private:
  std::atomic<uint64_t> version_{0};
};

}  // namespace semel
