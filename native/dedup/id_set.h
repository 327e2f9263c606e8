// A set of ids that grows, and shrinks to fit once it is complete, without a stall.
//
// Both are one movement: into a table of another size, a few groups at a time. Tables are sorted by
// hash, so it is a sequential pass over both, and one frontier divides the ids between them:
//   home in the older table < frontier   the id is in the current table, and nowhere else
//   otherwise                            the id is in the older table, and nowhere else
// 1. Each probe and each insert goes to exactly one table, also while ids are moving.
// 2. The frontier stops only behind a group with an empty slot (or at the end), so an id is never
//    on both sides of it (table.h, 2).
// 3. The older table's memory is given back as the frontier passes and serves the current one, which
//    takes memory only where ids arrive: moving needs little more than one table's worth. (A table
//    that hashes by masking, and keeps the old one until it has been emptied, needs three times the
//    old one and two probes.)
// 4. An insert moves at most a few groups: make_room() comes first and bounds the load.
#pragma once

#include <cstdint>

#include "core/id.h"
#include "dedup/bloom_filter.h"
#include "dedup/hash.h"
#include "dedup/table.h"

namespace semel::dedup {

class IdSet {
 public:
  // exists() is false where memory could not be had.
  IdSet(ChunkPool& pool, const IdHash& hash, uint64_t ids_expected = 0);

  bool exists() const { return current_.exists(); }
  uint64_t size() const { return size_; }
  uint64_t heap_bytes() const { return current_.heap_bytes() + older_.heap_bytes(); }

  bool contains(const Id& id, uint64_t hash) const { return table(hash).contains(id, hash); }
  void prefetch_tags(uint64_t hash) const { table(hash).prefetch_tags(hash); }
  bool prefetch_key(uint64_t hash) const { return table(hash).prefetch_key(hash); }
  void prefetch_insert(uint64_t hash) const { table(hash).prefetch_insert(hash); }

  // Before up to `inserts` inserts: begins to grow where it is time, and moves in proportion.
  void make_room(uint64_t inserts);
  // The id must be absent.
  void insert(const Id& id, uint64_t hash) {
    Table& target = in_older(hash) ? older_ : current_;
    target.insert(id, hash);
    ++size_;
  }
  // False where growing has failed for want of memory and `ids` more would crowd the table.
  bool can_take(uint64_t ids) const;

  // Begins to move into a table that just fits, for a set that takes no more ids. Every id is also
  // added to `filter`, which must outlive the movement. False: no memory, and nothing has changed.
  // Precondition: !is_moving().
  bool fit(BloomFilter* filter);
  bool is_moving() const { return older_.exists(); }
  // Moves on by about `groups` groups; returns how many it was.
  uint64_t move(uint64_t groups);
  // Whether the filter that was given to fit() holds every id.
  bool is_filter_complete() const { return is_filter_complete_; }

 private:
  bool in_older(uint64_t hash) const {
    return older_.exists() && older_.home(hash) >= frontier_;
  }
  const Table& table(uint64_t hash) const { return in_older(hash) ? older_ : current_; }
  bool begin(uint64_t groups, BloomFilter* filter);
  void take(const Id& id);

  ChunkPool* pool_;
  IdHash hash_;
  uint64_t size_ = 0;
  uint64_t size_max_ = 0;  // at which the current table is left for a larger one
  Table current_;
  Table older_;            // exists while ids are moving
  uint64_t frontier_ = 0;  // a group of older_
  BloomFilter* filter_ = nullptr;
  bool is_filter_complete_ = false;
};

}  // namespace semel::dedup
