// Sixteen one-byte tags, compared with one instruction (the group of Abseil's Swiss tables:
// https://abseil.io/about/design/swisstables; there with seven bits, as deletions need the eighth).
// A tag is 1…255 from the id's hash; 0 is an empty slot. A wrong id passes with 14/255 a full group.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace semel::dedup {

constexpr uint64_t kGroupSlots = 16;

inline uint8_t tag_of(uint64_t hash) {
  const auto tag = static_cast<uint8_t>(hash);
  return tag == 0 ? uint8_t{1} : tag;
}

// Reads 16 tags at a 16-byte boundary. Masks have bit i set for slot i.
class TagGroup {
 public:
#if defined(__SSE2__)
  explicit TagGroup(const uint8_t* tags)
      : tags_(_mm_load_si128(reinterpret_cast<const __m128i*>(tags))) {}
  uint32_t match(uint8_t tag) const {
    const __m128i wanted = _mm_set1_epi8(static_cast<char>(tag));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(tags_, wanted)));
  }

 private:
  __m128i tags_;
#else
  explicit TagGroup(const uint8_t* tags) : tags_(tags) {}
  uint32_t match(uint8_t tag) const {  // a loop that compilers turn into vector code
    uint32_t mask = 0;
    for (uint32_t i = 0; i < kGroupSlots; ++i) mask |= uint32_t{tags_[i] == tag} << i;
    return mask;
  }

 private:
  const uint8_t* tags_;
#endif

 public:
  uint32_t empty() const { return match(0); }
  uint32_t occupied() const { return ~empty() & 0xFFFF; }
};

// Calls `visit(slot)` for each set bit.
template <typename Visit>
inline void for_each_slot(uint32_t mask, Visit visit) {
  for (; mask != 0; mask &= mask - 1) visit(static_cast<uint64_t>(std::countr_zero(mask)));
}

}  // namespace semel::dedup
