// Which id stands where in the log: groups of ten slots (group.h), of fixed number. An absent id costs
// one cache line; a present one costs a second, in the log.
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
// An id is in the table once, but for copies that are dead: those are nothing to a probe.
#pragma once

#include <cstdint>
#include <vector>

#include "core/faults.h"
#include "core/id.h"
#include "dedup/chunked_memory.h"
#include "dedup/group.h"
#include "dedup/hash.h"
#include "dedup/id_log.h"

namespace semel::dedup {

constexpr uint64_t kGroupsPerChunk = kChunkBytes / sizeof(Group);

class Table {
 public:
  // Where an id lives, and what is told of it.
  struct Found {
    bool exists = false;
    Position position = 0;
    uint64_t group = 0;  // groups_total() for the list
    uint64_t slot = 0;
  };

  Table() = default;
  // Up to 2^32 groups. Without memory exists() is false.
  Table(ChunkPool& pool, uint64_t groups);

  bool exists() const { return groups_memory_.exists(); }
  uint64_t groups() const { return groups_; }
  uint64_t slots() const { return groups_ * kSlots; }
  uint64_t home(uint64_t hash) const { return home_of(hash, groups_); }
  // Homes and spares.
  uint64_t groups_total() const { return groups_total_; }
  uint64_t spilled() const { return spill_.size(); }
  uint64_t heap_bytes() const {
    return groups_memory_.heap_bytes() + spill_.capacity() * sizeof(Spilled);
  }

  Found find(const Id& id, uint64_t hash, const IdLog& log) const {
    const LogSpan& span = log.span();
    const uint16_t tag = tag_of(hash);
    for (uint64_t at = home(hash); at < groups_total_; ++at) {
      const Group& group = group_at(at);
      for (uint32_t slots = group.match(tag); slots != 0; slots &= slots - 1) {
        const auto slot = static_cast<uint32_t>(std::countr_zero(slots));
        const Position position = group.positions[slot];
        if (span.holds(position) && log.at(position) == id) return {true, position, at, slot};
      }
      if (planted(Bug::tag_taken_as_id)) {
        const uint32_t slot = slot_roughly_like(group, tag, span);
        if (slot != kSlots) return {true, group.positions[slot], at, slot};
      }
      if (!group.was_passed(span)) return spill_.empty() ? Found{} : find_spilled(id, log);
    }
    return find_spilled(id, log);
  }
  // The id must be absent.
  void insert(uint64_t hash, Position position, const LogSpan& span) {
    const uint64_t first = home(hash);
    for (uint64_t at = first; at < groups_total_; ++at) {
      Group* group = group_for_write(at);
      if (group == nullptr) break;
      const uint32_t empty = group->empty();
      if (empty == 0) continue;
      const auto slot = static_cast<uint32_t>(std::countr_zero(empty));
      group->tags[slot] = tag_of(hash);
      group->positions[slot] = position;
      pass(first, at, position, span);
      return;
    }
    spill_.push_back({hash, position});
  }
  // The id stands at a newer position.
  void move_to(const Found& found, uint64_t hash, Position position, const LogSpan& span);
  void remove(const Found& found);

  // The steps of a batched probe, each to be a window of ids ahead of the next. (Always inlined: a
  // function that only fetches has no effect in gcc's eyes, and a call of it is left out.)
  [[gnu::always_inline]] void prefetch(uint64_t hash) const {
    __builtin_prefetch(&group_at(home(hash)), 1);
  }
  // Fetches the id that will most likely be compared, if any.
  [[gnu::always_inline]] void prefetch_id(uint64_t hash, const IdLog& log) const {
    const Group& group = group_at(home(hash));
    const uint32_t slots = group.match(tag_of(hash));
    if (slots == 0) return;
    const Position position = group.positions[std::countr_zero(slots)];
    if (log.span().holds(position)) log.prefetch(position);
  }

  // Whether nobody who is still there has passed the group.
  bool is_boundary(uint64_t group, const LogSpan& span) const {
    return !group_at(group).was_passed(span);
  }
  // Calls `visit(position)` for each slot that is not empty.
  template <typename Visit>
  void visit_group(uint64_t at, Visit visit) const {
    const Group& group = group_at(at);
    for_each_slot(group.occupied(), [&](uint32_t slot) { visit(group.positions[slot]); });
  }
  // Calls `visit(position)` for those in the list whose home is before `group`, and takes them out.
  template <typename Visit>
  void take_spilled_before(uint64_t group, Visit visit) {
    std::erase_if(spill_, [&](const Spilled& one) {
      const bool takes = home(one.hash) < group;
      if (takes) visit(one.position);
      return takes;
    });
  }
  // Empties the slots of dead ids.
  void clear_group(uint64_t group, const LogSpan& span) {
    // What was never written has nothing to clear.
    if (groups_memory_.is_taken(group / kGroupsPerChunk)) group_for_write(group)->clear(span);
  }
  void clear_spill(const LogSpan& span);
  // Gives the memory of groups before `group` back; they are never asked for again.
  void release_before(uint64_t group) { groups_memory_.release_before(group / kGroupsPerChunk); }

 private:
  struct Spilled {
    uint64_t hash;
    Position position;
  };

  const Group& group_at(uint64_t group) const {
    return reinterpret_cast<const Group*>(
        groups_memory_.at(group / kGroupsPerChunk))[group % kGroupsPerChunk];
  }
  Group* group_for_write(uint64_t group) {
    uint8_t* chunk = groups_memory_.at_for_write(group / kGroupsPerChunk);
    if (chunk == nullptr) return nullptr;
    return reinterpret_cast<Group*>(chunk) + group % kGroupsPerChunk;
  }
  // The groups from `first` to before `end` are full, and somebody lives further on.
  void pass(uint64_t first, uint64_t end, Position position, const LogSpan& span) {
    for (uint64_t full = first; full < end; ++full) group_for_write(full)->pass(position, span);
  }
  Found find_spilled(const Id& id, const IdLog& log) const;
  // For the planted bug: a slot with a quarter of the tag.
  static uint32_t slot_roughly_like(const Group& group, uint16_t tag, const LogSpan& span);

  uint64_t groups_ = 0;
  uint64_t groups_total_ = 0;
  ChunkedMemory groups_memory_;
  std::vector<Spilled> spill_;
};

}  // namespace semel::dedup
