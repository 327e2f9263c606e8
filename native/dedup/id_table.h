// The ids of the index: the log, and the table that finds them in it, as it grows, shrinks and is
// swept, without a stall.
//
// All three are a pass over the table, a few groups at a time. A pass in place empties the slots of dead
// ids. Growing and shrinking are a pass into another table, which takes what is live only. Tables are
// sorted by hash, so moving is sequential in both, and one frontier divides the ids between them:
//   home in the older table < frontier   the id is in the current table, and nowhere else
//   otherwise                            the id is in the older table, and nowhere else
// 1. Each probe and each insert goes to exactly one table, also while ids are moving.
// 2. The frontier stops only behind a group that nobody has passed (or at the end), so an id is never
//    on both sides of it (table.h, 2).
// 3. The older table's memory is given back as the frontier passes and serves the current one, which
//    takes memory only where ids arrive: moving needs little more than one table's worth.
// 4. An insert moves or sweeps a few groups at most: make_room() comes first and bounds the load.
// 5. Whenever ids are left behind a pass follows, so no dead slot is there when positions come round.
#pragma once

#include <cstdint>

#include "core/id.h"
#include "dedup/hash.h"
#include "dedup/id_log.h"
#include "dedup/table.h"

namespace semel::dedup {

class IdTable {
 public:
  // `ids_max` is what it is made for: it outgrows that only where recovery brings more. exists() is
  // false where memory could not be had.
  IdTable(ChunkPool& pool, const IdHash& hash, uint64_t ids_max, Position first = 1);
  IdTable(const IdTable&) = delete;
  IdTable& operator=(const IdTable&) = delete;

  bool exists() const { return current_.exists() && log_.exists(); }
  uint64_t heap_bytes() const {
    return current_.heap_bytes() + older_.heap_bytes() + log_.heap_bytes();
  }

  const IdLog& log() const { return log_; }
  Table::Found find(const Id& id, uint64_t hash) const { return table(hash).find(id, hash, log_); }
  // The id must be absent. Where it stands.
  Position add(const Id& id, uint64_t hash) {
    const Position position = log_.append(id);
    table(hash).insert(hash, position, log_.span());
    ++used_;
    return position;
  }
  // The id stands at the log's end from now on.
  Position renew(const Table::Found& found, const Id& id, uint64_t hash) {
    const Position position = log_.append(id);
    table(hash).move_to(found, hash, position, log_.span());
    return position;
  }
  void remove(const Table::Found& found, uint64_t hash) {
    table(hash).remove(found);
    --used_;
  }
  // Leaves behind what is older in the log: so many of them are still in the table.
  void leave_behind(Position position, uint64_t ids);

  [[gnu::always_inline]] void prefetch(uint64_t hash) const { table(hash).prefetch(hash); }
  [[gnu::always_inline]] void prefetch_id(uint64_t hash) const {
    table(hash).prefetch_id(hash, log_);
  }

  // Before up to `inserts` inserts: begins to grow where it is time, and goes on in proportion.
  void make_room(uint64_t inserts);
  // False where memory for `ids` more can't be had.
  bool can_take(uint64_t ids) const;
  // Goes on by up to `groups` groups with what is due.
  void maintain(uint64_t groups);
  // Whether nothing is due.
  bool is_swept() const { return !is_moving_ && !is_sweeping_ && dead_ == 0 && !is_sparse(); }

 private:
  bool in_older(uint64_t hash) const { return is_moving_ && older_.home(hash) >= frontier_; }
  const Table& table(uint64_t hash) const { return in_older(hash) ? older_ : current_; }
  Table& table(uint64_t hash) { return in_older(hash) ? older_ : current_; }
  bool is_sparse() const;
  void sweep(uint64_t groups);
  void begin_move(uint64_t groups);
  void move(uint64_t groups);
  uint64_t move_some(uint64_t groups);
  void begin_pass();
  void end_pass();

  ChunkPool& pool_;
  const IdHash hash_;
  const uint64_t groups_max_;
  const uint64_t groups_min_;
  IdLog log_;
  uint64_t used_ = 0;      // slots that are not empty
  uint64_t used_max_ = 0;  // at which the current table is left for a larger one
  Table current_;
  Table older_;            // while ids are moving
  bool is_moving_ = false;
  bool is_sweeping_ = false;
  uint64_t frontier_ = 0;  // of the pass: a group of older_, or of current_
  Position pass_from_ = 0; // what was oldest when the pass began
  uint64_t dead_ = 0;      // ids that the next pass is for
  uint64_t dying_ = 0;     // … and this one
};

}  // namespace semel::dedup
