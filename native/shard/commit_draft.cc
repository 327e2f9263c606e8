#include "shard/commit_draft.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/faults.h"

namespace semel {
namespace {

bool has_repeated(std::span<const Detail> details) {
  std::vector<uint64_t> sequences;
  for (const Detail& detail : details) sequences.push_back(detail.sequence);
  std::sort(sequences.begin(), sequences.end());
  return std::adjacent_find(sequences.begin(), sequences.end()) != sequences.end();
}

DeadLetter to_letter(Parked&& entry, const Detail& detail) {
  DeadLetter letter;
  letter.sequence = entry.sequence;
  letter.time_us = entry.time_us;
  letter.attempts = detail.attempts;
  letter.type = entry.type;
  letter.has_id = entry.has_id;
  letter.id = entry.id;
  letter.history.assign(detail.history.begin(), detail.history.end());
  letter.payload = std::move(entry.payload);
  return letter;
}

}  // namespace

Status CommitDraft::begin(const Base& base, uint32_t count, std::span<const Detail> details,
                          const SinkPlaces& places) {
  before_ = base.before;
  first_ = base.first;
  last_ = first_ + count - 1;
  position_ = base.position;
  time_us_ = base.time_us;
  tallies_ = base.tallies;
  untold_ = 0;
  all_seen_ = true;
  has_given_up_ = false;
  sink_places_ = before_ == nullptr ? state_.sink_places : before_->sink_places();
  sink_places_.merge(places);
  sources_.clear();
  ids_.clear();
  parked_.clear();
  block_parked_.clear();
  resolved_.clear();
  letters_.clear();
  SEMEL_TRY(count_outcomes());
  for (const OffsetFrame& frame : in_flight_.offset_frames()) {
    if (frame.behind > last_) break;
    if (frame.behind < first_) continue;  // it goes with a commit before
    raise_source(frame.source);
    raise_time(frame.time_us);
  }
  for (const Detail& detail : details) SEMEL_TRY(take(detail));
  if (untold_ != 0 || has_repeated(details)) {
    return {Code::invalid_argument,
            "each parked or dead-lettered message needs a detail, and one only"};
  }
  return Status::ok();
}

Status CommitDraft::count_outcomes() {
  for (uint64_t sequence = first_; sequence <= last_; ++sequence) {
    const int32_t value = in_flight_.slot(sequence).outcome;
    if (value < 0 || value > static_cast<int32_t>(Outcome::given_up)) {
      return {Code::invalid_argument, "a slot holds no outcome: " + std::to_string(value)};
    }
    const auto outcome = static_cast<Outcome>(value);
    if (outcome != Outcome::parked) ++tallies_[tally_of(outcome)];
    if (outcome == Outcome::parked || outcome == Outcome::dead_lettered) ++untold_;
    all_seen_ &= makes_seen(outcome);
    has_given_up_ |= outcome == Outcome::given_up;
  }
  return Status::ok();
}

Status CommitDraft::take(const Detail& detail) {
  const uint64_t sequence = detail.sequence;
  const bool in_flight = holds(sequence);
  const Parked* known = in_flight ? nullptr : state_.parked.find(sequence);
  if ((!in_flight && known == nullptr) || !level_.may_park()) {
    return {Code::invalid_argument,
            "no message in flight or parked has the sequence " + std::to_string(sequence)};
  }
  if (in_flight) {
    SEMEL_TRY(check_fit(detail));
    --untold_;
  }
  Parked entry = in_flight ? lift(sequence) : *known;
  if (detail.action == Detail::Action::park) {
    entry.attempts = detail.attempts;
    entry.due_us = detail.due_us;
    entry.history.assign(detail.history.begin(), detail.history.end());
    parked_.push_back(std::move(entry));
    return Status::ok();
  }
  if (!in_flight) {
    const Outcome outcome = detail.end();
    ++tallies_[tally_of(outcome)];
    resolved_.push_back(sequence);
    if (entry.has_id && makes_seen(outcome)) ids_.push_back(entry.id);
  }
  end(std::move(entry), detail);
  return Status::ok();
}

// A detail for another message than the one that needs it would lose the one and double the other.
Status CommitDraft::check_fit(const Detail& detail) const {
  const Outcome outcome = in_flight_.outcome(detail.sequence);
  const bool fits = detail.action == Detail::Action::park ? outcome == Outcome::parked
                    : detail.action == Detail::Action::dead_letter &&
                          outcome == Outcome::dead_lettered;
  if (fits) return Status::ok();
  return {Code::invalid_argument,
          "the detail of message " + std::to_string(detail.sequence) + " does not fit its outcome"};
}

// A dead letter that was sent again has been dealt with, however this attempt ended.
void CommitDraft::end(Parked&& entry, const Detail& detail) {
  const bool again =
      entry.type == static_cast<uint8_t>(FrameType::retry) && makes_seen(detail.end());
  const uint64_t retried = again ? entry.id.low : 0;
  if (detail.action == Detail::Action::dead_letter) {
    letters_.push_back({to_letter(std::move(entry), detail), retried});
  } else if (again) {
    letters_.push_back({std::nullopt, retried});
  }
}

// The ring moves on, so the message is copied out of it.
Parked CommitDraft::lift(uint64_t sequence) const {
  const Slot& slot = in_flight_.slot(sequence);
  const uint8_t* frame = in_flight_.frame_of(sequence);
  const uint64_t meta = full_meta(frame);
  const uint8_t* payload = in_flight_.ring().at(0) + slot.offset;
  Parked entry;
  entry.sequence = sequence;
  entry.time_us = meta_time_us(meta);
  entry.type = static_cast<uint8_t>(meta_type(meta));
  entry.has_id = meta_id_kind(meta) != IdKind::none;
  entry.id = full_id(frame, meta);
  entry.payload.assign(payload, payload + slot.length);
  return entry;
}

std::span<const Id> CommitDraft::seen_ids() {
  if (last_ < first_) return ids_;
  if (all_seen_ && ids_.empty() && in_flight_.lie_together(first_, last_)) {
    return in_flight_.ids(first_, last_);
  }
  for (uint64_t sequence = first_; sequence <= last_; ++sequence) {
    if (makes_seen(in_flight_.outcome(sequence))) ids_.push_back(in_flight_.id(sequence));
  }
  return ids_;
}

AckBlock CommitDraft::block(std::span<const Id> ids) {
  block_parked_.clear();
  for (const Parked& entry : parked_) block_parked_.push_back(&entry);
  AckBlock block;
  block.header.through = last_;
  block.header.time_us = time_us_;
  block.header.journal_position = position();
  block.header.sink_places = sink_places_;
  block.header.counters = to_counters(tallies_);
  if (!planted(Bug::ids_not_logged)) block.ids = ids;
  block.parked = block_parked_;
  if (!planted(Bug::settled_not_logged)) block.resolved = resolved_;
  block.sources = sources_.list();
  return block;
}

Status CommitDraft::write_letters(Level& level) const {
  for (const LetterChange& change : letters_) {
    if (change.letter.has_value()) {
      if (auto number = level.write_letter(*change.letter); !number.is_ok()) {
        return number.status();
      }
    }
    if (change.retried != 0) {
      SEMEL_TRY(level.resolve_letter(change.retried, DeadLetters::How::retried, time_us_));
    }
  }
  return level.secure_letters();
}

}  // namespace semel
