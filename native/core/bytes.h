// Little-endian loads and stores, and rounding. Everything on disk is little-endian; so is every
// machine that semel builds for, and the build says so rather than swap in silence.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace semel {

static_assert(std::endian::native == std::endian::little, "semel's formats are little-endian");

template <typename T>
inline T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
inline void store(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

constexpr uint64_t round_up(uint64_t value, uint64_t power_of_two) {
  return (value + power_of_two - 1) & ~(power_of_two - 1);
}
constexpr uint64_t round_down(uint64_t value, uint64_t power_of_two) {
  return value & ~(power_of_two - 1);
}

// Two cache lines: adjacent-line prefetch makes neighbours of a line share its fate.
constexpr std::size_t kCacheLinePair = 128;
// Direct I/O wants buffers, offsets and lengths in these; also the page size of mapped files.
constexpr uint64_t kBlockBytes = 4096;

}  // namespace semel
