// Commits over a transactional sink: prepare → the sink → confirm, or discard.
#include <utility>

#include "core/faults.h"
#include "shard/answer_draft.h"
#include "shard/consumer.h"
#include "shard/staged_call.h"

namespace semel {

Result<Committed> Consumer::prepare(uint32_t count, bool has_outputs,
                                    std::span<const Detail> details,
                                    const SinkPlaces& places) {
  if (!cause_.is_ok()) return cause_;
  PreparedCommits& commits = *prepared_;
  if (count > in_flight() - commits.messages()) {
    return Status{Code::invalid_argument, "more messages are committed than are in flight"};
  }
  fault_point("commit.begin");
  StagedCall staged(stages_, in_flight_);
  staged.enter(Stage::commit);
  std::unique_ptr<CommitDraft> draft = commits.take_draft();
  Status begun = draft->begin(commits.base(progress_.tallies()), count, details, places);
  if (!begun.is_ok()) {
    commits.give_back(std::move(draft));
    return begun;
  }
  if (count > 0) layout_.tell(in_flight_, *draft);
  draft->end_draft();
  const std::span<const Id> ids = ids_.seen_by(*draft);
  AckBlock block = draft->block(ids);
  block.commit = commits.stamp(has_outputs);
  // A segment's snapshot has no commit that is under way.
  const bool fits = commits.empty() || commits.level().fits(block) ||
                    planted(Bug::snapshot_amid_commits);
  if (!fits || (draft->has_letters() && !level_.has_room(block))) {
    commits.give_back(std::move(draft));
    return Committed::full;
  }
  if (Status written = draft->write_letters(level_); !written.is_ok()) return fail(written);
  staged.enter(level_.append_stage(Stage::commit));
  auto appended = level_.append(block);
  staged.enter(Stage::commit);
  const bool stored = appended.is_ok() && appended.value() == Committed::done;
  if (!stored) {
    const bool wrote = draft->has_letters();
    commits.give_back(std::move(draft));
    return !appended.is_ok() && wrote ? fail(appended.status()) : appended;
  }
  fault_point("commit.prepared");
  if (planted(Bug::ids_seen_at_prepare)) ids_.see(ids, state_.time_us);
  commits.push(std::move(draft), *block.commit, ids, details);
  in_flight_.set_prepared(commits.newest().through());
  return Committed::done;
}

Result<Committed> Consumer::confirm(std::span<const Answer> answers, bool are_lost) {
  if (!cause_.is_ok()) return cause_;
  if (prepared_->empty()) return Status{Code::invalid_argument, "nothing is prepared"};
  if (prepared_->reached() == 0) return Committed::full;
  PreparedCommit& one = prepared_->oldest();
  const CommitDraft& draft = *one.draft;
  StagedCall staged(stages_, in_flight_);
  staged.enter(Stage::commit);
  if (!draft_answers(replies_, draft, in_flight_, one.details, answers, are_lost)) {
    return Committed::full;
  }
  fault_point("commit.confirmed");
  show(*one.draft, one.details);
  stages_.count(draft.last() + 1 - draft.first());
  staged.enter(ids_.stage(Stage::commit));
  ids_.see(one.ids, state_.time_us);
  if (draft.has_given_up()) ids_.give_up(in_flight_, draft);
  progress_.show(ids_.figures());
  prepared_->level().show_letters(one.letters);
  prepared_->pop();
  return Committed::done;
}

Result<uint32_t> Consumer::ask(const SinkAnswer& answer) {
  if (!cause_.is_ok()) return cause_;
  return prepared_->ask(answer);
}

Status Consumer::discard() {
  if (!cause_.is_ok()) return cause_;
  if (Status cut = prepared_->discard(); !cut.is_ok()) return fail(cut);
  in_flight_.set_prepared(in_flight_.first() - 1);
  fault_point("commit.discarded");
  return Status::ok();
}

Result<Committed> Consumer::record() {
  if (!cause_.is_ok()) return cause_;
  // The next block of those that are under way says so as well.
  if (prepared_->is_recorded() || !prepared_->empty() || planted(Bug::confirmation_not_recorded)) {
    return Committed::done;
  }
  return append_idle(empty_block());
}

void Consumer::start_over() {
  in_flight_.give_back();
  ids_.give_back(state_.parked);
}

Result<Committed> Consumer::append_idle(const AckBlock& block) {
  auto appended = level_.append(block);
  if (appended.is_ok() && appended.value() == Committed::done && block.commit.has_value()) {
    prepared_->recorded(*block.commit);
  }
  return appended;
}

void Consumer::snapshot(AckSnapshot& into) const {
  if (!planted(Bug::parked_lost_at_rotation)) state_.parked.collect(into.parked);
  into.sources = state_.sources.list();
  if (prepared_ == nullptr) return;
  const AckBlock block = empty_block();
  into.header = level_.completed(block.header);
  into.header->dead_letter_bytes = prepared_->confirmed_letters();
  into.commit = block.commit;
}

}  // namespace semel
