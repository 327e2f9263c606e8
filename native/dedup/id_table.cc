#include "dedup/id_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace semel::dedup {
namespace {

constexpr uint64_t kGroupsSmall = 1024;  // 272 KiB: 10^4 ids fit without growing
constexpr uint64_t kGroupsLargest = uint64_t{1} << 32;
// Growing begins at this load, and ends, kMovedPerInsert groups an insert, soon enough. Fuller, and ids
// that have to go on past their groups cost more than the memory is worth.
constexpr uint64_t load_max(uint64_t groups) { return groups * kSlots * 77 / 100; }
constexpr uint64_t fitting(uint64_t ids) {
  return std::clamp<uint64_t>(ids / 77 * 100 / kSlots + 16, kGroupsSmall, kGroupsLargest);
}
constexpr uint64_t kMovedPerInsert = 2;
// Where forgotten ids stand in the way, a table is swept rather than made larger.
constexpr uint64_t kSweptPerInsert = 16;
// Ids past a table's end that still cost nothing much.
constexpr uint64_t kSpilledMax = 64;

// A half of a half of the largest, so that doubling ends just there.
constexpr uint64_t groups_small(uint64_t groups_max) {
  uint64_t groups = groups_max;
  while (groups >= 2 * kGroupsSmall) groups = (groups + 1) / 2;
  return groups;
}

}  // namespace

IdTable::IdTable(ChunkPool& pool, const IdHash& hash, const Stamps& stamps, uint64_t ids_max)
    : pool_(pool),
      hash_(hash),
      stamps_(stamps),
      groups_max_(fitting(ids_max)),
      groups_min_(groups_small(groups_max_)),
      used_max_(load_max(groups_min_)),
      current_(pool, groups_min_) {}

void IdTable::expect(uint64_t ids) {
  const uint64_t groups = std::min(fitting(ids), groups_max_);
  if (used_ > 0 || is_moving() || groups <= current_.groups()) return;
  Table table(pool_, groups);
  if (!table.exists()) return;
  current_ = std::move(table);
  used_max_ = load_max(groups);
  groups_min_ = groups;
}

bool IdTable::free(const Id& id, uint64_t hash) {
  Table& in = table(hash);
  const Table::Place at = in.find(id, hash, stamps_);
  if (!at.exists() || in.stamp_at(at) != kReserved) return false;
  in.remove_reserved(at, hash);
  --reserved_;
  --used_;
  return true;
}

void IdTable::free_reserved() {
  for (Table* table : {&current_, &older_}) {
    for (uint64_t group = 0; group < table->groups_total(); ++group) {
      table->clear_group(group, kReserved);
    }
    table->clear_spill(kReserved);
  }
  used_ -= reserved_;
  reserved_ = 0;
}

void IdTable::make_room(uint64_t inserts) {
  if (is_moving()) {
    move(inserts * kMovedPerInsert);
  } else if (used_ + inserts > used_max_) {
    if ((dead_ | dying_) != 0) {
      maintain(inserts * kSweptPerInsert);
    } else if (current_.groups() < groups_max_) {
      begin_move(std::min(current_.groups() * 2, groups_max_));
    }
  }
}

bool IdTable::can_take(uint64_t ids) const {
  if (pool_.is_starved() || current_.spilled() > kSpilledMax) return false;
  const bool has_failed_to_grow = !is_moving() && used_ - dead_ids_ - dying_ids_ > used_max_ &&
                                  current_.groups() < groups_max_;
  return !has_failed_to_grow || used_ + ids <= current_.slots() / 20 * 19;
}

// So much so that half of it would be enough, with room to grow into.
bool IdTable::is_sparse() const {
  return current_.groups() > groups_min_ && used_ < load_max(current_.groups()) / 6;
}

void IdTable::maintain(uint64_t groups) {
  if (is_moving()) {
    move(groups);
  } else if ((dead_ | dying_) != 0) {
    sweep(groups);
  } else if (is_sparse()) {
    begin_move(std::max((current_.groups() + 1) / 2, groups_min_));
  }
}

void IdTable::sweep_all() {
  while ((dead_ | dying_) != 0) maintain(kGroupsLargest);
}

void IdTable::begin_pass() {
  dying_ |= std::exchange(dead_, 0);
  dying_ids_ += std::exchange(dead_ids_, 0);
  frontier_ = 0;
}

void IdTable::end_pass() {
  dying_ = 0;
  used_ -= std::exchange(dying_ids_, 0);
}

void IdTable::sweep(uint64_t groups) {
  if (dying_ == 0) begin_pass();
  const uint64_t end = std::min(frontier_ + groups, current_.groups_total());
  for (uint32_t stamps = dying_; stamps != 0; stamps &= stamps - 1) {
    const auto stamp = static_cast<Stamp>(std::countr_zero(stamps));
    for (uint64_t group = frontier_; group < end; ++group) current_.clear_group(group, stamp);
    if (end == current_.groups_total()) current_.clear_spill(stamp);
  }
  frontier_ = end;
  if (end == current_.groups_total()) end_pass();
}

bool IdTable::begin_move(uint64_t groups) {
  Table next(pool_, groups);
  if (!next.exists()) return false;
  older_ = std::move(current_);
  current_ = std::move(next);
  is_moving_ = true;
  used_max_ = load_max(groups);
  // What a sweep was for, begun or not, is not moved.
  begin_pass();
  return true;
}

void IdTable::move(uint64_t groups) {
  const uint64_t end = older_.groups_total();
  uint64_t to = std::min(frontier_ + groups, end);
  while (to < end && !older_.is_boundary(to - 1, stamps_)) ++to;
  const auto take = [this](const Id& id, Mark mark) {
    if ((dying_ >> stamp_of(mark) & 1) != 0) return;
    current_.insert(id, hash_(id), stamp_of(mark), stamps_);
  };
  for (uint64_t group = frontier_; group < to; ++group) older_.visit_group(group, take);
  older_.take_spilled_before(to, take);
  frontier_ = to;
  if (to < end) {
    older_.release_before(to);
    return;
  }
  older_ = Table();
  is_moving_ = false;
  end_pass();
}

}  // namespace semel::dedup
