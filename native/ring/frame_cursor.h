// The walk over published frames: the one that knows how a frame leads to the next, and steps over
// the padding before the ring's end. What nobody vouches for is read by scan_journal() (journal.h).
//
// The end up to which frames are there is the caller's to look up, once for as many frames as it reveals:
// the cursor keeps it (the cached index of ring.h).
//
// Thread: its owner's.
#pragma once

#include <cassert>
#include <cstdint>
#include <span>

#include "ring/frame.h"

namespace semel {

class FrameCursor {
 public:
  // At `position`, with no frame known to be there, or those that begin before `end`.
  FrameCursor(const Ring& ring, uint64_t position) : FrameCursor(ring, position, position) {}
  FrameCursor(const Ring& ring, uint64_t position, uint64_t end)
      : memory_(ring.at(0)), mask_(ring.capacity() - 1), position_(position), end_(end) {}
  FrameCursor(std::span<uint8_t> ring, uint64_t position)
      : memory_(ring.data()), mask_(ring.size() - 1), position_(position), end_(position) {}

  // Frames up to here are there, and not before what was known.
  void extend(uint64_t end) {
    assert(end >= end_);
    end_ = end;
  }
  // Whether all that was known has been passed. What is left may still be padding alone.
  bool at_end() const { return position_ >= end_; }

  // The next frame, behind any padding; null where none is known.
  const uint8_t* frame() {
    while (position_ < end_) {
      const uint8_t* at = memory_ + (position_ & mask_);
      behind_ = position_ + frame_span(at);
      if (!is_padding(at)) return at;
      position_ = behind_;
    }
    return nullptr;
  }
  // Behind the frame that frame() gave, whose length is not read again.
  void pass() { position_ = behind_; }

  // Of the frame that frame() gave, or that comes next.
  uint64_t position() const { return position_; }

 private:
  const uint8_t* memory_;
  uint64_t mask_;
  uint64_t position_;
  uint64_t end_;
  uint64_t behind_ = 0;  // the frame that frame() gave
};

}  // namespace semel
