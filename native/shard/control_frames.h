// Frames that are no messages, in their turn between them: how far a source has been read, and a dead
// letter that is dropped. They take no sequence and end with a block of their own, but for an offset
// frame that is passed behind messages in flight (InFlight, F4): that one goes with them.
//
// Thread: the shard's worker.
// Invariants
//   T1  One is applied here when every message before it is committed, and no message behind it is polled
//       before its block is appended.
//   T2  What was applied stays pending until that block is: where the ack log has no room, the next poll
//       tries again.
#pragma once

#include "acklog/ack_types.h"
#include "core/status.h"
#include "shard/in_flight.h"
#include "shard/layout.h"
#include "shard/level.h"
#include "shard/source_offsets.h"

namespace semel {

class ControlFrames {
 public:
  // `committed` says which partitions are given up: an offset frame changes nothing of that.
  ControlFrames(InFlight& in_flight, const Layout& layout, Level& level,
                const SourceOffsets& committed)
      : in_flight_(in_flight), layout_(layout), level_(level), committed_(committed) {}

  // Applies those that come next. What fails here has perhaps been written to the dead letters and not
  // acknowledged (L1): it ends the shard.
  Status apply();

  // Whether a block waits to be appended that says what was applied: it adds times and source offsets.
  bool is_pending() const { return is_pending_; }
  uint64_t time_us() const { return time_us_; }
  const SourceOffsets& sources() const { return sources_; }
  // That block has been appended.
  void appended();

 private:
  Status apply(const uint8_t* frame);

  InFlight& in_flight_;
  const Layout& layout_;
  Level& level_;
  const SourceOffsets& committed_;
  bool is_pending_ = false;
  uint64_t time_us_ = 0;  // of the newest of them
  SourceOffsets sources_;
};

}  // namespace semel
