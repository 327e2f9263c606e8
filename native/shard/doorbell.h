// Wakes one parked thread. The ringer pays a load and a fence where nobody waits.
//
// Threads: one waiter; any ringers.
// The fences pair (Dekker): either the waiter's second look sees the new work, or the ringer sees the
// raised flag. Without them both could read old values, and the waiter would sleep beside work.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "core/bytes.h"

namespace semel {

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("yield");
#endif
}

class alignas(kCacheLinePair) Doorbell {
 public:
  // After the work has been published.
  void ring() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    waiting_.store(0, std::memory_order_relaxed);
    ::syscall(SYS_futex, word(), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }

  // Sleeps until rung or for `micros`; `has_work` is asked once more after the flag is up.
  template <typename HasWork>
  void park(uint64_t micros, HasWork has_work) {
    waiting_.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!has_work()) {
      const timespec limit{static_cast<time_t>(micros / 1'000'000),
                           static_cast<long>(micros % 1'000'000 * 1000)};
      ::syscall(SYS_futex, word(), FUTEX_WAIT_PRIVATE, 1, &limit, nullptr, 0);
    }
    waiting_.store(0, std::memory_order_relaxed);
  }

 private:
  uint32_t* word() { return reinterpret_cast<uint32_t*>(&waiting_); }

  std::atomic<uint32_t> waiting_{0};
};

}  // namespace semel
