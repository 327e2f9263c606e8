#include "acklog/segment_writer.h"

#include <algorithm>
#include <cassert>

namespace semel::acklog {

uint64_t SegmentWriter::put(const AckBlock& block, uint8_t width, uint64_t length, uint8_t flags,
                            Bounds bounds) {
  assert(end_ + length <= identity_.bytes);
  AckBlock stamped = block;
  stamped.header.time_us = std::max(stamped.header.time_us, last_.time_us);
  stamped.header.ack_durable = synced_ ? bounds.durable : 0;
  const BlockStamp stamp{
      .number = ++number_,
      .oldest_segment = bounds.oldest_segment,
      .flags = static_cast<uint8_t>(flags | (synced_ ? kSynced : 0)),
      .seed = identity_.seed(),
  };
  const uint64_t at = end_;
  acklog::put(memory_ + at, stamped, width, length, stamp);
  end_ += length;
  last_ = stamped.header;
  return at;
}

void SegmentWriter::seal(Bounds bounds) {
  AckBlock block;
  block.header = last_;
  block.header.sink_places.others.clear();  // the snapshot behind it has them
  put(block, 0, kSealBytes, kSealed, bounds);
}

void SegmentWriter::move_to(uint8_t* memory, const Identity& next, uint64_t claims, Bounds bounds) {
  Link link;
  link.first_block = number_ + 1;
  link.previous_end = end_;
  link.previous_block = number_;
  link.previous_salt = identity_.salt;
  link.claims = claims;
  link.oldest_segment = bounds.oldest_segment;
  put_link(memory, next, link);
  enter(memory, next, kSegmentHeaderBytes);
}

}  // namespace semel::acklog
