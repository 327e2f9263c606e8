// A set of ids of fixed capacity: groups of 16 one-byte tags, and 16-byte keys in an array beside
// them, so that an absent id costs one cache line (four groups of tags) and a present one two. Tags
// and keys have chunks of their own, so that a million ids' tags need one entry of the TLB.
//
// An id's home is the group that its hash falls into; it lives in the first group from there on that
// had an empty slot. Nothing is ever deleted, therefore:
// 1. A probe ends at the first group with an empty slot.
// 2. Where group g has an empty slot, ids with a home ≤ g live in groups ≤ g. (Migration rests on it.)
// Probes don't wrap: past the last home follow a few spare groups, and past these a list, so that 2
// holds up to the end. With a secret seed the list stays empty up to a load of about 0.95; it keeps
// the set correct, if slow, when memory can't be had.
//
// insert() takes ids that are known to be absent and compares no keys. A second copy does no harm.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/id.h"
#include "dedup/chunked_memory.h"
#include "dedup/hash.h"
#include "dedup/tag_group.h"

namespace semel::dedup {

constexpr uint64_t kGroupsPerTagChunk = kChunkBytes / kGroupSlots;
constexpr uint64_t kGroupsPerKeyChunk = kChunkBytes / (kGroupSlots * sizeof(Id));

class Table {
 public:
  Table() = default;
  // Up to 2^32 groups. Without memory exists() is false.
  Table(ChunkPool& pool, uint64_t groups);

  bool exists() const { return tags_.exists() && keys_.exists(); }
  uint64_t groups() const { return groups_; }
  uint64_t slots() const { return groups_ * kGroupSlots; }
  uint64_t home(uint64_t hash) const { return place(hash, groups_); }
  // Homes and spares.
  uint64_t groups_total() const { return groups_total_; }
  uint64_t spilled() const { return spill_.size(); }
  uint64_t heap_bytes() const {
    return tags_.heap_bytes() + keys_.heap_bytes() + spill_.capacity() * sizeof(Id);
  }

  bool contains(const Id& id, uint64_t hash) const {
    const uint8_t tag = tag_of(hash);
    for (uint64_t group = home(hash); group < groups_total_; ++group) {
      const TagGroup tags(tags_at(group));
      for (uint32_t mask = tags.match(tag); mask != 0; mask &= mask - 1) {
        if (*key_at(group, static_cast<uint64_t>(std::countr_zero(mask))) == id) return true;
      }
      if (tags.empty() != 0) return !spill_.empty() && spill_contains(id);
    }
    return spill_contains(id);
  }

  void insert(const Id& id, uint64_t hash) {
    for (uint64_t group = home(hash); group < groups_total_; ++group) {
      const uint32_t empty = TagGroup(tags_at(group)).empty();
      if (empty == 0) continue;
      const auto slot = static_cast<uint64_t>(std::countr_zero(empty));
      uint8_t* tags = tags_.at_for_write(group / kGroupsPerTagChunk);
      uint8_t* keys = keys_.at_for_write(group / kGroupsPerKeyChunk);
      if (tags == nullptr || keys == nullptr) break;
      tags[group % kGroupsPerTagChunk * kGroupSlots + slot] = tag_of(hash);
      reinterpret_cast<Id*>(keys)[group % kGroupsPerKeyChunk * kGroupSlots + slot] = id;
      return;
    }
    spill_.push_back(id);
  }

  // The steps of a batched probe, each to be a window of ids ahead of the next.
  void prefetch_tags(uint64_t hash) const { __builtin_prefetch(tags_at(home(hash))); }
  // Fetches the key that contains() would compare first. False: the id is absent, ask no further.
  bool prefetch_key(uint64_t hash) const {
    const uint64_t group = home(hash);
    const TagGroup tags(tags_at(group));
    const uint32_t mask = tags.match(tag_of(hash));
    if (mask == 0) return tags.empty() == 0 || !spill_.empty();
    __builtin_prefetch(key_at(group, static_cast<uint64_t>(std::countr_zero(mask))));
    return true;
  }
  // Fetches, for a store, the place that insert() would most likely take.
  void prefetch_insert(uint64_t hash) const {
    const uint64_t group = home(hash);
    const uint32_t empty = TagGroup(tags_at(group)).empty() | 1u << (kGroupSlots - 1);
    __builtin_prefetch(key_at(group, static_cast<uint64_t>(std::countr_zero(empty))), 1);
  }

  bool is_full(uint64_t group) const { return TagGroup(tags_at(group)).empty() == 0; }
  template <typename Visit>
  void visit_group(uint64_t group, Visit visit) const {
    for_each_slot(TagGroup(tags_at(group)).occupied(),
                  [&](uint64_t slot) { visit(*key_at(group, slot)); });
  }
  template <typename Visit>
  void visit_spill(Visit visit) const {
    for (const Id& id : spill_) visit(id);
  }
  // Gives the memory of groups before `group` back; they are never asked for again.
  void release_before(uint64_t group) {
    tags_.release_before(group / kGroupsPerTagChunk);
    keys_.release_before(group / kGroupsPerKeyChunk);
  }

 private:
  const uint8_t* tags_at(uint64_t group) const {
    return tags_.at(group / kGroupsPerTagChunk) + group % kGroupsPerTagChunk * kGroupSlots;
  }
  // Only an address for prefetch where the group has no memory yet.
  const Id* key_at(uint64_t group, uint64_t slot) const {
    const uint8_t* chunk = keys_.at(group / kGroupsPerKeyChunk);
    const uint64_t index = group % kGroupsPerKeyChunk * kGroupSlots + slot;
    return reinterpret_cast<const Id*>(reinterpret_cast<uintptr_t>(chunk) + index * sizeof(Id));
  }
  bool spill_contains(const Id& id) const {
    return std::find(spill_.begin(), spill_.end(), id) != spill_.end();
  }

  uint64_t groups_ = 0;
  uint64_t groups_total_ = 0;
  ChunkedMemory tags_;
  ChunkedMemory keys_;
  std::vector<Id> spill_;
};

}  // namespace semel::dedup
