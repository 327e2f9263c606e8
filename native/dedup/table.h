// Ids with their stamps, in a table of fixed capacity: groups of marks, and 16-byte keys in an array
// beside them. An absent id costs one cache line of marks, a present one a second of keys. Marks and
// keys have chunks of their own, so that a million ids' marks need two entries of the TLB.
//
// An id's home is the group that its hash falls into; it lives in the first group from there on that
// had an empty slot when it came.
// 1. A probe ends at the first group that nobody has passed who is still there.
// 2. Where nobody who is still there has passed group g, ids with a home ≤ g live in groups ≤ g.
//    (Moving into another table rests on it.)
// Probes don't wrap: past the last home follow a few spare groups, and past these a list. With a secret
// seed the list stays empty up to a load of about 0.95; it keeps the table correct, if slow, when memory
// can't be had.
//
// An id is in the table once, but for copies whose stamp is not live: those are nothing to a probe.
#pragma once

#include <cstdint>
#include <vector>

#include "core/faults.h"
#include "core/id.h"
#include "dedup/chunked_memory.h"
#include "dedup/hash.h"
#include "dedup/marks.h"

namespace semel::dedup {

constexpr uint64_t kGroupsPerMarkChunk = kChunkBytes / sizeof(MarkGroup);
constexpr uint64_t kGroupsPerKeyChunk = kChunkBytes / (kSlots * sizeof(Id));

class Table {
 public:
  // Where an id lives.
  struct Place {
    static constexpr uint64_t kNowhere = UINT64_MAX;
    uint64_t group = kNowhere;  // groups_total() for the list
    uint64_t slot = 0;

    bool exists() const { return group != kNowhere; }
  };

  Table() = default;
  // Up to 2^32 groups. Without memory exists() is false.
  Table(ChunkPool& pool, uint64_t groups);

  bool exists() const { return marks_.exists() && keys_.exists(); }
  uint64_t groups() const { return groups_; }
  uint64_t slots() const { return groups_ * kSlots; }
  uint64_t home(uint64_t hash) const { return place(hash, groups_); }
  // Homes and spares.
  uint64_t groups_total() const { return groups_total_; }
  uint64_t spilled() const { return spill_.size(); }
  uint64_t heap_bytes() const {
    return marks_.heap_bytes() + keys_.heap_bytes() + spill_.capacity() * sizeof(Spilled);
  }

  Place find(const Id& id, uint64_t hash, const Stamps& stamps) const {
    const Mark mark = mark_of(hash, 0);
    for (uint64_t group = home(hash); group < groups_total_; ++group) {
      const MarkGroup& marks = marks_at(group);
      for (uint32_t slots = marks.match(mark); slots != 0; slots &= slots - 1) {
        const auto slot = static_cast<uint32_t>(std::countr_zero(slots));
        if (stamps.is_live(marks.lanes[slot]) && *key_at(group, slot) == id) return {group, slot};
      }
      if (planted(Bug::tag_taken_as_id)) {
        const uint32_t slot = slot_roughly_like(marks, mark, stamps);
        if (slot != kSlots) return {group, slot};
      }
      if (!marks.was_passed(stamps)) return spill_.empty() ? Place{} : find_spilled(id, stamps);
    }
    return find_spilled(id, stamps);
  }
  Stamp stamp_at(const Place& at) const {
    if (at.group == groups_total_) return stamp_of(spill_[at.slot].mark);
    return stamp_of(marks_at(at.group).lanes[at.slot]);
  }

  // An absent id becomes reserved, and nothing else changes. How it stood: its stamp, or 0.
  Stamp reserve(const Id& id, uint64_t hash, const Stamps& stamps) {
    const uint64_t group = home(hash);
    MarkGroup* marks = marks_for_write(group);
    Id* keys = keys_for_write(group);
    if (marks != nullptr && keys != nullptr) {
      const uint32_t empty = marks->empty();
      const bool is_plain = marks->match(mark_of(hash, 0)) == 0 && marks->lanes[kSlots] == 0;
      if (is_plain && empty != 0 && spill_.empty() && !planted(Bug::tag_taken_as_id)) {
        const auto slot = static_cast<uint32_t>(std::countr_zero(empty));
        marks->lanes[slot] = mark_of(hash, kReserved);
        keys[slot] = id;
        return 0;
      }
    }
    const Place at = find(id, hash, stamps);
    if (at.exists()) return stamp_at(at);
    insert(id, hash, kReserved, stamps);
    return 0;
  }
  // Seen in the newest slice, however it stood. How it stood.
  Stamp see(const Id& id, uint64_t hash, Stamp newest, const Stamps& stamps) {
    const Place at = find(id, hash, stamps);
    if (!at.exists()) {
      insert(id, hash, newest, stamps);
      return 0;
    }
    const Stamp stood = stamp_at(at);
    if (stood != newest) restamp(at, hash, newest, stamps);
    return stood;
  }
  // The id must be absent.
  void insert(const Id& id, uint64_t hash, Stamp stamp, const Stamps& stamps) {
    const uint64_t first = home(hash);
    for (uint64_t group = first; group < groups_total_; ++group) {
      MarkGroup* marks = marks_for_write(group);
      Id* keys = keys_for_write(group);
      if (marks == nullptr || keys == nullptr) break;
      const uint32_t empty = marks->empty();
      if (empty == 0) continue;
      const auto slot = static_cast<uint32_t>(std::countr_zero(empty));
      marks->lanes[slot] = mark_of(hash, stamp);
      keys[slot] = id;
      for (uint64_t full = first; full < group; ++full) marks_for_write(full)->pass(stamp, stamps);
      return;
    }
    spill_.push_back({id, hash, mark_of(hash, stamp)});
  }
  // From reserved, or from any slice, to the newest one.
  void restamp(const Place& at, uint64_t hash, Stamp stamp, const Stamps& stamps) {
    if (at.group != home(hash)) restamp_passed(at, hash, stamp, stamps);
    if (at.group == groups_total_) {
      spill_[at.slot].mark = mark_of(hash, stamp);
    } else {
      marks_for_write(at.group)->lanes[at.slot] = mark_of(hash, stamp);
    }
  }
  // Empties the place of an id that is reserved.
  void remove_reserved(const Place& at, uint64_t hash);

