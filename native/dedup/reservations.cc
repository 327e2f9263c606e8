#include "dedup/reservations.h"

#include <algorithm>
#include <utility>

namespace semel::dedup {

Reservations::Reservations(const IdHash& hash) : hash_(hash) { resize(kGroupsMin); }

void Reservations::clear() {
  std::fill(groups_.begin(), groups_.end(), Group{});
  size_ = 0;
  settle();
}

void Reservations::resize(uint64_t groups) {
  const std::vector<Group> from = std::exchange(groups_, std::vector<Group>(groups));
  const std::vector<Keys> keys = std::exchange(keys_, std::vector<Keys>(groups));
  mask_ = groups - 1;
  size_ = 0;
  size_max_ = groups * kSlots / 2;
  for (uint64_t at = 0; at < from.size(); ++at) {
    const uint32_t occupied = TagGroup(from[at].tags).occupied() & ((1u << kSlots) - 1);
    for_each_slot(occupied, [&](uint64_t slot) {
      insert(keys[at].ids[slot], hash_(keys[at].ids[slot]));
    });
  }
}

// Empty. After a burst, halves towards what has been needed since, so that it fits the cache again.
void Reservations::settle() {
  if (groups_.size() > kGroupsMin && size_peak_ * 16 < size_max_) resize(groups_.size() / 2);
  size_peak_ = 0;
}

}  // namespace semel::dedup
