// Puts blocks one behind the other into a segment's memory, and goes on from one segment into the next:
// seal, link, snapshot. The log does it beside a sync thread (ack_log.h), a rebuild by itself.
//
// Invariants:
//  1. Numbers have no gap, and times never fall.
//  2. Behind every block there is room for a seal; who puts one has asked fits().
//  3. No allocation, no system call.
//
// Thread: the worker's.
#pragma once

#include <cstdint>

#include "acklog/ack_types.h"
#include "acklog/block.h"
#include "acklog/segment_header.h"

namespace semel::acklog {

constexpr uint64_t kSealBytes = kBlockHeaderBytes;

class SegmentWriter {
 public:
  // What each block says of the log besides its own content.
  struct Bounds {
    uint64_t durable = 0;         // highest block that is durable, under a level that syncs
    uint64_t oldest_segment = 1;  // first that must still be there
  };

  explicit SegmentWriter(bool synced) : synced_(synced) {}

  // The segment that is written to; blocks go to `end` on.
  void enter(uint8_t* memory, const Identity& identity, uint64_t end) {
    memory_ = memory;
    identity_ = identity;
    end_ = end;
  }
  // Goes on behind that block.
  void resume(const AckHeader& last, uint64_t number) {
    last_ = last;
    number_ = number;
  }

  bool fits(uint64_t length) const { return end_ + length + kSealBytes <= identity_.bytes; }
  // Where the block begins. `width` and `length` are id_width() and block_bytes() of it.
  uint64_t put(const AckBlock& block, uint8_t width, uint64_t length, uint8_t flags, Bounds bounds);
  // Repeats the last block's header; nothing may follow but move_to().
  void seal(Bounds bounds);
  // Links the next segment, whose memory has its identity, to this one, and goes on in it. `claims`: the
  // highest block that is complete before a byte behind the link is.
  void move_to(uint8_t* memory, const Identity& next, uint64_t claims, Bounds bounds);

  const Identity& identity() const { return identity_; }
  uint64_t end() const { return end_; }
  const AckHeader& last() const { return last_; }  // of the last block
  uint64_t number() const { return number_; }      // its number

 private:
  const bool synced_;
  uint8_t* memory_ = nullptr;
  Identity identity_;
  uint64_t end_ = 0;
  AckHeader last_;
  uint64_t number_ = 0;
};

}  // namespace semel::acklog
