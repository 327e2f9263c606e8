#include "dedup/table.h"

namespace semel::dedup {
namespace {

// Room for what the last homes push on: at a load of 0.8 the list behind is needed once in many more
// tables than there will ever be.
constexpr uint64_t kSpareGroups = 8;

constexpr uint64_t chunks_of(uint64_t groups, uint64_t per_chunk) {
  return (groups + per_chunk - 1) / per_chunk;
}

// Whole chunks where it takes more than one of them: a group of keys never lies across two.
constexpr uint64_t key_bytes(uint64_t groups) {
  const uint64_t bytes = groups * kSlots * sizeof(Id);
  return groups <= kGroupsPerKeyChunk ? bytes : chunks_of(groups, kGroupsPerKeyChunk) * kChunkBytes;
}

}  // namespace

Table::Table(ChunkPool& pool, uint64_t groups)
    : groups_(groups),
      groups_total_(groups + kSpareGroups),
      marks_(pool, groups_total_ * sizeof(MarkGroup), ChunkedMemory::Content::zero),
      keys_(pool, key_bytes(groups_total_), ChunkedMemory::Content::any) {}

// On the groups that the id went past; what is in the list has left no trace on any.
void Table::restamp_passed(const Place& at, uint64_t hash, Stamp stamp, const Stamps& stamps) {
  if (at.group == groups_total_) return;
  const bool was_reserved = stamp_at(at) == kReserved;
  for (uint64_t group = home(hash); group < at.group; ++group) {
    MarkGroup* passed = marks_for_write(group);
    if (was_reserved) passed->unpass_reserved();
    passed->pass(stamp, stamps);
  }
}

void Table::remove_reserved(const Place& at, uint64_t hash) {
  if (at.group == groups_total_) {
    spill_[at.slot] = spill_.back();
    spill_.pop_back();
    return;
  }
  for (uint64_t group = home(hash); group < at.group; ++group) {
    marks_for_write(group)->unpass_reserved();
  }
  marks_for_write(at.group)->lanes[at.slot] = 0;
}

void Table::clear_spill(Stamp stamp) {
  std::erase_if(spill_, [&](const Spilled& one) { return stamp_of(one.mark) == stamp; });
}

Table::Place Table::find_spilled(const Id& id, const Stamps& stamps) const {
  for (uint64_t slot = 0; slot < spill_.size(); ++slot) {
    if (spill_[slot].id == id && stamps.is_live(spill_[slot].mark)) return {groups_total_, slot};
  }
  return {};
}

uint32_t Table::slot_roughly_like(const MarkGroup& marks, Mark mark, const Stamps& stamps) {
  uint32_t slot = 0;
  while (slot < kSlots && (marks.lanes[slot] == 0 || !stamps.is_live(marks.lanes[slot]) ||
                           ((marks.lanes[slot] ^ mark) & 0xF0) != 0)) {
    ++slot;
  }
  return slot;
}

}  // namespace semel::dedup
