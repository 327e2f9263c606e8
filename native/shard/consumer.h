// The worker's side of a shard: poll → verdicts → commit.
//
// Thread: the shard's worker, one at a time; the runtime hands over after the old one is dead.
// Invariants
//   C1  through ≤ polled ≤ what is visible. Slots hold the messages between, in order, each sequence
//       at `sequence % capacity`, so that JavaScript finds a message by its sequence.
//   C2  An id is reserved at poll and seen at commit, in the same call as the ack block (I3).
//   C3  A commit either happens whole or changes nothing (Committed::full).
//       A failure between the dead letters and the block ends the shard: a later block would count
//       letters whose messages are delivered again.
//   C4  The window is the time between two copies' being stored, however late the second is polled:
//       nothing is forgotten that a message which still waits may be a copy of.
//   C5  What is in flight and what is parked fit an ack-log segment together, even if all of it is
//       parked by one commit: so a commit is never too large.
// At most once, a message counts as acknowledged when it is polled: adopt() never delivers it again.
// Its frame stays until the commit, since it is read in place.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "acklog/ack_log.h"
#include "core/seqlock.h"
#include "deadletters/dead_letters.h"
#include "dedup/dedup.h"
#include "ring/frame.h"
#include "shard/options.h"
#include "shard/outcome.h"
#include "shard/parked.h"
#include "shard/replies.h"
#include "shard/source_offsets.h"
#include "shard/stages.h"
#include "shard/suspicion.h"
#include "shard/tallies.h"

namespace semel {

// What a poll found.
enum class Stall : int32_t {
  none = 0,         // there may be messages or not
  parked_full = -1, // the space for parked messages is used up (I6)
  ids_full = -2,    // the index is full before the window ends (I4)
  in_flight_full = -3,  // there are messages, but those in flight must be committed first
};

struct Polled {
  uint32_t count = 0;
  Stall stall = Stall::none;
};

// One entry of a commit's details, in the order of sequences.
struct Detail {
  enum class Action : uint32_t { park = 1, dead_letter = 2, settle = 3 };
  uint64_t sequence;
  Action action;
  uint32_t attempts;
  uint64_t due_us;
  Outcome outcome;  // of `settle`
  std::span<const uint8_t> history;

  // How the message ends, where it is not parked.
  Outcome end() const { return action == Action::dead_letter ? Outcome::dead_lettered : outcome; }
};

enum class Committed { done, full };

struct ConsumerCounters {
  uint64_t through = 0;
  Counters outcomes;
  uint64_t parked = 0;
  uint64_t parked_first = 0; // the oldest one's sequence; 0: none
  uint64_t ids = 0;          // in the index
  uint64_t index_bytes = 0;
  uint64_t window_us = 0;    // effective
  uint64_t forgotten_us = 0; // ids of before were forgotten early
  uint64_t oldest_us = 0;    // no message that waits was stored before
};

// How long a message may have its time and not be published yet.
constexpr uint64_t kUnpublishedUs = 1'000'000;

class Consumer {
 public:
  struct Parts {
    Ring* ring;
    AckLog* ack_log;            // null at memory
    DeadLetters* dead_letters;  // null at memory
    Dedup* dedup;               // null without ids
    Replies* replies;
    const std::atomic<uint64_t>* durable_position;  // null: every published frame is visible
    const std::atomic<uint64_t>* durable_sequence;
    bool compact;               // layout of the frames
    bool releases;              // the worker reclaims the ring; else the sync thread does
    bool syncs_letters;         // dead letters are synced before their ack
    uint32_t epoch;
    uint64_t parked_max;
    uint64_t segment_bytes;     // of the ack log; bounds what may be in flight and parked
    uint32_t in_flight_max;
  };

  Consumer(const Parts& parts, const AckHeader& recovered);

  // ---- state that recovery brings ----
  void restore_parked(Parked entry);
  void restore_sources(std::vector<SourceOffset> offsets) {
    sources_ = SourceOffsets(std::move(offsets));
  }

  // ---- the worker ----

  // A new worker takes over: what the old one had in flight is delivered again, or at most once
  // counted as dropped. Returns how many messages that were.
  uint32_t adopt();

  bool has_work() const { return polled_position_ < visible(); }
  Result<Polled> poll(uint32_t max, uint64_t now_us);

  // Ends the first `count` messages in flight with the outcomes in their slots. `details` tell more
  // of the parked and dead-lettered among them, and settle messages parked before; `answers` tell
  // more to those who wait for them.
  Result<Committed> commit(uint32_t count, int64_t sink_place, std::span<const Detail> details,
                           std::span<const Answer> answers = {});

  // An attempt of a parked message begins, or ends before it was tried; a commit ends it as well.
  void begin_parked(uint64_t sequence) { suspicion_.begin(sequence); }
  void put_back_parked(uint64_t sequence) { suspicion_.put_back(sequence); }

  // Between two workers: parks or dead-letters the message that the dead one had under way alone.
  // `detail` tells which, and what the attempts are now.
  Result<Committed> charge(const Detail& detail);

  // A parked message's place in line for its id: seen meanwhile by another message?
  bool is_duplicate(const Parked& entry) const {
    return entry.has_id && dedup_ != nullptr && dedup_->contains(entry.id);
  }

  // The first block of an epoch, and the last of a clean close.
  Result<Committed> open();
  Result<Committed> close();

