// The ids that are reserved and not yet decided: in flight or parked.
//
// Few, and each comes and goes, so this is a small table of another kind than the seen ids': groups
// of 15 tags and one byte that counts the ids which wanted to live here and had to move on (the
// overflow count of Meta's F14: https://engineering.fb.com/2019/04/25/developer-tools/f14/). A probe
// goes on only where that count is not 0, and a deletion just empties its slot: at this load nearly
// every operation is one compare of 16 tags whose branches are predicted. (Linear probing with
// deletion by shifting back took 28 ns for add and remove where this takes 19: it mispredicts.)
//
// Its size follows the number in flight, which the shard bounds; normally it stays in the nearest
// caches. Growing rehashes everything at once, which few enough ids allow.
#pragma once

#include <cstdint>
#include <vector>

#include "core/id.h"
#include "dedup/hash.h"
#include "dedup/tag_group.h"

namespace semel::dedup {

class Reservations {
 public:
  explicit Reservations(const IdHash& hash);

  uint64_t size() const { return size_; }
  uint64_t bytes() const { return groups_.size() * (sizeof(Group) + sizeof(Keys)); }

  void prefetch(uint64_t hash) const { __builtin_prefetch(&groups_[home(hash)]); }
  bool contains(const Id& id, uint64_t hash) const { return find(id, hash) != kNowhere; }

  // False where it is there already.
  bool add(const Id& id, uint64_t hash) {
    if (find(id, hash) != kNowhere) return false;
    if (size_ >= size_max_) resize(2 * groups_.size());
    insert(id, hash);
    return true;
  }
  // False where it is not there.
  bool remove(const Id& id, uint64_t hash);
  void clear();

 private:
  static constexpr uint64_t kSlots = kGroupSlots - 1;
  static constexpr uint64_t kGroupsMin = 128;
  static constexpr uint64_t kNowhere = UINT64_MAX;
  static constexpr uint8_t kManyPassed = 255;  // stays: the count is no longer known

  struct alignas(kGroupSlots) Group {
    uint8_t tags[kSlots];
    uint8_t passed;  // ids that live further on because this group was full
  };
  struct Keys {
    Id ids[kGroupSlots];
  };

  uint64_t home(uint64_t hash) const { return hash >> 8 & mask_; }
  static uint32_t match(const Group& group, uint8_t tag) {
    return TagGroup(group.tags).match(tag) & ((1u << kSlots) - 1);
  }
  // The id's group × 16 + slot.
  uint64_t find(const Id& id, uint64_t hash) const {
    for (uint64_t at = home(hash);; at = (at + 1) & mask_) {
      for (uint32_t mask = match(groups_[at], tag_of(hash)); mask != 0; mask &= mask - 1) {
        const auto slot = static_cast<uint64_t>(std::countr_zero(mask));
        if (keys_[at].ids[slot] == id) return at * kGroupSlots + slot;
      }
      if (groups_[at].passed == 0) return kNowhere;
    }
  }
  void insert(const Id& id, uint64_t hash);
  void resize(uint64_t groups);
  void settle();

  IdHash hash_;
  uint64_t size_ = 0;
  uint64_t size_max_ = 0;   // half full
  uint64_t size_peak_ = 0;  // since it was last empty
  uint64_t mask_ = 0;
  std::vector<Group> groups_;
  std::vector<Keys> keys_;
};

inline void Reservations::insert(const Id& id, uint64_t hash) {
  uint64_t at = home(hash);
  uint32_t empty = match(groups_[at], 0);
  for (; empty == 0; empty = match(groups_[at], 0)) {
    if (groups_[at].passed != kManyPassed) ++groups_[at].passed;
    at = (at + 1) & mask_;
  }
  const auto slot = static_cast<uint64_t>(std::countr_zero(empty));
  groups_[at].tags[slot] = tag_of(hash);
  keys_[at].ids[slot] = id;
  if (++size_ > size_peak_) size_peak_ = size_;
}

inline bool Reservations::remove(const Id& id, uint64_t hash) {
  const uint64_t found = find(id, hash);
  if (found == kNowhere) return false;
  const uint64_t group = found / kGroupSlots;
  groups_[group].tags[found % kGroupSlots] = 0;
  for (uint64_t at = home(hash); at != group; at = (at + 1) & mask_) {
    if (groups_[at].passed != kManyPassed) --groups_[at].passed;
  }
  if (--size_ == 0) settle();
  return true;
}

}  // namespace semel::dedup
