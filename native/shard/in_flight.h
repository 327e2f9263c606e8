// The messages between poll and commit: their slots, their ids, and where their frames lie.
//
// Thread: the shard's worker alone, with its JavaScript, which reads the slots in place and writes
// their outcomes between two calls.
// Ownership: the slots, the ids and the frames' ends are its own; the ring is the shard's.
// Invariants
//   F1  committed ≤ polled ≤ what is visible, in sequences as in positions. Between them lie the frames
//       of the messages in flight, with padding; nobody releases them before they are committed.
//   F2  A message's slot, id and end lie at `sequence % capacity`, so that JavaScript finds a message by
//       its sequence; there are never more in flight than slots.
//   F3  One poll fills slots side by side: what crosses the end of the slots is the next poll's.
//   F4  An offset frame that is passed behind a message in flight is committed with it, and counts as the
//       message's: so a block's journal position never lies between the two.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "acklog/ack_types.h"
#include "ring/frame_cursor.h"
#include "shard/outcome.h"

namespace semel {

// How far a source has been read, told behind a message in flight.
struct OffsetFrame {
  uint64_t behind = 0;
  SourceOffset source;
  uint64_t time_us = 0;
};

class InFlight {
 public:
  // `capacity` is a power of two.
  InFlight(const Ring& ring, uint32_t capacity, const AckHeader& recovered)
      : ring_(ring),
        mask_(capacity - 1),
        slots_(new Slot[capacity]()),
        ids_(new Id[capacity]),
        ends_(new uint64_t[capacity]()),
        polled_sequence_(recovered.through),
        polled_position_(recovered.journal_position),
        committed_sequence_(recovered.through),
        committed_position_(recovered.journal_position) {
    assert(std::has_single_bit(capacity));
  }

  const Ring& ring() const { return ring_; }
  uint32_t capacity() const { return mask_ + 1; }
  Slot* slots() { return slots_.get(); }

  // `first()` is behind `last()` where nothing is in flight.
  uint64_t first() const { return committed_sequence_ + 1; }
  uint64_t last() const { return polled_sequence_; }
  uint32_t count() const { return static_cast<uint32_t>(polled_sequence_ - committed_sequence_); }

  uint64_t polled_position() const { return polled_position_; }
  uint64_t committed_position() const { return committed_position_; }
  // The frames behind the polled ones that begin before `end`.
  FrameCursor unpolled(uint64_t end) const { return {ring_, polled_position_, end}; }

  Slot& slot(uint64_t sequence) { return slots_[sequence & mask_]; }
  const Slot& slot(uint64_t sequence) const { return slots_[sequence & mask_]; }
  Outcome outcome(uint64_t sequence) const { return static_cast<Outcome>(slot(sequence).outcome); }
  const Id& id(uint64_t sequence) const { return ids_[sequence & mask_]; }
  // Whether the slots of `first`…`last` lie side by side.
  bool lie_together(uint64_t first, uint64_t last) const {
    return (first & mask_) + (last - first) <= mask_;
  }
  // The ids of messages whose slots lie side by side.
  std::span<const Id> ids(uint64_t first, uint64_t last) const {
    return {ids_.get() + (first & mask_), last + 1 - first};
  }
  // Where the frame of a message in flight ends.
  uint64_t position_behind(uint64_t sequence) const { return ends_[sequence & mask_]; }
  const uint8_t* frame_of(uint64_t sequence) const;

  // What the frames in flight have to tell a commit besides their payloads and times; the layout says
  // what the bits mean. 0: nothing.
  uint64_t telling() const { return telling_; }
  // In the order of their messages.
  const std::vector<OffsetFrame>& offset_frames() const { return offset_frames_; }

  // How many more one poll may bring (F2, F3).
  uint32_t room() const {
    const auto next = static_cast<uint32_t>((polled_sequence_ + 1) & mask_);
    return std::min(capacity() - count(), capacity() - next);
  }

