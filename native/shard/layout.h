// How frames lie in the ring, which is chosen once for a stream: what a poll reads of them, and what a
// commit does. Each call is one for a poll or a commit; the loop over its frames is inside.
//
// Thread: the shard's worker.
#pragma once

#include <algorithm>
#include <cstdint>

#include "shard/in_flight.h"
#include "shard/source_offsets.h"

namespace semel {

class CommitDraft;
class Level;

class Layout {
 public:
  virtual ~Layout() = default;

  // Takes the frames up to `end`, at most `max`, into slots, and offset frames between them; it stops
  // before another control frame.
  virtual uint32_t fill(InFlight& in_flight, uint32_t max, uint64_t end) const = 0;
  virtual bool is_control(const uint8_t* frame) const = 0;
  // When a frame was stored; 0 where frames don't say.
  virtual uint64_t time_us(const uint8_t* frame) const = 0;
  // Tells a commit of at least one message what the frames have to tell: the newest time, source
  // offsets, and which dead letters they were.
  virtual void tell(const InFlight& in_flight, CommitDraft& draft) const = 0;
};

// Length and type: at most once without ids. There are no control frames, and nothing to tell.
class CompactLayout final : public Layout {
 public:
  uint32_t fill(InFlight& in_flight, uint32_t max, uint64_t end) const override;
  bool is_control(const uint8_t*) const override { return false; }
  uint64_t time_us(const uint8_t*) const override { return 0; }
  void tell(const InFlight&, CommitDraft&) const override {}
};

// Everything that recovery needs, ids among it.
class FullLayout final : public Layout {
 public:
  explicit FullLayout(const Level& level) : level_(level) {}
  // Up to this sequence what is stored of partitions that are given up is given up too.
  FullLayout(const Level& level, const SourceOffsets& recovered, uint64_t through)
      : level_(level), given_up_(recovered) {
    const auto& list = recovered.list();
    const bool any = std::any_of(list.begin(), list.end(),
                                 [](const SourceOffset& one) { return one.given_up; });
    if (any) given_up_through_ = through;
  }

  uint32_t fill(InFlight& in_flight, uint32_t max, uint64_t end) const override;
  bool is_control(const uint8_t* frame) const override;
  uint64_t time_us(const uint8_t* frame) const override;
  void tell(const InFlight& in_flight, CommitDraft& draft) const override;

 private:
  const Level& level_;
  SourceOffsets given_up_;
  uint64_t given_up_through_ = 0;
};

}  // namespace semel
