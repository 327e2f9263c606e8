// How many messages a poll may take: no more than there is room for wherever they may have to go.
//
// Thread: the shard's worker.
// Invariants
//   B1  What is in flight and what is parked fit an ack-log segment together, even if all of it is parked
//       by one commit: so a commit is never too large.
//   B2  The first message is taken whatever its size: no frame is larger than the bound (the options say
//       so).
//   B3  Nothing is polled whose id the index might have no room for.
#pragma once

#include <cstdint>

#include "shard/id_index.h"
#include "shard/in_flight.h"
#include "shard/parked.h"
#include "shard/stages.h"
#include "shard/staged_call.h"
#include "shard/suspicion.h"

namespace semel {

// Why a poll takes nothing.
enum class Stall : int32_t {
  none = 0,         // there may be messages or not
  parked_full = -1, // the space for parked messages is used up (I6)
  ids_full = -2,    // the index is full before the window ends (I4)
  in_flight_full = -3,  // there are messages, but those in flight must be committed first
};

// What parked messages and those in flight may take, which is chosen with the level.
struct Bounds {
  uint64_t parked_max;
  uint64_t parked_bytes_max;
  uint64_t in_flight_max;
  uint64_t in_flight_bytes_max;

  // Of an ack log: half a segment for parked messages, an eighth for what is in flight.
  static Bounds of_segment(uint64_t segment_bytes, uint64_t parked_max);
  // Where nothing is ever parked, slots and ring are bounds enough.
  static Bounds none();
};

class Admission {
 public:
  Admission(const Bounds& bounds, const InFlight& in_flight, const ParkedSet& parked,
            const Suspicion& suspicion)
      : bounds_(bounds), in_flight_(in_flight), parked_(parked), suspicion_(suspicion) {}

  bool may_park() const {
    return parked_.size() < bounds_.parked_max && parked_.bytes() < bounds_.parked_bytes_max;
  }
  // Of `wanted` messages, how many slots, parked ones and suspicion leave room for.
  uint32_t room(uint32_t wanted) const;
  // No frame may be taken that begins at this position or behind it.
  uint64_t end() const { return in_flight_.committed_position() + bounds_.in_flight_bytes_max; }

  // In flight, or parked and being tried: what may have killed the worker.
  uint32_t under_way() const {
    return in_flight_.count() + static_cast<uint32_t>(suspicion_.tried().size());
  }

 private:
  const Bounds bounds_;
  const InFlight& in_flight_;
  const ParkedSet& parked_;
  const Suspicion& suspicion_;
};

}  // namespace semel
