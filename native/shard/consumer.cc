#include "shard/consumer.h"

#include <algorithm>
#include <utility>

#include "core/faults.h"
#include "shard/answer_draft.h"
#include "shard/staged_call.h"

namespace semel {

Consumer::Consumer(const Parts& parts, const AckRecovered& recovered)
    : layout_(parts.layout),
      level_(parts.level),
      ids_(parts.ids),
      replies_(parts.replies),
      in_flight_(parts.ring, parts.in_flight_max, recovered.header),
      state_(recovered.header),
      admission_(parts.bounds, in_flight_, state_.parked, suspicion_),
      control_(in_flight_, layout_, level_, state_.sources),
      draft_(in_flight_, state_, level_),
      prepared_(parts.prepared == nullptr
                    ? nullptr
                    : std::make_unique<PreparedCommits>(*parts.prepared, in_flight_, state_, recovered)),
      progress_(recovered.header) {}

void Consumer::restore_parked(Parked entry) {
  ids_.reserve(entry);
  state_.parked.put(std::move(entry));
  progress_.set_oldest_us(state_.oldest_us());
}

Status Consumer::fail(const Status& cause) {
  cause_ = cause;
  return cause_;
}

// ---- poll ----

Result<Polled> Consumer::poll(uint32_t max, uint64_t now_us) {
  if (!cause_.is_ok()) return cause_;
  if (prepared_ != nullptr && prepared_->must_ask) return Polled{};
  if (!admission_.may_park()) return Polled{0, Stall::parked_full};
  max = admission_.room(max);
  // A poll that can find nothing reads no clock (S2).
  const bool may_find = max > 0 && has_work();
  StagedCall staged(stages_, in_flight_);
  if (max > 0) {
    if (may_find) staged.enter(ids_.stage(Stage::poll));
    max = ids_.room(max, in_flight_, state_.parked, now_us);
    // What is in flight is committed first: it may be waiting for more of an operator batch, in vain.
    if (max == 0) return in_flight() > 0 ? polled(0) : Polled{0, Stall::ids_full};
  }
  if (may_find) staged.enter(Stage::poll);
  // What ends parked messages alone is not in flight, and comes before.
  if (prepared_ == nullptr || prepared_->empty()) {
    if (Status applied = control_.apply(); !applied.is_ok()) return fail(applied);
    if (prepared_ != nullptr) prepared_->keep_letters();
  }
  if (control_.is_pending()) {
    auto appended = append_control();
    if (!appended.is_ok()) return appended.status();
    if (appended.value() == Committed::full) return Polled{};
  }
  const uint32_t count =
      layout_.fill(in_flight_, max, std::min(level_.visible(), admission_.end()));
  if (count > 0) staged.enter(ids_.stage(Stage::poll));
  ids_.reserve(in_flight_, count);
  fault_point("poll.done");
  return polled(count);
}

Polled Consumer::polled(uint32_t count) const {
  const bool full = count == 0 && in_flight() > 0 && has_work();
  return {count, full ? Stall::in_flight_full : Stall::none};
}

Result<Committed> Consumer::append_control() {
  state_.raise_time(control_.time_us());
  AckBlock block = empty_block();
  block.header.journal_position = in_flight_.polled_position();
  block.sources = control_.sources().list();
  auto appended = append_idle(block);
  if (!appended.is_ok() || appended.value() == Committed::full) return appended;
  state_.raise_sources(control_.sources());
  in_flight_.commit_passed();
  control_.appended();
  level_.committed(in_flight_.committed_position());
  return appended;
}

// ---- commit ----

Result<Committed> Consumer::commit(uint32_t count, const SinkPlaces& places,
                                   std::span<const Detail> details,
                                   std::span<const Answer> answers) {
  if (!cause_.is_ok()) return cause_;
  if (count > in_flight()) {
    return Status{Code::invalid_argument, "more messages are committed than are in flight"};
  }
  fault_point("commit.begin");
  StagedCall staged(stages_, in_flight_);
  staged.enter(Stage::commit);
  SEMEL_TRY(draft_.begin(draft_.base(progress_.tallies()), count, details, places));
  if (!draft_answers(replies_, draft_, in_flight_, details, answers)) return Committed::full;
  if (count > 0) layout_.tell(in_flight_, draft_);
  const std::span<const Id> ids = ids_.seen_by(draft_);

  // The block, and with it everything else. Dead letters go first: a letter behind the committed
  // length has never happened, so only the room for the block must be sure.
  if (draft_.has_letters()) {
    if (!level_.has_room(draft_.block(ids))) return Committed::full;
    if (Status written = draft_.write_letters(level_); !written.is_ok()) return fail(written);
  }
  staged.enter(level_.append_stage(Stage::commit));
  auto appended = level_.append(draft_.block(ids));
  staged.enter(Stage::commit);
  if (!appended.is_ok()) return draft_.has_letters() ? fail(appended.status()) : appended.status();
  if (appended.value() == Committed::full) return appended;
  fault_point("commit.appended");
  show(draft_, details);
  stages_.count(count);
  staged.enter(ids_.stage(Stage::commit));
  ids_.see(ids, state_.time_us);
  if (draft_.has_given_up()) ids_.give_up(in_flight_, draft_);
  progress_.show(ids_.figures());
  level_.committed(in_flight_.committed_position());
  return appended;
}

// The block is appended: what it says becomes true for everyone.
void Consumer::show(CommitDraft& draft, std::span<const Detail> details) {
  replies_.publish(draft.first(), draft.last(), [this](uint64_t sequence) {
    const Outcome outcome = in_flight_.outcome(sequence);
    return outcome == Outcome::given_up ? Outcome::dropped : outcome;
  });
  state_.raise_time(draft.time_us());
  state_.raise_sources(draft.sources());
  state_.sink_places = draft.sink_places();
  progress_.begin_change();
  progress_.set_tallies(draft.tallies());
  progress_.set_through(draft.last());
  for (uint64_t sequence : draft.resolved()) {
    if (!planted(Bug::two_outcomes)) state_.parked.remove(sequence);
    replies_.end_parked(sequence);
  }
  for (Parked& entry : draft.parked()) state_.parked.put(std::move(entry));
  progress_.set_oldest_us(state_.oldest_us());
  progress_.end_change();
  in_flight_.commit(draft.last());
  if (suspicion_.is_clear()) return;
  suspicion_.passed(draft.first(), draft.last());
  for (const Detail& detail : details) suspicion_.passed_parked(detail.sequence);
}

Result<Committed> Consumer::charge(const Detail& detail) {
  const bool flying = in_flight() == 1 && detail.sequence == first_in_flight();
  const bool parks = detail.action == Detail::Action::park;
  if (flying) {
    const Outcome outcome = parks ? Outcome::parked : Outcome::dead_lettered;
    in_flight_.slot(detail.sequence).outcome = static_cast<int32_t>(outcome);
  }
  // A sink that is at it when its worker ends is not the message's fault, and nobody knows yet what it has.
  if (prepared_ != nullptr && !prepared_->empty()) return Committed::done;
  auto committed = prepared_ != nullptr ? prepare(flying ? 1 : 0, false, {&detail, 1})
                                        : commit(flying ? 1 : 0, -1, {&detail, 1});
  if (committed.is_ok() && committed.value() == Committed::done && parks) {
    suspicion_.convict(detail.sequence);
  }
  return committed;
}

// Nothing ends with it; it says what the last commit has left.
AckBlock Consumer::empty_block() const {
  AckBlock block;
  block.header.through = in_flight_.first() - 1;
  block.header.time_us = state_.time_us;
  block.header.journal_position = in_flight_.committed_position();
  block.header.sink_places = state_.sink_places;
  block.header.counters = to_counters(progress_.tallies());
  if (prepared_ != nullptr) block.commit = prepared_->idle_stamp();
  return block;
}

// ---- handing over ----

uint32_t Consumer::adopt() {
  const uint32_t lost = in_flight();
  stages_.forget();
  suspicion_.forget_tried();
  if (!level_.delivers_again()) {
    drop_in_flight();
    return lost;
  }
  if (planted(Bug::in_flight_forgotten)) return 0;
  if (prepared_ != nullptr) {
    prepared_->must_ask = true;
    return lost;
  }
  start_over();
  return lost;
}

// At most once: they were acknowledged when they were polled.
void Consumer::drop_in_flight() {
  replies_.begin();
  replies_.publish(in_flight_.first(), in_flight_.last(),
                   [](uint64_t) { return Outcome::dropped; });
  Tallies tallies = progress_.tallies();
  tallies[tally_of(Outcome::dropped)] += in_flight();
  progress_.begin_change();
  progress_.set_tallies(tallies);
  progress_.set_through(in_flight_.last());
  progress_.end_change();
  if (in_flight() > 0) {
    state_.raise_time(layout_.time_us(in_flight_.frame_of(in_flight_.last())));
    ids_.see_all(in_flight_, state_.time_us);
    progress_.show(ids_.figures());
  }
  in_flight_.commit_all();
  level_.committed(in_flight_.committed_position());
}

Result<Committed> Consumer::open() {
  progress_.show(ids_.figures());
  return append_idle(empty_block());
}

Result<Committed> Consumer::close() {
  if (!cause_.is_ok()) return cause_;
  // What is under way is the next opening's, which asks the sink.
  if (prepared_ != nullptr && !prepared_->empty()) return Committed::done;
  AckBlock block = empty_block();
  block.clean_close = in_flight() == 0 && !control_.is_pending() && !has_work();
  return append_idle(block);
}

}  // namespace semel
