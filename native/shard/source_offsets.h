// How far each partition of the sources has been stored. They are few, so a list is enough.
#pragma once

#include <algorithm>
#include <vector>

#include "acklog/ack_types.h"

namespace semel {

// An offset only grows: an earlier one changes nothing.
inline void raise(std::vector<SourceOffset>& offsets, SourceOffset to) {
  for (SourceOffset& known : offsets) {
    if (known.partition == to.partition) {
      known.offset = std::max(known.offset, to.offset);
      return;
    }
  }
  offsets.push_back(to);
}

}  // namespace semel
