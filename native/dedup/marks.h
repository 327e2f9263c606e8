// A group of the table: the marks of fifteen slots, and what has gone on past them. 32 bytes, half a
// cache line, asked with a few vector instructions (after the groups of Abseil's Swiss tables,
// https://abseil.io/about/design/swisstables).
//
//   mark           tag << 4 | stamp; 0 is an empty slot
//   tag            12 bits of the id's hash, never 0: one absent id in 300 finds its own among fifteen
//   stamp          how the id stands: 1 reserved, 2…15 seen, and in which slice of the window
//   the last lane  of the ids that belong here or before and live further on, because this group was
//                  full: the number that are reserved << 4 | the stamp of the newest slice of any
//
// A probe goes on past a group only where the last lane says that somebody did (as by the overflow
// counts of Meta's F14, https://engineering.fb.com/2019/04/25/developer-tools/f14/). For ids that are
// seen no number is needed: when the slice is forgotten, so are all who went past in it.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace semel::dedup {

using Mark = uint16_t;
using Stamp = uint16_t;

constexpr Stamp kReserved = 1;
constexpr Stamp kSliceFirst = 2;
constexpr Stamp kStampEnd = 16;
constexpr Mark kStampMask = 15;
constexpr Mark kTagMask = 0xFFF0;

constexpr uint32_t kSlots = 15;  // of a group
constexpr uint32_t kLanes = 16;

constexpr Stamp stamp_of(Mark mark) { return mark & kStampMask; }
constexpr Mark mark_of(uint64_t hash, Stamp stamp) {
  const auto tag = static_cast<Mark>(hash << 4);
  return static_cast<Mark>((tag == 0 ? Mark{1 << 4} : tag) | stamp);
}

// Which stamps mean something just now; of the others' ids nothing is left but their slots.
struct Stamps {
  uint32_t live = 1u << kReserved;
  Stamp oldest = kSliceFirst;  // of the slices that are live

  bool is_live(Mark mark) const { return live >> stamp_of(mark) & 1; }
  bool is_newer(Stamp stamp, Stamp than) const {
    return is_live(stamp) && (!is_live(than) || age(stamp) > age(than));
  }

 private:
  int age(Stamp stamp) const {
    constexpr int kSlices = kStampEnd - kSliceFirst;
    return (stamp - oldest + kSlices) % kSlices;
  }
};

struct alignas(2 * kLanes) MarkGroup {
  Mark lanes[kLanes];

  // Bit i of an answer is set for slot i.

  // The slots whose id may be the one with this mark, whatever its stamp.
  uint32_t match(Mark mark) const { return equal(kTagMask, mark & kTagMask); }
  uint32_t empty() const { return equal(0xFFFF, 0); }

  // Whether an id that belongs here or before may live further on.
  bool was_passed(const Stamps& stamps) const {
    const Mark passed = lanes[kSlots];
    return passed != 0 && (passed >> 4 != 0 || stamps.is_live(passed));
  }
  // An id with this stamp goes on past this group, or is another's now that went on before.
  void pass(Stamp stamp, const Stamps& stamps) {
    Mark& passed = lanes[kSlots];
    if (stamp == kReserved) {
      if (passed < kTagMask) passed += 1 << 4;
    } else if (stamps.is_newer(stamp, stamp_of(passed))) {
      passed = static_cast<Mark>((passed & kTagMask) | stamp);
    }
  }
  // One that is reserved is so no more. (A number that has met its bound is no longer known, and stays.)
  void unpass_reserved() {
    Mark& passed = lanes[kSlots];
    if (passed >= 1 << 4 && passed < kTagMask) passed -= 1 << 4;
  }
  // Empties the slots with the stamp.
  void clear(Stamp stamp) {
    const Mark passed = lanes[kSlots];
    clear_lanes(stamp);
    if (stamp == kReserved) {
      lanes[kSlots] = stamp_of(passed);
    } else {
      lanes[kSlots] = stamp_of(passed) == stamp ? passed & kTagMask : passed;
    }
  }

 private:
  static constexpr uint32_t kEverySlot = (1u << kSlots) - 1;

#if defined(__SSE2__)
  uint32_t equal(Mark bits, Mark wanted) const {
    const __m128i mask = _mm_set1_epi16(static_cast<int16_t>(bits));
    const __m128i value = _mm_set1_epi16(static_cast<int16_t>(wanted));
    const auto* halves = reinterpret_cast<const __m128i*>(lanes);
    const __m128i first = _mm_cmpeq_epi16(_mm_and_si128(_mm_load_si128(halves), mask), value);
    const __m128i second = _mm_cmpeq_epi16(_mm_and_si128(_mm_load_si128(halves + 1), mask), value);
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(first, second))) & kEverySlot;
  }
  void clear_lanes(Stamp stamp) {
    const __m128i mask = _mm_set1_epi16(kStampMask);
    const __m128i value = _mm_set1_epi16(static_cast<int16_t>(stamp));
    auto* halves = reinterpret_cast<__m128i*>(lanes);
    for (int half = 0; half < 2; ++half) {
      const __m128i marks = _mm_load_si128(halves + half);
      const __m128i found = _mm_cmpeq_epi16(_mm_and_si128(marks, mask), value);
      _mm_store_si128(halves + half, _mm_andnot_si128(found, marks));
    }
  }
#else
  uint32_t equal(Mark bits, Mark wanted) const {  // a loop that compilers turn into vector code
    uint32_t found = 0;
    for (uint32_t i = 0; i < kSlots; ++i) found |= uint32_t{(lanes[i] & bits) == wanted} << i;
    return found;
  }
  void clear_lanes(Stamp stamp) {
    for (Mark& mark : lanes) mark = stamp_of(mark) == stamp ? Mark{0} : mark;
  }
#endif
};
static_assert(sizeof(MarkGroup) == 32);

// Calls `visit(slot)` for each set bit.
template <typename Visit>
inline void for_each_slot(uint32_t slots, Visit visit) {
  for (; slots != 0; slots &= slots - 1) visit(static_cast<uint32_t>(std::countr_zero(slots)));
}

}  // namespace semel::dedup
