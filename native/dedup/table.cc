#include "dedup/table.h"

namespace semel::dedup {
namespace {

// Room for what the last homes push on: at a load of 0.8 the list behind is needed once in many more
// tables than there will ever be.
constexpr uint64_t kSpareGroups = 16;

}  // namespace

Table::Table(ChunkPool& pool, uint64_t groups)
    : groups_(groups),
      groups_total_(groups + kSpareGroups),
      groups_memory_(pool, groups_total_ * sizeof(Group)) {}

void Table::move_to(const Found& found, uint64_t hash, Position position, const LogSpan& span) {
  if (found.group == groups_total_) {
    spill_[found.slot].position = position;
    return;
  }
  group_for_write(found.group)->positions[found.slot] = position;
  pass(home(hash), found.group, position, span);
}

void Table::remove(const Found& found) {
  if (found.group == groups_total_) {
    spill_[found.slot] = spill_.back();
    spill_.pop_back();
    return;
  }
  group_for_write(found.group)->tags[found.slot] = 0;
}

void Table::clear_spill(const LogSpan& span) {
  std::erase_if(spill_, [&](const Spilled& one) { return !span.holds(one.position); });
}

Table::Found Table::find_spilled(const Id& id, const IdLog& log) const {
  for (uint64_t slot = 0; slot < spill_.size(); ++slot) {
    const Position position = spill_[slot].position;
    if (log.span().holds(position) && log.at(position) == id) {
      return {true, position, groups_total_, slot};
    }
  }
  return {};
}

uint32_t Table::slot_roughly_like(const Group& group, uint16_t tag, const LogSpan& span) {
  uint32_t slot = 0;
  while (slot < kSlots && (group.tags[slot] == 0 || !span.holds(group.positions[slot]) ||
                           ((group.tags[slot] ^ tag) & 0xF) != 0)) {
    ++slot;
  }
  return slot;
}

}  // namespace semel::dedup