  // Takes frames that begin before `end` into at most `max` ≤ room() slots. `read(frame, position,
  // length, slot, id)` fills one slot and says what its frame has to tell; or it stops before the frame
  // with kStop, or passes it with kOffset. A template and no virtual call: this is the one loop that each
  // message goes through.
  static constexpr uint64_t kStop = ~uint64_t{0};
  static constexpr uint64_t kOffset = kStop - 1;
  template <typename Read>
  uint32_t fill(uint32_t max, uint64_t end, Read read) {
    const auto slot = static_cast<uint32_t>((polled_sequence_ + 1) & mask_);
    FrameCursor cursor = unpolled(end);
    uint64_t telling = count() == 0 ? 0 : telling_;
    uint32_t filled = 0;
    for (const uint8_t* frame; filled < max && (frame = cursor.frame()) != nullptr;) {
      const uint64_t told = read(frame, cursor.position(), frame_length(frame),
                                 slots_[slot + filled], ids_[slot + filled]);
      if (told >= kOffset) {
        if (told == kStop || !pass_offset(frame, polled_sequence_ + filled)) break;
        cursor.pass();
        ends_[(polled_sequence_ + filled) & mask_] = cursor.position();
        continue;
      }
      telling |= told;
      cursor.pass();
      ends_[slot + filled] = cursor.position();
      ++filled;
    }
    telling_ = telling;
    polled_position_ = cursor.position();
    polled_sequence_ += filled;
    return filled;
  }

  // Passes frames that are no messages; nothing is in flight.
  void pass(const FrameCursor& behind) { polled_position_ = behind.position(); }
  // The frames that were passed are done with.
  void commit_passed() { committed_position_ = polled_position_; }
  // Those up to `last` are done or parked.
  void commit(uint64_t last) {
    if (last != committed_sequence_) committed_position_ = position_behind(last);
    committed_sequence_ = last;
    if (offset_frames_.empty()) return;
    std::erase_if(offset_frames_, [&](const OffsetFrame& one) { return one.behind <= last; });
  }
  // All of them are done with, the frames behind the last one included.
  void commit_all() {
    committed_sequence_ = polled_sequence_;
    committed_position_ = polled_position_;
    offset_frames_.clear();
  }
  // A commit is prepared that ends those up to `through`: what comes behind them is not its any more.
  void set_prepared(uint64_t through) { prepared_sequence_ = through; }
  // All of them are polled again.
  void give_back() {
    prepared_sequence_ = polled_sequence_ = committed_sequence_;
    polled_position_ = committed_position_;
    offset_frames_.clear();
  }

 private:
  // False where no message is in flight that it could go with. One of the same partition behind the same
  // message takes the place of the one before, so that there are few.
  bool pass_offset(const uint8_t* frame, uint64_t behind);

  const Ring& ring_;
  const uint32_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  const std::unique_ptr<Id[]> ids_;
  const std::unique_ptr<uint64_t[]> ends_;

  uint64_t polled_sequence_;
  uint64_t polled_position_;
  uint64_t committed_sequence_;
  uint64_t committed_position_;
  uint64_t prepared_sequence_ = 0;
  uint64_t telling_ = 0;
  std::vector<OffsetFrame> offset_frames_;
};

inline bool InFlight::pass_offset(const uint8_t* frame, uint64_t behind) {
  if (behind == committed_sequence_ || behind <= prepared_sequence_) return false;
  const uint64_t meta = full_meta(frame);
  const FrameSource source = full_source(frame, meta);
  const auto same = std::find_if(
      offset_frames_.rbegin(), offset_frames_.rend(), [&](const OffsetFrame& one) {
        return one.behind != behind || one.source.partition == source.partition;
      });
  if (same == offset_frames_.rend() || same->behind != behind) {
    offset_frames_.push_back({behind, {source.partition, source.offset}, meta_time_us(meta)});
  } else {
    same->source.offset = std::max(same->source.offset, source.offset);
    same->time_us = meta_time_us(meta);
  }
  return true;
}

inline const uint8_t* InFlight::frame_of(uint64_t sequence) const {
  const uint64_t start = sequence == first() ? committed_position_ : ends_[(sequence - 1) & mask_];
  return FrameCursor(ring_, start, position_behind(sequence)).frame();
}

}  // namespace semel
