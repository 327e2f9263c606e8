// Where a partition of a source can be read on from: a whole number below 2^128, which orders as its 16
// bytes do, big-endian. Most are counts of rows or bytes and fit 48 bits, and take less space then.
#pragma once

#include <compare>
#include <cstdint>

namespace semel {

struct Offset {
  uint64_t high = 0;
  uint64_t low = 0;

  constexpr Offset() = default;
  constexpr Offset(uint64_t value) : low(value) {}  // a number is an offset
  constexpr Offset(uint64_t high_half, uint64_t low_half) : high(high_half), low(low_half) {}

  friend constexpr auto operator<=>(const Offset&, const Offset&) = default;
};

constexpr int kNarrowOffsetBits = 48;
constexpr bool is_narrow(Offset offset) {
  return offset.high == 0 && offset.low >> kNarrowOffsetBits == 0;
}

}  // namespace semel
