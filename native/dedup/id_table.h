// The table of the index, as it grows, shrinks and is swept, without a stall.
//
// All three are a pass over the table, a few groups at a time. A pass in place empties the slots whose
// stamp is dead, so that the stamp can serve again. Growing and shrinking are a pass into another table,
// which takes what is live only. Tables are sorted by hash, so moving is sequential in both, and one
// frontier divides the ids between them:
//   home in the older table < frontier   the id is in the current table, and nowhere else
//   otherwise                            the id is in the older table, and nowhere else
// 1. Each probe and each insert goes to exactly one table, also while ids are moving.
// 2. The frontier stops only behind a group that nobody has passed (or at the end), so an id is never
//    on both sides of it (table.h, 2).
// 3. The older table's memory is given back as the frontier passes and serves the current one, which
//    takes memory only where ids arrive: moving needs little more than one table's worth.
// 4. An insert moves or sweeps a few groups at most: make_room() comes first and bounds the load.
// 5. A stamp that is forgotten is in use until a pass that began after that has ended.
#pragma once

#include <cstdint>

#include "core/id.h"
#include "dedup/hash.h"
#include "dedup/marks.h"
#include "dedup/table.h"

namespace semel::dedup {

class IdTable {
 public:
  // `ids_max` bounds its size. exists() is false where memory could not be had.
  IdTable(ChunkPool& pool, const IdHash& hash, const Stamps& stamps, uint64_t ids_max);
  IdTable(const IdTable&) = delete;
  IdTable& operator=(const IdTable&) = delete;

  bool exists() const { return current_.exists(); }
  uint64_t reserved() const { return reserved_; }
  uint64_t heap_bytes() const { return current_.heap_bytes() + older_.heap_bytes(); }
  // Takes the room for so many ids now. Nothing may be in it yet.
  void expect(uint64_t ids);

  // How the id stands: kReserved, a live slice, or 0 for absent.
  Stamp stamp(const Id& id, uint64_t hash) const {
    const Table& in = table(hash);
    const Table::Place at = in.find(id, hash, stamps_);
    return at.exists() ? in.stamp_at(at) : Stamp{0};
  }
  // An absent one becomes reserved, and nothing else changes. How it stood.
  Stamp reserve(const Id& id, uint64_t hash) {
    const Stamp stood = table(hash).reserve(id, hash, stamps_);
    reserved_ += stood == 0;
    used_ += stood == 0;
    return stood;
  }
  // Seen in the newest slice, however it stood. How it stood.
  Stamp see(const Id& id, uint64_t hash, Stamp newest) {
    const Stamp stood = table(hash).see(id, hash, newest, stamps_);
    reserved_ -= stood == kReserved;
    used_ += stood == 0;
    return stood;
  }
  // Absent, where it was reserved. Whether it was.
  bool free(const Id& id, uint64_t hash);
  void free_reserved();

  [[gnu::always_inline]] void prefetch_marks(uint64_t hash) const {
    table(hash).prefetch_marks(hash);
  }
  [[gnu::always_inline]] void prefetch_key(uint64_t hash) const { table(hash).prefetch_key(hash); }

  // Before up to `inserts` inserts: begins to grow where it is time, and goes on in proportion.
  void make_room(uint64_t inserts);
  // False where growing has failed for want of memory and `ids` more would crowd the table.
  bool can_take(uint64_t ids) const;

  // The stamp of so many ids is not live any more: the next pass empties their slots.
  void forget(Stamp stamp, uint64_t ids) {
    dead_ |= 1u << stamp;
    dead_ids_ += ids;
  }
  // Whether no slot has a stamp that was forgotten.
  bool is_unused(Stamp stamp) const { return ((dead_ | dying_) >> stamp & 1) == 0; }
  // Goes on by up to `groups` groups with what is due.
  void maintain(uint64_t groups);
  // A pass, begun and ended.
  void sweep_all();
  // Whether nothing is due.
  bool is_settled() const { return (dead_ | dying_) == 0 && !is_moving() && !is_sparse(); }

 private:
  bool is_moving() const { return is_moving_; }
  bool in_older(uint64_t hash) const {
    return is_moving() && older_.home(hash) >= frontier_;
  }
  const Table& table(uint64_t hash) const { return in_older(hash) ? older_ : current_; }
  Table& table(uint64_t hash) { return in_older(hash) ? older_ : current_; }
  bool is_sparse() const;
  bool begin_move(uint64_t groups);
  void move(uint64_t groups);
  void sweep(uint64_t groups);
  void begin_pass();
  void end_pass();

  ChunkPool& pool_;
  const IdHash hash_;
  const Stamps& stamps_;
  const uint64_t groups_max_;
  uint64_t groups_min_;
  uint64_t reserved_ = 0;
  uint64_t used_ = 0;      // ids of all stamps, and of those forgotten that a pass is still to clear
  uint64_t used_max_ = 0;  // at which the current table is left for a larger one
  Table current_;
  Table older_;            // while ids are moving
  bool is_moving_ = false;
  uint64_t frontier_ = 0;  // of the pass: a group of older_, or of current_
  // Stamps that the next pass is for, and their ids; and those of this one.
  uint32_t dead_ = 0;
  uint64_t dead_ids_ = 0;
  uint32_t dying_ = 0;
  uint64_t dying_ids_ = 0;
};

}  // namespace semel::dedup
