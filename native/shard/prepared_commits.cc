#include "shard/prepared_commits.h"

#include <algorithm>

#include "acklog/state_fold.h"
#include "core/faults.h"

namespace semel {

PreparedCommits::PreparedCommits(PreparedLevel& level, const InFlight& in_flight,
                                 const CommittedState& state, const AckRecovered& recovered)
    : level_(level),
      in_flight_(in_flight),
      state_(state),
      confirmed_(recovered.confirmed),
      epoch_(recovered.sink_epoch),
      n_(recovered.last_commit),
      letters_(level.letters_length()) {}

uint32_t PreparedCommits::messages() const {
  return commits_.empty() ? 0
                          : static_cast<uint32_t>(newest().through() + 1 - in_flight_.first());
}

uint32_t PreparedCommits::reached() const {
  uint32_t count = 0;
  while (count < commits_.size() && level_.has_reached(commits_[count].block)) ++count;
  return count;
}

std::unique_ptr<CommitDraft> PreparedCommits::take_draft() {
  if (drafts_.empty()) return std::make_unique<CommitDraft>(in_flight_, state_, level_);
  std::unique_ptr<CommitDraft> draft = std::move(drafts_.back());
  drafts_.pop_back();
  return draft;
}

void PreparedCommits::give_back(std::unique_ptr<CommitDraft> draft) {
  drafts_.push_back(std::move(draft));
}

CommitDraft::Base PreparedCommits::base(const Tallies& tallies) const {
  if (commits_.empty()) {
    return {in_flight_.first(), in_flight_.committed_position(), state_.time_us, tallies, nullptr};
  }
  const PreparedCommit& before = newest();
  return {before.through() + 1, before.position, before.draft->time_us(), before.draft->tallies(),
          before.draft.get()};
}

CommitNumber PreparedCommits::newest_with_outputs() const {
  const auto found = std::find_if(commits_.rbegin(), commits_.rend(),
                                  [](const PreparedCommit& one) { return one.stamp.n != 0; });
  return found == commits_.rend() ? confirmed_ : found->stamp.own();
}

CommitStamp PreparedCommits::idle_stamp() const {
  return {.epoch = epoch_,
          .n = 0,
          .parent = confirmed_,
          .confirmed = confirmed_,
          .through = in_flight_.first() - 1,
          .journal_position = in_flight_.committed_position(),
          .dead_letter_bytes = letters_};
}

CommitStamp PreparedCommits::stamp(bool has_outputs) {
  CommitStamp stamp = idle_stamp();
  stamp.parent = newest_with_outputs();
  if (has_outputs) stamp.n = ++n_;
  return stamp;
}

void PreparedCommits::push(std::unique_ptr<CommitDraft> draft, const CommitStamp& stamp,
                           std::span<const Id> ids, std::span<const Detail> details) {
  PreparedCommit& one = commits_.emplace_back();
  one.position = draft->position();
  one.draft = std::move(draft);
  one.stamp = stamp;
  one.block = level_.last_block();
  one.ids = ids;
  one.letters = level_.letters_length();
  for (const Detail& detail : details) {
    one.histories.emplace_back(detail.history.begin(), detail.history.end());
    one.details.push_back(detail);
    one.details.back().history = one.histories.back();
  }
  recorded_ = stamp;
}

const std::vector<SourceOffset>& PreparedCommits::sources() {
  sources_.clear();
  for (const SourceOffset& one : state_.sources.list()) sources_.merge(one);
  for (const PreparedCommit& commit : commits_) {
    for (const SourceOffset& one : commit.draft->sources().list()) sources_.merge(one);
  }
  return sources_.list();
}

void PreparedCommits::pop() {
  PreparedCommit& one = commits_.front();
  if (one.stamp.n != 0) confirmed_ = one.stamp.own();
  letters_ = one.letters;
  drafts_.push_back(std::move(one.draft));
  commits_.pop_front();
}

Result<uint32_t> PreparedCommits::ask(const SinkAnswer& answer) {
  const CommitNumber& last = answer.last;
  const auto found = std::find_if(commits_.begin(), commits_.end(), [&](const PreparedCommit& one) {
    return one.stamp.own() == last && !last.is_none();
  });
  if (last != confirmed_ && found == commits_.end() && !planted(Bug::backup_adopted)) {
    return acklog::is_behind(last, confirmed_) ? acklog::sink_behind(last, confirmed_)
                                               : acklog::sink_ahead(last);
  }
  if (answer.epoch <= epoch_) return acklog::sink_epoch_behind(answer.epoch, epoch_);
  epoch_ = answer.epoch;
  must_ask = false;
  auto end = found == commits_.end() || planted(Bug::confirmed_discarded) ? commits_.begin() : found + 1;
  // Those without outputs that rest on it took effect with it.
  while (end != commits_.end() && end->stamp.n == 0) ++end;
  return static_cast<uint32_t>(end - commits_.begin());
}

Status PreparedCommits::discard() {
  while (!commits_.empty()) {
    drafts_.push_back(std::move(commits_.back().draft));
    commits_.pop_back();
  }
  return planted(Bug::discarded_letters_stay) ? Status::ok() : level_.cut_letters(letters_);
}

}  // namespace semel
