// The keyed hash of an id, and who takes which of its bits.
//
//   bits 32…63  the home group in a table, by multiplication with their number. So every table is
//               sorted by hash, and moving one into another of any size is a sequential pass over both.
//   bits 0…15   the tag
//
// core/id.h's mix() is not used: it folds an id into one word with an exclusive or before it is keyed,
// so ids can be chosen that collide under every seed (low = high × constant). Here both halves are
// keyed before they meet in a 64 × 64 → 128 bit multiplication (the fold of wyhash, Wang Yi), for
// which no collision is known that does not depend on the keys. One more fold spreads what structured
// ids (counters with a constant half) leave uneven.
#pragma once

#include <cstdint>

#include "core/id.h"

namespace semel::dedup {

class IdHash {
 public:
  explicit IdHash(uint64_t seed)
      : low_key_(next(seed)), high_key_(next(seed)), fold_key_(next(seed)) {}

  uint64_t operator()(const Id& id) const {
    const uint64_t once = fold(id.low ^ low_key_, id.high ^ high_key_);
    return fold(once ^ fold_key_, 0x9E3779B97F4A7C15ull);
  }

 private:
  // splitmix64 (Steele, Lea and Flood, 2014): three keys from one secret.
  static uint64_t next(uint64_t& state) {
    uint64_t z = (state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  static uint64_t fold(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  uint64_t low_key_;
  uint64_t high_key_;
  uint64_t fold_key_;
};

// Where a hash falls among `count` (at most 2^32) groups that are sorted by hash.
inline uint64_t home_of(uint64_t hash, uint64_t count) { return (hash >> 32) * count >> 32; }

}  // namespace semel::dedup
