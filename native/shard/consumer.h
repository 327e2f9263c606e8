// The worker's side of a shard: poll → handle → commit. It composes what each of these is made of:
//   in_flight.h        the messages between poll and commit
//   layout.h           how their frames lie in the ring
//   admission.h        how many a poll may take
//   id_index.h         which of them are duplicates
//   control_frames.h   what comes between messages
//   suspicion.h        which of them may have killed a worker
//   commit_draft.h     what a commit will say; answer_draft.h: what it will tell the senders
//   prepared_commits.h those that a transactional sink has not confirmed (consumer_commits.cc)
//   level.h            what durability makes of it
//   progress.h         how far it has come, for everyone
//
// Threads: the shard's worker, one at a time; the runtime hands over after the old one is dead.
// through(), counters() and stages() may be asked by anyone.
// Invariants
//   C1  A commit either happens whole or changes nothing (Committed::full, Code::invalid_argument).
//   C2  Nothing of a commit shows before its block is appended, and its ids become seen in the same call.
//   C3  Once a commit has failed behind its dead letters (L1), there is no other: the shard has ended.
//   C4  With a transactional sink, what a commit's block is to the others is the sink's confirmation: the
//       block is only prepared (prepared_commits.h).
// At most once, a message counts as acknowledged when it is polled: adopt() never delivers it again.
// Its frame stays until the commit, since it is read in place.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "shard/admission.h"
#include "shard/commit_draft.h"
#include "shard/committed_state.h"
#include "shard/control_frames.h"
#include "shard/detail.h"
#include "shard/id_index.h"
#include "shard/in_flight.h"
#include "shard/layout.h"
#include "shard/level.h"
#include "shard/prepared_commits.h"
#include "shard/progress.h"
#include "shard/replies.h"
#include "shard/stages.h"
#include "shard/suspicion.h"

namespace semel {

struct Polled {
  uint32_t count = 0;
  Stall stall = Stall::none;
};

class Consumer {
 public:
  // The strategies are chosen by the shard, and outlive the consumer as everything here does.
  struct Parts {
    const Ring& ring;
    const Layout& layout;
    Level& level;
    IdIndex& ids;
    Replies& replies;
    Bounds bounds;
    uint32_t in_flight_max;  // a power of two
    PreparedLevel* prepared = nullptr;  // the level, where the sink is transactional; else null
  };

  Consumer(const Parts& parts, const AckRecovered& recovered);

  // ---- recovery ----

  void restore_parked(Parked entry);
  void restore_sources(std::vector<SourceOffset> offsets) {
    state_.sources = SourceOffsets(std::move(offsets));
  }

  // ---- the worker ----

  // A new worker takes over: what the old one had in flight is delivered again, or at most once
  // counted as dropped. Returns how many messages that were.
  uint32_t adopt();

  bool has_work() const { return in_flight_.polled_position() < level_.visible(); }
  // Fills slots with the next messages, at most `max`. `now_us` counts where there is an index.
  Result<Polled> poll(uint32_t max, uint64_t now_us);

  // Ends the first `count` messages in flight with the outcomes in their slots. `details` tell more
  // of the parked and dead-lettered among them, and end or park again messages parked before; `answers`
  // tell more to those who wait for them. Sinks stand at `places`, or where they stood.
  Result<Committed> commit(uint32_t count, const SinkPlaces& places, std::span<const Detail> details,
                           std::span<const Answer> answers = {});

  // ---- a transactional sink's: in the stead of commit() ----

  // As commit(), of the next `count` messages behind those that are prepared; nothing of it shows. The
  // stamp of the newest one tells what the sink is to be given.
  Result<Committed> prepare(uint32_t count, bool has_outputs, std::span<const Detail> details,
                            const SinkPlaces& places = {});
  // The sink has the oldest one, or it has no outputs and what it rests on is confirmed. `full` also where
  // it is not yet as safe as the level makes it. `are_lost`: the answers went with the worker that had them.
  Result<Committed> confirm(std::span<const Answer> answers, bool are_lost = false);
  // The sink was asked: how many of the oldest ones took effect. Code::sink_ahead, Code::sink_behind.
  Result<uint32_t> ask(const SinkAnswer& answer);
  // None of those that are prepared took effect. Their messages are in flight still.
  Status discard();
  // A block says what is confirmed, where none does yet.
  Result<Committed> record();
  // What is in flight is polled again.
  void start_over();
  const PreparedCommits* prepared() const { return prepared_.get(); }
  // How far each partition is stored with the newest that is prepared. Valid until the next call.
  const std::vector<SourceOffset>& sources_prepared() { return prepared_->sources(); }

  // An attempt of a parked message begins, or ends before it was tried; a commit ends it as well.
  void begin_parked(uint64_t sequence) { suspicion_.begin(sequence); }
  void put_back_parked(uint64_t sequence) { suspicion_.put_back(sequence); }

  // Between two workers: parks or dead-letters the message that the dead one had under way alone.
  // `detail` tells which, and what the attempts are now.
  Result<Committed> charge(const Detail& detail);

  // Whether a parked message's id was seen meanwhile, as another message's.
  bool is_duplicate(const Parked& entry) const {
    return entry.has_id && ids_.has_seen(entry.id);
  }

  // The first block of an epoch, and the last of a clean close.
  Result<Committed> open();
  Result<Committed> close();

  Slot* slots() { return in_flight_.slots(); }
  uint32_t capacity() const { return in_flight_.capacity(); }
  // Where the frame of a message in flight ends.
  uint64_t position_behind(uint64_t sequence) const { return in_flight_.position_behind(sequence); }
  uint64_t first_in_flight() const { return in_flight_.first(); }
  uint32_t in_flight() const { return in_flight_.count(); }
  // In flight, or parked and being tried: what may have killed the worker.
  uint32_t under_way() const { return admission_.under_way(); }
  // Whether adopt() delivers what was in flight again.
  bool delivers_again() const { return level_.delivers_again(); }
  Suspicion& suspicion() { return suspicion_; }
  const Suspicion& suspicion() const { return suspicion_; }
  const ParkedSet& parked() const { return state_.parked; }
  const std::vector<SourceOffset>& sources() const { return state_.sources.list(); }
  // All that a segment begins with.
  void snapshot(AckSnapshot& into) const;
  const SinkPlaces& sink_places() const { return state_.sink_places; }
  // Whether the last commit ended a message that somebody waits for.
  bool has_answered() const { return replies_.has_answered(); }

  // ---- anyone ----

  // Every message up to here is done or parked; its answer can be read.
  uint64_t through() const { return progress_.through(); }
  ConsumerCounters counters() const { return progress_.counters(state_.parked); }
  StageSums stages() const { return stages_.sums(); }

 private:
  void drop_in_flight();
  Polled polled(uint32_t count) const;
  Result<Committed> append_control();
  AckBlock empty_block() const;
  Result<Committed> append_idle(const AckBlock& block);
  void show(CommitDraft& draft, std::span<const Detail> details);
  Status fail(const Status& cause);

  const Layout& layout_;
  Level& level_;
  IdIndex& ids_;
  Replies& replies_;

  InFlight in_flight_;
  CommittedState state_;
  Suspicion suspicion_;
  Admission admission_;
  ControlFrames control_;
  CommitDraft draft_;
  const std::unique_ptr<PreparedCommits> prepared_;  // null where no sink has the last word
  Status cause_;  // of C3
  Progress progress_;
  Stages stages_;
};

}  // namespace semel