  // The steps of a batched probe, each to be a window of ids ahead of the next. (Always inlined: a
  // function that only fetches has no effect in gcc's eyes, and a call of it is left out.)
  [[gnu::always_inline]] void prefetch_marks(uint64_t hash) const {
    __builtin_prefetch(&marks_at(home(hash)), 1);
  }
  // Fetches the key that will most likely be compared, or written.
  [[gnu::always_inline]] void prefetch_key(uint64_t hash) const {
    const uint64_t group = home(hash);
    const MarkGroup& marks = marks_at(group);
    const uint32_t same = marks.match(mark_of(hash, 0));
    const uint32_t slots = same != 0 ? same : marks.empty() | 1u << (kSlots - 1);
    __builtin_prefetch(key_at(group, static_cast<uint32_t>(std::countr_zero(slots))), 1);
  }

  // Whether nobody who is still there has passed the group.
  bool is_boundary(uint64_t group, const Stamps& stamps) const {
    return !marks_at(group).was_passed(stamps);
  }
  // Calls `visit(id, mark)` for each slot that is not empty.
  template <typename Visit>
  void visit_group(uint64_t group, Visit visit) const {
    const MarkGroup& marks = marks_at(group);
    for_each_slot(~marks.empty() & ((1u << kSlots) - 1),
                  [&](uint32_t slot) { visit(*key_at(group, slot), marks.lanes[slot]); });
  }
  // Calls `visit(id, mark)` for those in the list whose home is before `group`, and takes them out.
  template <typename Visit>
  void take_spilled_before(uint64_t group, Visit visit) {
    std::erase_if(spill_, [&](const Spilled& one) {
      const bool takes = home(one.hash) < group;
      if (takes) visit(one.id, one.mark);
      return takes;
    });
  }
  // Empties the slots with the stamp.
  void clear_group(uint64_t group, Stamp stamp) {
    // What was never written has nothing to clear.
    if (marks_.is_taken(group / kGroupsPerMarkChunk)) marks_for_write(group)->clear(stamp);
  }
  void clear_spill(Stamp stamp);
  // Gives the memory of groups before `group` back; they are never asked for again.
  void release_before(uint64_t group) {
    marks_.release_before(group / kGroupsPerMarkChunk);
    keys_.release_before(group / kGroupsPerKeyChunk);
  }

 private:
  struct Spilled {
    Id id;
    uint64_t hash;
    Mark mark;
  };

  const MarkGroup& marks_at(uint64_t group) const {
    return reinterpret_cast<const MarkGroup*>(
        marks_.at(group / kGroupsPerMarkChunk))[group % kGroupsPerMarkChunk];
  }
  MarkGroup* marks_for_write(uint64_t group) {
    uint8_t* chunk = marks_.at_for_write(group / kGroupsPerMarkChunk);
    if (chunk == nullptr) return nullptr;
    return reinterpret_cast<MarkGroup*>(chunk) + group % kGroupsPerMarkChunk;
  }
  // Only an address for prefetch where the group has no memory yet.
  const Id* key_at(uint64_t group, uint32_t slot) const {
    const uint8_t* chunk = keys_.at(group / kGroupsPerKeyChunk);
    const uint64_t index = group % kGroupsPerKeyChunk * kSlots + slot;
    return reinterpret_cast<const Id*>(reinterpret_cast<uintptr_t>(chunk) + index * sizeof(Id));
  }
  Id* keys_for_write(uint64_t group) {
    uint8_t* chunk = keys_.at_for_write(group / kGroupsPerKeyChunk);
    if (chunk == nullptr) return nullptr;
    return reinterpret_cast<Id*>(chunk) + group % kGroupsPerKeyChunk * kSlots;
  }
  void restamp_passed(const Place& at, uint64_t hash, Stamp stamp, const Stamps& stamps);
  Place find_spilled(const Id& id, const Stamps& stamps) const;
  // For the planted bug: a slot with a quarter of the tag.
  static uint32_t slot_roughly_like(const MarkGroup& marks, Mark mark, const Stamps& stamps);

  uint64_t groups_ = 0;
  uint64_t groups_total_ = 0;
  ChunkedMemory marks_;
  ChunkedMemory keys_;
  std::vector<Spilled> spill_;
};

}  // namespace semel::dedup
