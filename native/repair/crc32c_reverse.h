// CRC-32C run backwards: what a checksum tells about bytes that do not check. For repair alone; nothing
// on a message's way or in recovery includes this.
//
// A step of the register takes one byte in and can be undone where that byte is known, since the
// table's top bytes are all different. So a checksum that began at a secret start gives the start away,
// and one that is wrong because of a single byte says which byte it is and what it was.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace semel {

struct Crc32cTables {
  std::array<uint32_t, 256> forward{};
  std::array<uint8_t, 256> by_top{};  // the index whose entry has this top byte

  constexpr Crc32cTables() {
    for (uint32_t index = 0; index < 256; ++index) {
      uint32_t entry = index;
      for (int bit = 0; bit < 8; ++bit) entry = entry >> 1 ^ (entry & 1 ? 0x82F63B78u : 0);
      forward[index] = entry;
      by_top[entry >> 24] = static_cast<uint8_t>(index);
    }
  }
};
inline constexpr Crc32cTables kCrc32cTables{};

// The register before `byte` was taken in.
constexpr uint32_t crc32c_unstep(uint32_t after, uint8_t byte) {
  const uint8_t index = kCrc32cTables.by_top[after >> 24];
  return (after ^ kCrc32cTables.forward[index]) << 8 | static_cast<uint8_t>(index ^ byte);
}

// The seed for which crc32c(seed, bytes) is `checksum`. There is exactly one, whatever the bytes are:
// it proves nothing until something else agrees with it.
constexpr uint32_t crc32c_seed(uint32_t checksum, std::span<const uint8_t> bytes) {
  uint32_t state = ~checksum;
  for (std::size_t at = bytes.size(); at > 0; --at) state = crc32c_unstep(state, bytes[at - 1]);
  return ~state;
}

struct ByteFix {
  std::size_t at = 0;
  uint8_t xor_with = 0;
};

// The one byte whose change makes the bytes check, given their checksum as it is (`found`) and as it
// was stored (`stored`). None: the stored checksum is the wrong byte's place, or more than one byte is
// wrong. Of random damage about bytes.size() * 255 in 2^32 looks like this: for small files only.
constexpr std::optional<ByteFix> one_byte_fix(uint32_t found, uint32_t stored, std::size_t bytes) {
  uint32_t difference = found ^ stored;
  for (std::size_t at = bytes; at > 0 && difference != 0; --at) {
    const uint8_t index = kCrc32cTables.by_top[difference >> 24];
    if (kCrc32cTables.forward[index] == difference) return ByteFix{at - 1, index};
    difference = crc32c_unstep(difference, 0);
  }
  return std::nullopt;
}

// Whether two checksums differ in one byte: then the checksum itself may be what was changed.
constexpr bool differ_in_one_byte(uint32_t one, uint32_t other) {
  const uint32_t difference = one ^ other;
  for (int shift = 0; shift < 32; shift += 8) {
    if ((difference & ~(0xFFu << shift)) == 0) return difference != 0;
  }
  return false;
}

}  // namespace semel
