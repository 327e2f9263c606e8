// Time as the core uses it: microseconds; nanoseconds only where time itself is measured.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>

namespace semel {

inline uint64_t clock_us(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

inline uint64_t clock_ns(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

inline uint64_t monotonic_us() { return clock_us(CLOCK_MONOTONIC); }

// A stream's own clock, since 1970: the wall clock when the stream was opened, but never behind what
// the stream has stored, and from there on the monotonic clock. A wall clock that jumps while the
// stream runs neither brings ids back nor forgets them early.
class StreamClock {
 public:
  explicit StreamClock(uint64_t stored_us)
      : start_us_(std::max(stored_us, clock_us(CLOCK_REALTIME))), origin_us_(clock_us(kElapsed)) {}

  uint64_t now_us() const { return start_us_ + (clock_us(kElapsed) - origin_us_); }

 private:
#ifdef CLOCK_BOOTTIME
  static constexpr clockid_t kElapsed = CLOCK_BOOTTIME;  // goes on while the machine sleeps
#else
  static constexpr clockid_t kElapsed = CLOCK_MONOTONIC;
#endif
  uint64_t start_us_;
  uint64_t origin_us_;
};

}  // namespace semel
