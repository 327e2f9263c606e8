// CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), by the processor's instruction.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#else
#error "semel needs a processor with CRC-32C instructions (SSE4.2 or ARMv8 CRC)"
#endif

namespace semel {

#if defined(__SSE4_2__)
inline uint32_t crc32c_step(uint32_t crc, uint64_t word) {
  return static_cast<uint32_t>(_mm_crc32_u64(crc, word));
}
inline uint32_t crc32c_step(uint32_t crc, uint8_t byte) { return _mm_crc32_u8(crc, byte); }
#else
inline uint32_t crc32c_step(uint32_t crc, uint64_t word) { return __crc32cd(crc, word); }
inline uint32_t crc32c_step(uint32_t crc, uint8_t byte) { return __crc32cb(crc, byte); }
#endif

// Continues `seed`; crc32c(0, bytes) is the checksum that other tools print.
inline uint32_t crc32c(uint32_t seed, const void* bytes, std::size_t length) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  uint32_t crc = ~seed;
  for (; length >= 8; length -= 8, at += 8) crc = crc32c_step(crc, load<uint64_t>(at));
  for (; length > 0; --length, ++at) crc = crc32c_step(crc, *at);
  return ~crc;
}

}  // namespace semel
