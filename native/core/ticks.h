// The processor's own counter: the cheapest clock there is, 10 ns a read where the kernel's takes 30.
//
// Its unit is known only beside another clock: TickScale tells it. Differences between threads can be
// off by what the cores' counters are apart.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <x86intrin.h>
#endif

#include "core/clock.h"

namespace semel {

inline uint64_t ticks() {
#if defined(__x86_64__) || defined(_M_X64)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t count;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count;
#else
  return clock_ns(CLOCK_MONOTONIC);
#endif
}

// What a tick is, by the monotonic clock since this was made.
class TickScale {
 public:
  double ns_per_tick() const {
    const Moment now = read();
    const uint64_t passed = now.ticks - origin_.ticks;
    return passed == 0 ? 0 : static_cast<double>(now.ns - origin_.ns) / static_cast<double>(passed);
  }

 private:
  struct Moment {
    uint64_t ticks;
    uint64_t ns;
  };

  // Both clocks at once, as nearly as that goes: of a few readings the one that was interrupted least.
  static Moment read() {
    Moment best{};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 4; ++i) {
      const uint64_t before = ticks();
      const uint64_t ns = clock_ns(CLOCK_MONOTONIC);
      const uint64_t took = ticks() - before;
      if (took >= least) continue;
      least = took;
      best = {before + took / 2, ns};
    }
    return best;
  }

  const Moment origin_ = read();
};

}  // namespace semel
