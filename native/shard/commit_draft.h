// A commit that is being made: what becomes of each message, and what the block, the dead letters and
// the counters will say. Nothing of it shows yet, and it may be thrown away: making it again from the
// same call gives the same.
//
// Thread: the shard's worker.
// Ownership: histories are borrowed from the details, and ids from the messages in flight, until the
// commit ends; what is parked or becomes a letter is a copy. One draft is used again and again, for its
// memory.
// Invariants
//   M1  Each message in flight has one outcome, and one detail exactly where it is parked or a dead
//       letter; each message that was parked before and has a detail is parked again or ends. So every
//       message has one end (I5).
//   M2  An id becomes seen with the end of its message, unless that is a duplicate's: then the id is the
//       other message's.
//   M3  Of a message that is given up neither the id becomes seen nor the source's offset raised: it will
//       be read again, here or elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "acklog/ack_types.h"
#include "core/status.h"
#include "shard/committed_state.h"
#include "shard/detail.h"
#include "shard/in_flight.h"
#include "shard/level.h"
#include "shard/source_offsets.h"
#include "shard/tallies.h"

namespace semel {

// Whether the end of a message makes its id seen (M2).
constexpr bool makes_seen(Outcome outcome) {
  return outcome != Outcome::parked && outcome != Outcome::duplicate &&
         outcome != Outcome::given_up;
}

class CommitDraft {
 public:
  CommitDraft(const InFlight& in_flight, const CommittedState& state, const Level& level)
      : in_flight_(in_flight), state_(state), level_(level) {}

  // What it is built on: what is committed, or another draft whose commit is not confirmed yet.
  struct Base {
    uint64_t first;     // the first message that it may end
    uint64_t position;  // where its frame begins, or padding before it
    uint64_t time_us;
    Tallies tallies;
    const CommitDraft* before;  // null: nothing is prepared
  };
  Base base(const Tallies& tallies) const {
    return {in_flight_.first(), in_flight_.committed_position(), state_.time_us, tallies, nullptr};
  }
  // The next `count` messages in flight end as their slots say, and `details` tell more of some of
  // them and of messages that were parked before. Sinks stand at `places`, or where they stood.
  Status begin(const Base& base, uint32_t count, std::span<const Detail> details,
               const SinkPlaces& places);

  // ---- what the frames tell (Layout::tell) ----

  void raise_time(uint64_t to) { time_us_ = std::max(time_us_, to); }
  // An offset frame leaves a partition given up that is.
  void raise_source(SourceOffset to) {
    to.given_up = is_given_up(to.partition);
    sources_.merge(to);
  }
  // A message of the partition that counts, or one that is given up and raises nothing.
  void pass_source(SourceOffset to) { sources_.merge(to); }
  void give_up_source(uint32_t partition) { sources_.merge({partition, {}, true}); }
  // A dead letter's message was sent again, and has ended.
  void resolve_letter(uint64_t number) { letters_.push_back({std::nullopt, number}); }

  // ---- what it comes to ----

  // `last()` is before `first()` where no message in flight ends.
  uint64_t first() const { return first_; }
  uint64_t last() const { return last_; }
  uint64_t time_us() const { return time_us_; }
  // Behind its messages.
  uint64_t position() const { return last_ < first_ ? position_ : in_flight_.position_behind(last_); }
  const Tallies& tallies() const { return tallies_; }
  const SourceOffsets& sources() const { return sources_; }
  bool has_given_up() const { return has_given_up_; }
  // Those that were parked before and end now.
  const std::vector<uint64_t>& resolved() const { return resolved_; }
  // Those that are parked from now on, or parked again.
  std::vector<Parked>& parked() { return parked_; }
  // Those that become seen; in place where they are all of them, side by side.
  std::span<const Id> seen_ids();
  // Everything but what the level fills in. It borrows from the draft.
  AckBlock block(std::span<const Id> ids);
  // Where the sinks stand with it.
  const SinkPlaces& sink_places() const { return sink_places_; }
  // It is drafted: the one before may go.
  void end_draft() { before_ = nullptr; }

  bool has_letters() const { return !letters_.empty(); }
  Status write_letters(Level& level) const;

 private:
  // What the dead letters learn of one message: that it is one, that the letter which it was has been
  // dealt with, or both.
  struct LetterChange {
    std::optional<DeadLetter> letter;
    uint64_t retried = 0;
  };

  bool is_given_up(uint32_t partition) const {
    const SourceOffset* told = before_ == nullptr ? nullptr : before_->told_of(partition);
    return told != nullptr ? told->given_up : state_.sources.is_given_up(partition);
  }
  // What this draft, or one before it, changes of the partition; null: nothing.
  const SourceOffset* told_of(uint32_t partition) const {
    const SourceOffset* own = sources_.find(partition);
    return own != nullptr || before_ == nullptr ? own : before_->told_of(partition);
  }
  bool holds(uint64_t sequence) const { return sequence >= first_ && sequence <= last_; }
  Status count_outcomes();
  Status take(const Detail& detail);
  Status check_fit(const Detail& detail) const;
  void end(Parked&& entry, const Detail& detail);
  Parked lift(uint64_t sequence) const;

  const InFlight& in_flight_;
  const CommittedState& state_;
  const Level& level_;

  const CommitDraft* before_ = nullptr;  // while it is drafted
  uint64_t first_ = 1;
  uint64_t last_ = 0;
  uint64_t position_ = 0;
  uint64_t time_us_ = 0;
  Tallies tallies_{};
  uint32_t untold_ = 0;    // messages in flight that need a detail yet
  bool all_seen_ = true;   // every id in flight becomes seen
  bool has_given_up_ = false;
  SinkPlaces sink_places_;
  SourceOffsets sources_;
  std::vector<Id> ids_;    // where they don't lie side by side
  std::vector<Parked> parked_;
  std::vector<const Parked*> block_parked_;
  std::vector<uint64_t> resolved_;
  std::vector<LetterChange> letters_;
};

}  // namespace semel
