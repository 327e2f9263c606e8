// What the last commit has left, besides the outcomes: what the next block is built on, and what the ack
// log's snapshot takes.
//
// Thread: the shard's worker, and recovery before it.
// Invariant: nothing of it changes before the block that says so is appended, but for `time_us`, which
// only grows and of which a block may tell too much.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/faults.h"
#include "shard/parked.h"
#include "shard/source_offsets.h"

namespace semel {

struct CommittedState {
  explicit CommittedState(const AckHeader& recovered)
      : time_us(recovered.time_us),
        sink_places(planted(Bug::rewind_skipped) ? SinkPlaces() : recovered.sink_places) {
    if (planted(Bug::other_places_forgotten)) sink_places.others.clear();
  }

  void raise_time(uint64_t to) { time_us = std::max(time_us, to); }
  void raise_sources(const SourceOffsets& to) {
    for (const SourceOffset& source : to.list()) sources.merge(source);
  }
  // Of those that are parked, and of those behind what is committed.
  uint64_t oldest_us() const {
    const Parked* first = parked.next(0);
    return first == nullptr ? time_us : std::min(time_us, first->time_us);
  }

  uint64_t time_us;    // of the newest message
  SinkPlaces sink_places;
  ParkedSet parked;
  SourceOffsets sources;
};

}  // namespace semel
