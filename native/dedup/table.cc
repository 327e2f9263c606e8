#include "dedup/table.h"

namespace semel::dedup {
namespace {

// Room for what the last homes push on: at a load of 0.875 the list behind is needed once in about
// 10^17 tables (8.5 standard deviations).
constexpr uint64_t kSpareGroups = 8;

}  // namespace

Table::Table(ChunkPool& pool, uint64_t groups)
    : groups_(groups),
      groups_total_(groups + kSpareGroups),
      tags_(pool, groups_total_ * kGroupSlots, ChunkedMemory::Content::zero),
      keys_(pool, groups_total_ * kGroupSlots * sizeof(Id), ChunkedMemory::Content::any) {}

}  // namespace semel::dedup
