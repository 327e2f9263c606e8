// A message's id in 16 bytes.
//
// Every id that fits is exact: the mapping below never gives two ids the same bytes. Longer ones are
// a keyed 128-bit SipHash, which an outsider who does not know the key cannot steer.
//   string of 0…16 UTF-8 bytes   its bytes, zero-padded   (no NUL inside, see below)
//   UUID in its 36-character form its 16 bytes
//   integer                       8 bytes, then 0xFF × 7 and 0xFE (≥ 0) or 0xFF (< 0)
//   anything else                 hashed
// UTF-8 never holds 0xFF, so no string meets an integer. An RFC 9562 UUID has 10xxxxxx in byte 8; a
// string whose byte 8 looks so, or that holds NUL, is hashed, so no string meets a UUID.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace semel {

struct Id {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const Id&, const Id&) = default;
};

constexpr uint64_t kIntegerHigh = 0xFEFFFFFFFFFFFFFFull;          // of an integer ≥ 0
constexpr uint64_t kNegativeIntegerHigh = 0xFFFFFFFFFFFFFFFFull;  // of an integer < 0
// Ids that the library makes itself (a retried dead letter, a malformed row): no user's id meets them.
constexpr uint64_t kInternalHigh = 0xFDFFFFFFFFFFFFFFull;

constexpr Id integer_id(uint64_t value) { return {value, kIntegerHigh}; }

// The key of the hashes: random, made with the directory and kept in it.
struct HashKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

// SipHash-2-4 with 128 bits out (Aumasson and Bernstein, 2012).
Id siphash128(const HashKey& key, const void* bytes, uint64_t length);

// A string's id, by the table above.
Id string_id(const HashKey& key, const char* utf8, uint64_t length);

// Spreads an id's bits over one word, the same everywhere and always: what a raw frame's key is turned
// into a shard with. Not keyed: who chooses keys can choose their shard. The index has a keyed hash.
inline uint64_t mix(const Id& id) {
  uint64_t h = id.low ^ (id.high * 0x9E3779B97F4A7C15ull);
  h = (h ^ (h >> 32)) * 0xD6E8FEB86659FD93ull;
  h = (h ^ (h >> 32)) * 0xD6E8FEB86659FD93ull;
  return h ^ (h >> 32);
}

}  // namespace semel