  Slot* slots() { return slots_.get(); }
  uint32_t capacity() const { return mask_ + 1; }
  // Where the frame of a message in flight ends.
  uint64_t position_behind(uint64_t sequence) const { return ends_[sequence & mask_]; }
  uint64_t first_in_flight() const { return committed_sequence_ + 1; }
  uint32_t in_flight() const {
    return static_cast<uint32_t>(polled_sequence_ - committed_sequence_);
  }
  // In flight, or parked and being tried: what may have killed the worker.
  uint32_t under_way() const {
    return in_flight() + static_cast<uint32_t>(suspicion_.tried().size());
  }
  // Whether adopt() delivers what was in flight again.
  bool delivers_again() const { return ack_log_ != nullptr; }
  Suspicion& suspicion() { return suspicion_; }
  const Suspicion& suspicion() const { return suspicion_; }
  const ParkedSet& parked() const { return parked_; }
  const std::vector<SourceOffset>& sources() const { return sources_.list(); }
  // Whether the last commit ended a message that somebody waits for.
  bool has_answered() const { return replies_.has_answered(); }
  int64_t sink_place() const { return sink_place_; }
  // Every message up to here is done or parked. Any thread; its answer can be read.
  uint64_t through() const { return through_.load(std::memory_order_acquire); }
  ConsumerCounters counters() const;
  // Any thread.
  StageSums stages() const { return stages_.sums(); }

 private:
  struct Block {
    uint64_t through;
    uint64_t journal_position;
    int64_t sink_place;
    std::span<const Id> ids;
    Counters counters;
    bool clean_close;
  };

  // What a commit writes to the dead letters: a new one, one that was sent again, or both.
  struct LetterChange {
    std::optional<DeadLetter> letter;
    uint64_t retried = 0;
  };

  // A commit that is being made; nothing of it shows yet.
  struct Draft {
    uint64_t first;
    uint64_t last;
    uint64_t tallies[kTallies] = {};
    uint32_t told = 0;       // messages in flight that need a detail
    bool all_marked = true;  // every id in flight becomes seen

    bool holds(uint64_t sequence) const { return sequence >= first && sequence <= last; }
  };

  // The stages of a call. What comes behind it is the handling of what is in flight then; no clock is
  // read where it has been so before, and the call has entered no stage.
  class Staged {
   public:
    explicit Staged(Consumer& consumer) : consumer_(consumer) {}
    ~Staged() {
      const Stage rest = consumer_.in_flight() > 0 ? Stage::handle : Stage::none;
      if (consumer_.stages_.stage() != rest) enter(rest);
    }
    Staged(const Staged&) = delete;
    Staged& operator=(const Staged&) = delete;
    void enter(Stage stage) { consumer_.stages_.enter(stage); }

   private:
    Consumer& consumer_;
  };

  uint64_t visible() const {
    return durable_position_ == nullptr ? ring_.tail()
                                        : durable_position_->load(std::memory_order_acquire);
  }
  void see_in_flight();
  uint32_t room_for_ids(uint32_t wanted, uint64_t now_us);
  uint64_t oldest_us() const;
  Polled polled(uint32_t count) const;
  uint32_t fill_compact(uint32_t max);
  uint32_t fill_full(uint32_t max);
  Status apply_control(const uint8_t* frame, uint64_t meta);
  const uint8_t* frame_of(uint64_t sequence) const;
  Status judge(Draft* draft) const;
  Status settle(std::span<const Detail> details, Draft* draft);
  bool draft_answers(const Draft& draft, std::span<const Detail> details,
                     std::span<const Answer> answers);
  void read_frames(const Draft& draft);
  std::span<const Id> seen_ids(const Draft& draft);
  Result<Committed> append_block(const Block& block);
  Block empty_block() const;
  AckBlock to_ack_block(const Block& block) const;
  static DeadLetter to_letter(Parked&& entry, const Detail& detail);
  Status write_letters();
  Status fail(const Status& cause);
  Parked lift(uint64_t sequence, const Detail& detail) const;
  void show_index();

  Ring& ring_;
  AckLog* const ack_log_;
  DeadLetters* const dead_letters_;
  Dedup* const dedup_;
  Replies& replies_;
  const std::atomic<uint64_t>* const durable_position_;
  const std::atomic<uint64_t>* const durable_sequence_;
  const bool compact_;
  const bool releases_;
  const bool syncs_letters_;
  const uint32_t epoch_;
  const uint64_t parked_max_;
  const uint64_t parked_bytes_max_;
  const uint64_t in_flight_bytes_max_;
  const uint32_t mask_;

  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<Id[]> ids_;          // of the slots
  std::unique_ptr<uint64_t[]> ends_;   // position behind each slot's frame
  std::vector<Verdict> verdicts_;

  uint64_t polled_sequence_;
  uint64_t polled_position_;
  uint64_t committed_sequence_;
  uint64_t committed_position_;
  uint64_t time_us_;  // of the newest committed message
  uint64_t in_flight_meta_ = 0;  // what the frames in flight have to tell besides their payloads
  int64_t sink_place_;
  ParkedSet parked_;
  Suspicion suspicion_;
  SourceOffsets sources_;         // as committed
  SourceOffsets block_sources_;   // of the block being made
  bool control_pending_ = false;  // a control frame waits for its ack block
  Status cause_;  // dead letters were written, perhaps, and not acked: no block may claim them

  // Scratch of a commit, kept for its memory.
  std::vector<Id> block_ids_;
  std::vector<const Parked*> block_parked_;
  std::vector<Parked> lifted_;
  std::vector<uint64_t> block_resolved_;
  std::vector<LetterChange> letters_;

  // Read by others, written here.
  alignas(kCacheLinePair) SeqLock change_;
  std::atomic<uint64_t> through_;
  std::atomic<uint64_t> oldest_us_;
  std::atomic<uint64_t> tallies_[kTallies];
  std::atomic<uint64_t> index_ids_{0};
  std::atomic<uint64_t> index_bytes_{0};
  std::atomic<uint64_t> window_us_{0};
  std::atomic<uint64_t> forgotten_us_{0};
  Stages stages_;
};

}  // namespace semel
