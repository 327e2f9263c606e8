#include "dedup/id_table.h"

#include <algorithm>
#include <utility>

namespace semel::dedup {
namespace {

constexpr uint64_t kGroupsSmall = 2048;  // 128 KiB: 10^4 ids fit without growing
constexpr uint64_t kGroupsLargest = uint64_t{1} << 28;
// Growing begins at this load, and ends, kMovedPerInsert groups an insert, soon enough. Fuller, and ids
// that have to go on past their groups cost more than the memory is worth.
constexpr uint64_t load_max(uint64_t groups) { return groups * kSlots * 81 / 100; }
constexpr uint64_t fitting(uint64_t ids) {
  return std::clamp<uint64_t>(ids / 81 * 100 / kSlots + 16, kGroupsSmall, kGroupsLargest);
}
constexpr uint64_t kMovedPerInsert = 2;
// Where dead ids stand in the way, a table is swept rather than made larger.
constexpr uint64_t kSweptPerInsert = 16;
// Groups whose ids are fetched together.
constexpr uint64_t kMovedTogether = 8;
// Ids past a table's end that still cost nothing much.
constexpr uint64_t kSpilledMax = 64;

// A half of a half of the largest, so that doubling ends just there.
constexpr uint64_t groups_small(uint64_t groups_max) {
  uint64_t groups = groups_max;
  while (groups >= 2 * kGroupsSmall) groups = (groups + 1) / 2;
  return groups;
}

}  // namespace

IdTable::IdTable(ChunkPool& pool, const IdHash& hash, uint64_t ids_max, Position first)
    : pool_(pool),
      hash_(hash),
      groups_max_(fitting(ids_max)),
      groups_min_(groups_small(groups_max_)),
      log_(pool, first),
      used_max_(load_max(groups_min_)),
      current_(pool, groups_min_) {}

void IdTable::leave_behind(Position position, uint64_t ids) {
  log_.release_before(position);
  dead_ += ids;
}

void IdTable::make_room(uint64_t inserts) {
  if (is_moving_) {
    move(inserts * kMovedPerInsert);
  } else if (used_ + inserts > used_max_) {
    if (is_sweeping_ || dead_ > 0) {
      sweep(inserts * kSweptPerInsert);
    } else if (current_.groups() < kGroupsLargest) {
      // A full index stops at groups_max_; recovery may bring more than it may take by itself.
      const uint64_t bound = current_.groups() < groups_max_ ? groups_max_ : kGroupsLargest;
      begin_move(std::min(current_.groups() * 2, bound));
    }
  }
}

bool IdTable::can_take(uint64_t ids) const {
  if (pool_.is_starved() || !log_.can_take(ids) || current_.spilled() > kSpilledMax) return false;
  const bool has_failed_to_grow =
      !is_moving_ && used_ - dead_ - dying_ > used_max_ && current_.groups() < groups_max_;
  return !has_failed_to_grow || used_ + ids <= current_.slots() / 20 * 19;
}

// So much so that half of it would be enough, with room to grow into.
bool IdTable::is_sparse() const {
  return current_.groups() > groups_min_ && used_ < load_max(current_.groups()) / 6;
}

void IdTable::maintain(uint64_t groups) {
  if (groups == 0) return;
  log_.refill();
  if (is_moving_) {
    move(groups);
  } else if (is_sweeping_ || dead_ > 0) {
    sweep(groups);
  } else if (is_sparse()) {
    begin_move(std::max((current_.groups() + 1) / 2, groups_min_));
  }
}

void IdTable::begin_pass() {
  dying_ += std::exchange(dead_, 0);
  pass_from_ = log_.span().oldest;
  frontier_ = 0;
}

void IdTable::end_pass() {
  used_ -= std::exchange(dying_, 0);
}

void IdTable::sweep(uint64_t groups) {
  if (!is_sweeping_) begin_pass();
  is_sweeping_ = true;
  // What has died since is left to the next pass, which counts it.
  const LogSpan span{pass_from_, log_.span().end};
  const uint64_t end = std::min(frontier_ + groups, current_.groups_total());
  for (; frontier_ < end; ++frontier_) current_.clear_group(frontier_, span);
  if (end < current_.groups_total()) return;
  current_.clear_spill(span);
  is_sweeping_ = false;
  end_pass();
}

void IdTable::begin_move(uint64_t groups) {
  Table next(pool_, groups);
  if (!next.exists()) return;
  older_ = std::move(current_);
  current_ = std::move(next);
  is_moving_ = true;
  is_sweeping_ = false;
  used_max_ = load_max(groups);
  // What a sweep was for, begun or not, is not moved.
  begin_pass();
}

void IdTable::move(uint64_t groups) {
  while (groups > 0 && is_moving_) {
    const uint64_t moved = move_some(std::min(groups, kMovedTogether));
    groups -= std::min(moved, groups);
  }
}

uint64_t IdTable::move_some(uint64_t groups) {
  const LogSpan& span = log_.span();
  const uint64_t from = frontier_;
  const uint64_t end = older_.groups_total();
  uint64_t to = std::min(from + groups, end);
  while (to < end && !older_.is_boundary(to - 1, span)) ++to;
  for (uint64_t group = from; group < to; ++group) {
    older_.visit_group(group, [&](Position position) {
      if (span.holds(position)) log_.prefetch(position);
    });
  }
  const LogSpan at_begin{pass_from_, span.end};
  const auto take = [&](Position position) {
    if (span.holds(position)) {
      current_.insert(hash_(log_.at(position)), position, span);
    } else if (at_begin.holds(position)) {
      // It has died since the pass began: no other pass will meet it.
      --dead_;
      --used_;
    }
  };
  for (uint64_t group = from; group < to; ++group) older_.visit_group(group, take);
  older_.take_spilled_before(to, take);
  frontier_ = to;
  if (to < end) {
    older_.release_before(to);
  } else {
    older_ = Table();
    is_moving_ = false;
    end_pass();
  }
  return to - from;
}

}  // namespace semel::dedup
