// A group of the table: ten slots, and what has gone on past them, in one cache line.
//
//   tag       16 bits of the id's hash, never 0: one absent id in 8,000 finds its own among ten. 0 is an
//             empty slot
//   position  where the id stands in the log (id_log.h). One that the log has left behind is dead: the
//             slot is to be emptied, and means nothing until then
//   passed    the newest position of an id that belongs here or before and lives further on, because
//             this group was full. A probe goes on only where that is not dead; so nothing has to be
//             counted back when ids are forgotten, who come and go in the order of positions. (0 where
//             nobody has: while that is some id's position, once in 2^32, a probe looks further in vain.)
//
// Tags are compared with vector instructions, after the groups of Abseil's Swiss tables
// (https://abseil.io/about/design/swisstables).
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "dedup/id_log.h"

namespace semel::dedup {

constexpr uint32_t kSlots = 10;

constexpr uint16_t tag_of(uint64_t hash) {
  const auto tag = static_cast<uint16_t>(hash);
  return tag == 0 ? uint16_t{1} : tag;
}

struct alignas(64) Group {
  uint16_t tags[kSlots];
  Position passed;
  Position positions[kSlots];

  // Bit i of an answer is set for slot i.

  // The slots whose id may be the one with this tag.
  uint32_t match(uint16_t tag) const {
#if defined(__SSE2__)
    const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(tag));
    const auto* words = reinterpret_cast<const __m128i*>(this);
    const __m128i first = _mm_cmpeq_epi16(_mm_load_si128(words), wanted);
    const __m128i second = _mm_cmpeq_epi16(_mm_load_si128(words + 1), wanted);
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(first, second))) & kEverySlot;
#else
    uint32_t found = 0;  // a loop that compilers turn into vector code
    for (uint32_t i = 0; i < kSlots; ++i) found |= uint32_t{tags[i] == tag} << i;
    return found;
#endif
  }
  uint32_t empty() const { return match(0); }
  uint32_t occupied() const { return ~empty() & kEverySlot; }

  // Whether an id that belongs here or before may live further on.
  bool was_passed(const LogSpan& span) const { return span.holds(passed); }
  void pass(Position position, const LogSpan& span) {
    if (!span.holds(passed) || span.is_newer(position, passed)) passed = position;
  }

  // Empties the slots of dead ids.
  void clear(const LogSpan& span) {
#if defined(__SSE2__)
    auto* words = reinterpret_cast<__m128i*>(this);
    const __m128i live = _mm_packs_epi32(live_of(positions, span), live_of(positions + 4, span));
    _mm_store_si128(words, _mm_and_si128(_mm_load_si128(words), live));
    const int last = _mm_movemask_ps(_mm_castsi128_ps(live_of(positions + 6, span)));
    tags[8] &= static_cast<uint16_t>(-(last >> 2 & 1));
    tags[9] &= static_cast<uint16_t>(-(last >> 3 & 1));
#else
    for (uint32_t i = 0; i < kSlots; ++i) tags[i] = span.holds(positions[i]) ? tags[i] : 0;
#endif
    if (!span.holds(passed)) passed = span.oldest - 1;
  }

 private:
  static constexpr uint32_t kEverySlot = (1u << kSlots) - 1;

#if defined(__SSE2__)
  // All ones for each of four positions that the span holds.
  static __m128i live_of(const Position* four, const LogSpan& span) {
    const __m128i at = _mm_loadu_si128(reinterpret_cast<const __m128i*>(four));
    // There is a comparison of signed numbers only, which the highest bit turns into this one.
    const __m128i shift = _mm_set1_epi32(static_cast<int>(span.oldest ^ 0x8000'0000));
    const __m128i size = _mm_set1_epi32(static_cast<int>(span.size() ^ 0x8000'0000));
    return _mm_cmpgt_epi32(size, _mm_sub_epi32(at, shift));
  }
#endif
};
static_assert(sizeof(Group) == 64);

// Calls `visit(slot)` for each set bit.
template <typename Visit>
inline void for_each_slot(uint32_t slots, Visit visit) {
  for (; slots != 0; slots &= slots - 1) visit(static_cast<uint32_t>(std::countr_zero(slots)));
}

}  // namespace semel::dedup
