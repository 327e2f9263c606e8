// The dedup index of one shard: which ids are reserved, and which were seen inside the window.
//
// Threads: none. The shard's worker alone calls it; recovery fills it before the worker starts.
//
// 1. An id is reserved when polled and seen when its effect is committed, never before; free() makes
//    it absent again (I3).
// 2. A seen id is remembered for at least `window_us` after its commit's time, and up to a slice
//    (window_us / slices) longer, until advance() passes that time; what commits say of time
//    forgets nothing, since older messages may still wait. Only `shorten_window_when_full` breaks
//    this, and effective_window_us() says by how much.
// 3. Verdicts are exact: tags only save work (I4).
// 4. Memory is bounded by max_ids (I11): the caller asks room() before it takes messages. An id costs 24
//    bytes in a full index and up to 32 in one that has just grown. Only what recovery brings may be
//    more, for a moment: the table grows for it, so that no call ever searches a list.
// 5. No call stalls for the size of the index: growing, sweeping and giving memory back are done in
//    steps, in proportion to the ids committed and the calls of advance().
//
// Ids are logged in the order in which they are reserved (id_log.h), and a table says where in the log
// each one stands (id_table.h). How an id stands follows from its position:
//
//     oldest … slice … slice … next_ … end
//       |      seen              |  reserved  |
//
// A commit in the order of the reservations, which is what commits nearly always are, moves next_ and
// touches the table not at all; and a slice of the window is forgotten by moving `oldest`. So a fresh id
// is one cache line that is fetched, whatever the number of slices. (A filter and a set for each slice,
// with a table of reservations before them, took five: docs/internals/architecture.md.) What does not go by order
// is kept aside: `held_`, `early_`, `holes_`.
//
// Calls are batched, in windows of 32 ids, so that cache misses overlap; at 10^8 ids they are all the
// cost.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_set>

#include "core/id.h"
#include "dedup/chunk_pool.h"
#include "dedup/hash.h"
#include "dedup/id_table.h"

namespace semel {

struct DedupOptions {
  // How long an id is remembered after its commit, in µs; at least 1.
  uint64_t window_us = 0;
  // Bound on the ids seen and reserved together; below 2^31.
  uint64_t max_ids = uint64_t{1} << 24;
  // Secret: who knows it can choose ids that make the index slow (never wrong).
  uint64_t seed = 0;
  // Slices of the window, at least 1. More of them forget closer to the window's end, and the table is
  // swept once for each: with 2, ids are held for 1.5 windows at most.
  uint32_t slices = 2;
  // When max_ids is met before the window ends: forget the oldest ids rather than take no messages.
  bool shorten_window_when_full = false;
};

enum class Verdict : uint8_t {
  fresh,      // now reserved
  seen,       // its effect was committed inside the window
  in_flight,  // reserved and not yet decided, perhaps earlier in the same call
};

class Dedup {
 public:
  explicit Dedup(const DedupOptions& options);

  // out[i] is the verdict on ids[i]; `out` has room for all of them.
  void reserve(std::span<const Id> ids, Verdict* out);
  // reserved → seen. An earlier time than the latest one counts as the latest. Ids that were never
  // reserved are taken as by restore().
  void commit(std::span<const Id> ids, uint64_t time_us);
  // reserved → absent: the work on them failed or was lost. Ids that are not reserved stay as they are.
  void free(std::span<const Id> ids);
  void free_all();
  // Recovery: absent → seen, in order of time. Ids that are there already, from an overlapping block,
  // are remembered from the later time on. To be followed by advance(), as a commit is.
  void restore(std::span<const Id> ids, uint64_t time_us);

  bool contains(const Id& id) const;     // seen
  bool is_reserved(const Id& id) const;

  // Forgets what is older than the window and does a bounded share of the upkeep. To be called now
  // and then, also when no message comes. Time never falls.
  void advance(uint64_t now_us);

  // How many of `wanted` more may be reserved: the caller must not take more messages than this allows.
  uint64_t room(uint64_t wanted) const;
  bool has_room(uint64_t ids) const { return room(ids) == ids; }

  uint64_t size() const { return seen_; }
  uint64_t reserved() const {
    return held_.size() + (log().span().end - next_) - early_.size() - holes_.size();
  }
  uint64_t bytes() const;
  // Of bytes(), what is kept for ids to come.
  uint64_t idle_bytes() const { return pool_.idle_bytes(); }
  // window_us, but where ids had to be forgotten early, the age up to which none was; it recovers as
  // time passes.
  uint64_t effective_window_us() const;
  // Of the ids committed with times before this, all were forgotten early.
  uint64_t forgotten_us() const { return forgotten_told_us_; }
  // Slices with ids, the one that is being filled included.
  uint64_t slices() const;
  // Whether upkeep is done.
  bool is_swept() const { return table_.is_swept(); }

 private:
  using Position = dedup::Position;

  // The ids that were committed in its time.
  struct Slice {
    Position begin = 0;
    uint64_t ids = 0;
    uint64_t first_us = 0;
    uint64_t newest_us = 0;
    uint64_t told_us = 0;  // the newest time that a commit came with; newest_us may be what advance() said
  };

  const dedup::IdLog& log() const { return table_.log(); }
  // Calls `visit(i, hash)` for each id, in windows, with what it will read fetched before.
  template <typename Visit>
  void in_windows(std::span<const Id> ids, Visit visit);
  bool is_seen(Position position) const;
  uint64_t see_in_order(std::span<const Id> ids);
  void see(const Id& id, uint64_t hash);
  void count_seen(uint64_t ids);
  void hold_before(Position position);
  void skip_what_is_done();
  Slice& slice_of(Position position);
  void note_time(uint64_t time_us);
  void seal();
  void expire();
  void drop_oldest();
  void shorten();
  void leave_behind(uint64_t ids);

  const DedupOptions options_;
  const uint64_t slice_us_;
  const uint64_t slice_ids_max_;  // seals a slice early where the window may shorten
  const dedup::IdHash hash_;

  dedup::ChunkPool pool_;  // outlives the table
  dedup::IdTable table_;
  Position next_;             // of the log: the first that no commit has passed
  std::deque<Slice> slices_;  // oldest first; the last one is being filled
  std::unordered_set<Id, dedup::IdHash> held_;  // reserved, and passed by commits of younger ones
  std::unordered_set<Position> early_;          // from next_ on: seen before their turn
  std::unordered_set<Position> holes_;          // from next_ on: freed
  uint64_t time_us_ = 0;  // the latest that was told of
  uint64_t now_us_ = 0;   // … by advance()
  uint64_t seen_ = 0;
  bool has_hits_ = false;  // lately: then what is compared is fetched before
  bool has_forgotten_early_ = false;
  uint64_t forgotten_newest_us_ = 0;
  uint64_t forgotten_told_us_ = 0;
};

}  // namespace semel
