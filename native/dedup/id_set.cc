#include "dedup/id_set.h"

#include <algorithm>

namespace semel::dedup {
namespace {

constexpr uint64_t kFirstGroups = 1024;  // 272 KiB: 10^4 ids fit without growing
// Growing begins at this load and ends, kMovedPerInsert groups an insert, before one of 0.875.
constexpr uint64_t load_max(uint64_t slots) { return slots / 64 * 54; }
constexpr uint64_t kMovedPerInsert = 2;
// Doubling everywhere: smaller steps save memory only while a generation is still filling (fit()
// follows), and move each id more often.
constexpr uint64_t grown(uint64_t groups) { return groups * 2; }
// Ids past a table's end that still cost nothing much.
constexpr uint64_t kSpilledMax = 64;
// A complete set is filled to 0.9: fuller, and present ids take a second group too often.
constexpr uint64_t fitting(uint64_t ids) { return ids * 10 / (9 * kGroupSlots) + 1; }

}  // namespace

IdSet::IdSet(ChunkPool& pool, const IdHash& hash, uint64_t ids_expected)
    : pool_(&pool),
      hash_(hash),
      current_(pool, std::max(kFirstGroups, ids_expected * 64 / (54 * kGroupSlots) + 1)) {
  size_max_ = load_max(current_.slots());
}

void IdSet::make_room(uint64_t inserts) {
  if (is_moving()) {
    move(inserts * kMovedPerInsert);
  } else if (size_ + inserts > size_max_) {
    begin(grown(current_.groups()), nullptr);
  }
}

bool IdSet::can_take(uint64_t ids) const {
  if (pool_->is_starved() || current_.spilled() > kSpilledMax) return false;
  if (is_moving() || size_ <= size_max_) return true;
  return size_ + ids <= current_.slots() / 64 * 60;
}

bool IdSet::fit(BloomFilter* filter) { return begin(fitting(size_), filter); }

bool IdSet::begin(uint64_t groups, BloomFilter* filter) {
  Table next(*pool_, groups);
  if (!next.exists()) return false;
  older_ = std::move(current_);
  current_ = std::move(next);
  size_max_ = load_max(current_.slots());
  frontier_ = 0;
  filter_ = filter;
  is_filter_complete_ = filter != nullptr;
  return true;
}

uint64_t IdSet::move(uint64_t groups) {
  const uint64_t from = frontier_;
  const uint64_t end = older_.groups_total();
  uint64_t to = std::min(from + groups, end);
  while (to < end && older_.is_full(to - 1)) ++to;
  for (uint64_t group = from; group < to; ++group) {
    older_.visit_group(group, [this](const Id& id) { take(id); });
  }
  frontier_ = to;
  if (to < end) {
    older_.release_before(to);
  } else {
    older_.visit_spill([this](const Id& id) { take(id); });
    older_ = Table();
    filter_ = nullptr;
  }
  return to - from;
}

void IdSet::take(const Id& id) {
  const uint64_t hash = hash_(id);
  current_.insert(id, hash);
  if (filter_ != nullptr && !filter_->add(hash)) is_filter_complete_ = false;
}

}  // namespace semel::dedup
