// What the worker tells the senders that wait for the outcomes of their messages. Two ways back, both
// in anonymous memory: a sender does not outlive its process.
//   marks  a byte for each sequence, modulo `capacity`: what its sender wants, then how it ended
//   ring   answers that a byte can't hold: results, errors, and the ends of messages that were parked
// What nobody waits for costs neither side anything.
//
// Threads: expect() and read() by the ingest thread, which also reads marks and ring in place; the rest
// by the shard's worker, and between two workers by who holds the inquest.
// Invariants
//   A1  A mark is written by the ingest thread before its message is published, and by the worker
//       before its commit shows. Publishing and showing order them, so that the bytes are plain.
//   A2  A mark whose answer has not been read is not given to another message (has_room). One whose
//       message is not committed lies in the ring, which holds `capacity` messages at most.
//   A3  Answers are drafted before a commit has changed anything: where the ring is full of unread
//       ones, the commit is made again later. They show with it. What an empty ring has no room for is
//       left out, so that a commit never waits for ever.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "core/region.h"
#include "ring/ring.h"
#include "shard/outcome.h"

namespace semel {

// A mark: what is wanted, or kAnswered with the Outcome in its low bits.
constexpr uint8_t kWantsOutcome = 0x40;
constexpr uint8_t kWantsResult = 0x80;
constexpr uint8_t kWants = kWantsOutcome | kWantsResult;
constexpr uint8_t kAnswered = 0x10;
constexpr uint8_t kFollows = 0x08;  // the ring tells more

enum class AnswerKind : uint32_t {
  none = 0,     // the outcome alone
  result = 1,   // what the message put out, as the worker encodes it
  error = 2,    // why it was dropped, a text
  history = 3,  // why it failed each time, as its dead letter has it
  lost = 4,     // it put out what can't be carried over; why, a text
};

// What the worker's JavaScript has to say of a message besides its outcome.
struct Answer {
  uint64_t sequence;
  AnswerKind kind;
  std::span<const uint8_t> payload;

  // A result that the sink has refused since is none.
  bool fits(Outcome outcome) const {
    return outcome == (kind == AnswerKind::error ? Outcome::dropped : Outcome::processed);
  }
};

// A frame of the ring: length u32 (or padding), outcome | kind << 8 u32, sequence f64, payload.
constexpr uint64_t kReplyHeaderBytes = 16;

class Replies {
 public:
  // For a shard whose ring has `ring_bytes` with frames of at least `frame_bytes`; its next message is
  // `next`.
  static Result<std::unique_ptr<Replies>> make(uint64_t ring_bytes, uint64_t frame_bytes,
                                               uint64_t next);

  static uint64_t payload_bytes_max(uint64_t ring_bytes) {
    return frame_bytes_max(ring_bytes) - kReplyHeaderBytes;
  }

  uint64_t capacity() const { return mask_ + 1; }
  // Marks begin behind kMarksAt bytes; before them is the last sequence that anybody waits for, u64.
  std::span<uint8_t> marks_memory() const { return marks_->memory(); }
  std::span<uint8_t> ring_memory() const { return memory_->memory(); }
  static constexpr uint64_t kMarksAt = 4096;

  // ---- ingest thread ----

  bool has_room(uint64_t sequence) const { return sequence - unread_ < capacity(); }
  // The sender of this message waits; has_room() has said yes, and it is not published yet.
  void expect(uint64_t sequence, uint8_t wants) {
    mark(sequence) = wants;
    last_expected().store(sequence, std::memory_order_relaxed);
  }
  // All marks before `unread` and the ring's frames before `position` have been read.
  void read(uint64_t unread, uint64_t position) {
    unread_ = unread;
    ring_.release(position);
  }
  uint64_t released() const { return ring_.released(); }

  // ---- worker ----

  // Whether somebody may wait for this message or a later one.
  bool expects_from(uint64_t sequence) const {
    return last_expected().load(std::memory_order_relaxed) >= sequence;
  }
  bool is_awaited(uint64_t in_flight) const { return (mark(in_flight) & kWants) != 0; }
  bool wants_result(uint64_t in_flight) const { return (mark(in_flight) & kWantsResult) != 0; }
  bool is_awaited_parked(uint64_t sequence) const { return parked_.contains(sequence); }

  // Whether all answers so far have been read.
  bool is_read() const { return ring_.released() == ring_.tail(); }
  // A commit's answers. draft() is false where there is no room for one; begin() forgets them all.
  void begin() {
    ring_.abandon();
    drafted_.clear();
  }
  bool draft(uint64_t sequence, Outcome outcome, const Answer& answer);
  // They show, with the marks of `first`…`last`, whose outcomes `outcome_of` tells.
  template <typename OutcomeOf>
  void publish(uint64_t first, uint64_t last, OutcomeOf outcome_of);
  void end_parked(uint64_t sequence) { parked_.erase(sequence); }
  // Whether the last commit ended a message that somebody waits for.
  bool has_answered() const { return has_answered_; }

  // ---- anyone ----

  uint64_t tail() const { return ring_.tail(); }

 private:
  Replies(std::unique_ptr<Region> marks, std::unique_ptr<Region> memory, uint64_t capacity,
          uint64_t next);

  uint8_t& mark(uint64_t sequence) const {
    return marks_->memory()[kMarksAt + (sequence & mask_)];
  }
  std::atomic<uint64_t>& last_expected() const {
    return *reinterpret_cast<std::atomic<uint64_t>*>(marks_->memory().data());
  }

  const std::unique_ptr<Region> marks_;
  const std::unique_ptr<Region> memory_;
  const uint64_t mask_;
  Ring ring_;
  uint64_t unread_;  // of the ingest thread
  std::vector<uint64_t> drafted_;  // in flight ones in the order of sequences
  bool has_answered_ = false;
  std::map<uint64_t, uint8_t> parked_;  // awaited, and what is wanted of them
};

template <typename OutcomeOf>
void Replies::publish(uint64_t first, uint64_t last, OutcomeOf outcome_of) {
  has_answered_ = ring_.has_unpublished();
  if (expects_from(first)) {
    // Those that were parked come before, and have no mark.
    auto next = std::find_if(drafted_.begin(), drafted_.end(),
                             [&](uint64_t sequence) { return sequence >= first; });
    for (uint64_t sequence = first; sequence <= last; ++sequence) {
      if (!is_awaited(sequence)) continue;
      const Outcome outcome = outcome_of(sequence);
      if (outcome == Outcome::parked) parked_[sequence] = mark(sequence) & kWants;
      const bool follows = next != drafted_.end() && *next == sequence;
      if (follows) ++next;
      has_answered_ = true;
      mark(sequence) = static_cast<uint8_t>(kAnswered | (follows ? kFollows : 0) |
                                            static_cast<uint8_t>(outcome));
    }
  }
  if (ring_.has_unpublished()) ring_.publish();
}

}  // namespace semel
