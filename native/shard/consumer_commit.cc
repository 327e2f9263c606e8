#include <algorithm>
#include <utility>

#include "core/faults.h"
#include "shard/consumer.h"
#include "shard/tallies.h"

namespace semel {
namespace {

bool has_repeated(std::span<const Detail> details) {
  std::vector<uint64_t> sequences;
  for (const Detail& detail : details) sequences.push_back(detail.sequence);
  std::sort(sequences.begin(), sequences.end());
  return std::adjacent_find(sequences.begin(), sequences.end()) != sequences.end();
}

// Whether the end of a message makes its id seen. A duplicate's id is the other message's.
constexpr bool marks_seen(Outcome outcome) {
  return outcome != Outcome::parked && outcome != Outcome::duplicate;
}

// Entries by their sequence, quick where they are asked for in the order in which they lie.
template <typename Entry>
class Finder {
 public:
  explicit Finder(std::span<const Entry> entries) : entries_(entries) {}

  const Entry* operator()(uint64_t sequence) {
    for (std::size_t tried = 0; tried < entries_.size(); ++tried, ++next_) {
      if (next_ == entries_.size()) next_ = 0;
      if (entries_[next_].sequence == sequence) return &entries_[next_];
    }
    return nullptr;
  }

 private:
  const std::span<const Entry> entries_;
  std::size_t next_ = 0;
};

}  // namespace

Parked Consumer::lift(uint64_t sequence, const Detail& detail) const {
  const Slot& slot = slots_[sequence & mask_];
  const uint8_t* frame = frame_of(sequence);
  const uint64_t meta = full_meta(frame);
  const uint8_t* payload = ring_.at(0) + slot.place;
  Parked entry;
  entry.sequence = sequence;
  entry.time_us = meta_time_us(meta);
  entry.due_us = detail.due_us;
  entry.attempts = detail.attempts;
  entry.type = static_cast<uint8_t>(meta_type(meta));
  entry.has_id = meta_id_kind(meta) != IdKind::none;
  entry.id = full_id(frame, meta);
  entry.history.assign(detail.history.begin(), detail.history.end());
  entry.payload.assign(payload, payload + slot.length);
  return entry;
}

DeadLetter Consumer::to_letter(Parked&& entry, const Detail& detail) {
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

Status Consumer::write_letters() {
  for (const LetterChange& change : letters_) {
    if (change.letter.has_value()) {
      auto number = dead_letters_->append_letter(*change.letter);
      if (!number.is_ok()) return number.status();
      fault_point("commit.letter-written");
    }
    if (change.retried != 0 && dead_letters_->contains_open(change.retried)) {
      SEMEL_TRY(dead_letters_->append_resolved(change.retried, DeadLetters::How::retried, time_us_));
    }
  }
  return syncs_letters_ ? dead_letters_->sync() : Status::ok();
}

Result<Committed> Consumer::commit(uint32_t count, int64_t sink_place,
                                   std::span<const Detail> details,
                                   std::span<const Answer> answers) {
  if (!cause_.is_ok()) return cause_;
  if (count > in_flight()) {
    return Status{Code::invalid_argument, "more messages are committed than are in flight"};
  }
  fault_point("commit.begin");
  Staged staged(*this);
  staged.enter(Stage::commit);
  Draft draft{.first = committed_sequence_ + 1, .last = committed_sequence_ + count};
  SEMEL_TRY(judge(&draft));
  SEMEL_TRY(settle(details, &draft));
  if (!draft_answers(draft, details, answers)) return Committed::full;
  if (!compact_ && count > 0) read_frames(draft);
  const std::span<const Id> ids = dedup_ == nullptr ? std::span<const Id>() : seen_ids(draft);

  // The block, and with it everything else. Dead letters go first: a letter behind the committed
  // length has never happened, so only the room for the block must be sure.
  const uint64_t position = count > 0 ? ends_[draft.last & mask_] : committed_position_;
  const int64_t place = sink_place >= 0 ? sink_place : sink_place_;
  for (int i = 0; i < kTallies; ++i) {
    draft.tallies[i] += tallies_[i].load(std::memory_order_relaxed);
  }
  const Block block{draft.last, position, place, ids, to_counters(draft.tallies), false};
  if (!letters_.empty()) {
    if (!ack_log_->has_room(to_ack_block(block))) {
      block_sources_.clear();
      return Committed::full;
    }
    if (Status written = write_letters(); !written.is_ok()) return fail(written);
  }
  if (ack_log_ != nullptr) staged.enter(Stage::log);
  Result<Committed> appended = append_block(block);
  if (ack_log_ != nullptr) staged.enter(Stage::commit);
  if (!appended.is_ok() && !letters_.empty()) return fail(appended.status());
  if (!appended.is_ok() || appended.value() == Committed::full) {
    block_sources_.clear();
    return appended;
  }
  fault_point("commit.appended");
  replies_.publish(draft.first, draft.last, [this](uint64_t sequence) {
    return static_cast<Outcome>(slots_[sequence & mask_].outcome);
  });
  change_.begin_change();
  for (int i = 0; i < kTallies; ++i) {
    tallies_[i].store(draft.tallies[i], std::memory_order_relaxed);
  }
  through_.store(draft.last, std::memory_order_release);
  for (uint64_t sequence : block_resolved_) {
    if (!planted(Bug::two_outcomes)) parked_.remove(sequence);
    replies_.end_parked(sequence);
  }
  for (Parked& entry : lifted_) parked_.put(std::move(entry));
  oldest_us_.store(oldest_us(), std::memory_order_relaxed);
  change_.end_change();
  committed_sequence_ = draft.last;
  committed_position_ = position;
  sink_place_ = place;
  if (dead_letters_ != nullptr && durable_sequence_ == nullptr) {
    dead_letters_->show(dead_letters_->length());
  }
  if (!suspicion_.is_clear()) {
    suspicion_.passed(draft.first, draft.last);
    for (const Detail& detail : details) suspicion_.passed_parked(detail.sequence);
  }
  stages_.count(count);
  if (dedup_ != nullptr) {
    staged.enter(Stage::index);
    dedup_->commit(ids, time_us_);
    show_index();
  }
  if (releases_) ring_.release(committed_position_);
  return appended;
}

// What becomes of each message in flight.
Status Consumer::judge(Draft* draft) const {
  for (uint64_t sequence = draft->first; sequence <= draft->last; ++sequence) {
    const int32_t value = slots_[sequence & mask_].outcome;
    if (value < 0 || value > static_cast<int32_t>(Outcome::dropped)) {
      return {Code::invalid_argument, "a slot holds no outcome: " + std::to_string(value)};
    }
    const auto outcome = static_cast<Outcome>(value);
    if (outcome != Outcome::parked) ++draft->tallies[tally_of(outcome)];
    if (outcome == Outcome::parked || outcome == Outcome::dead_lettered) ++draft->told;
    draft->all_marked &= marks_seen(outcome);
  }
  return Status::ok();
}

// Parked entries, settled ones, and what the dead letters will hold.
Status Consumer::settle(std::span<const Detail> details, Draft* draft) {
  lifted_.clear();
  block_parked_.clear();
  block_resolved_.clear();
  block_ids_.clear();
  letters_.clear();
  lifted_.reserve(details.size());
  for (const Detail& detail : details) {
    const bool in_flight = draft->holds(detail.sequence);
    const Parked* entry = in_flight ? nullptr : parked_.find(detail.sequence);
    if ((!in_flight && entry == nullptr) || dead_letters_ == nullptr) {
      return {Code::invalid_argument, "no message in flight or parked has the sequence " +
                                          std::to_string(detail.sequence)};
    }
    if (in_flight) {
      // A detail for another message than the one that needs it would lose the one and double the other.
      const auto outcome = static_cast<Outcome>(slots_[detail.sequence & mask_].outcome);
      const bool fits = detail.action == Detail::Action::park ? outcome == Outcome::parked
                        : detail.action == Detail::Action::dead_letter &&
                              outcome == Outcome::dead_lettered;
      if (!fits) {
        return {Code::invalid_argument, "the detail of message " +
                                            std::to_string(detail.sequence) +
                                            " does not fit its outcome"};
      }
    }
    Parked changed = in_flight ? lift(detail.sequence, detail) : *entry;
    if (in_flight) --draft->told;
    if (detail.action == Detail::Action::park) {
      changed.attempts = detail.attempts;
      changed.due_us = detail.due_us;
      changed.history.assign(detail.history.begin(), detail.history.end());
      lifted_.push_back(std::move(changed));
      block_parked_.push_back(&lifted_.back());
      continue;
    }
    const Outcome end = detail.end();
    if (!in_flight) {
      ++draft->tallies[tally_of(end)];
      block_resolved_.push_back(detail.sequence);
      if (changed.has_id && marks_seen(end)) block_ids_.push_back(changed.id);
    }
    // A dead letter that was sent again has been dealt with, however this attempt ended.
    const bool again = changed.type == static_cast<uint8_t>(FrameType::retry) && marks_seen(end);
    const uint64_t retried = again ? changed.id.low : 0;
    if (detail.action == Detail::Action::dead_letter) {
      letters_.push_back({to_letter(std::move(changed), detail), retried});
    } else if (again) {
      letters_.push_back({std::nullopt, retried});
    }
  }
  if (draft->told != 0 || has_repeated(details)) {
    return {Code::invalid_argument,
            "each parked or dead-lettered message needs a detail, and one only"};
  }
  return Status::ok();
}

// What the senders who wait are told besides the outcomes of messages in flight; false where there is
// no room for it yet. What would not fit an empty ring either is cut down to the outcomes.
bool Consumer::draft_answers(const Draft& draft, std::span<const Detail> details,
                             std::span<const Answer> answers) {
  const bool is_read = replies_.is_read();
  replies_.begin();
  Finder<Answer> answer_of(answers);
  // First those of parked messages, which no mark can tell of.
  for (const Detail& detail : details) {
    const uint64_t sequence = detail.sequence;
    if (detail.action == Detail::Action::park || !replies_.is_awaited_parked(sequence)) continue;
    const Answer* given = answer_of(sequence);
    Answer told{sequence, AnswerKind::none, {}};
    if (detail.action == Detail::Action::dead_letter) {
      told = {sequence, AnswerKind::history, detail.history};
    } else if (given != nullptr && given->fits(detail.end())) {
      told = *given;
    }
    if (replies_.draft(sequence, detail.end(), told)) continue;
    if (!is_read || !replies_.draft(sequence, detail.end(), {sequence, AnswerKind::none, {}})) {
      return false;
    }
  }
  if (!replies_.expects_from(draft.first)) return true;
  Finder<Detail> detail_of(details);
  for (uint64_t sequence = draft.first; sequence <= draft.last; ++sequence) {
    if (!replies_.is_awaited(sequence)) continue;
    const auto outcome = static_cast<Outcome>(slots_[sequence & mask_].outcome);
    if (outcome == Outcome::parked) continue;
    const Answer* given = answer_of(sequence);
    Answer told{sequence, AnswerKind::none, {}};
    if (outcome == Outcome::dead_lettered) {
      told = {sequence, AnswerKind::history, detail_of(sequence)->history};
    } else if (given != nullptr && given->fits(outcome)) {
      told = *given;
    }
    // Its mark tells the outcome.
    if (told.kind == AnswerKind::none) continue;
    if (!replies_.draft(sequence, outcome, told) && !is_read) return false;
  }
  return true;
}

// What the frames tell: newest time, source offsets, retried dead letters.
void Consumer::read_frames(const Draft& draft) {
  if (in_flight_meta_ == 0) {
    // Nothing but the time, and the last frame's is the newest.
    time_us_ = std::max(time_us_, meta_time_us(full_meta(frame_of(draft.last))));
    return;
  }
  for (uint64_t sequence = draft.first; sequence <= draft.last; ++sequence) {
    const uint8_t* frame = frame_of(sequence);
    const uint64_t meta = full_meta(frame);
    if (meta_has_source(meta)) {
      const FrameSource source = full_source(frame, meta);
      block_sources_.raise({source.partition, source.offset});
    }
    const Slot& slot = slots_[sequence & mask_];
    if (meta_type(meta) == FrameType::retry && dead_letters_ != nullptr &&
        marks_seen(static_cast<Outcome>(slot.outcome)) &&
        slot.outcome != static_cast<int32_t>(Outcome::dead_lettered)) {
      letters_.push_back({std::nullopt, full_id(frame, meta).low});
    }
    time_us_ = std::max(time_us_, meta_time_us(meta));
  }
}

// The ids that become seen with this block; in place where they are all of them, side by side.
std::span<const Id> Consumer::seen_ids(const Draft& draft) {
  const uint64_t first_slot = draft.first & mask_;
  const uint64_t count = draft.last + 1 - draft.first;
  if (count == 0) return block_ids_;
  if (draft.all_marked && first_slot + count <= capacity() && block_ids_.empty()) {
    return {ids_.get() + first_slot, count};
  }
  for (uint64_t sequence = draft.first; sequence <= draft.last; ++sequence) {
    const auto outcome = static_cast<Outcome>(slots_[sequence & mask_].outcome);
    if (marks_seen(outcome)) block_ids_.push_back(ids_[sequence & mask_]);
  }
  return block_ids_;
}

Result<Committed> Consumer::charge(const Detail& detail) {
  const bool flying = in_flight() == 1 && detail.sequence == first_in_flight();
  const bool parks = detail.action == Detail::Action::park;
  if (flying) {
    const Outcome outcome = parks ? Outcome::parked : Outcome::dead_lettered;
    slots_[detail.sequence & mask_].outcome = static_cast<int32_t>(outcome);
  }
  auto committed = commit(flying ? 1 : 0, -1, {&detail, 1});
  if (committed.is_ok() && committed.value() == Committed::done && parks) {
    suspicion_.convict(detail.sequence);
  }
  return committed;
}

AckBlock Consumer::to_ack_block(const Block& block) const {
  AckBlock entry;
  entry.header.through = block.through;
  entry.header.time_us = time_us_;
  entry.header.journal_position = block.journal_position;
  entry.header.journal_durable =
      durable_sequence_ == nullptr ? 0 : durable_sequence_->load(std::memory_order_acquire);
  entry.header.sink_position = block.sink_place;
  entry.header.dead_letter_bytes = dead_letters_->length();
  entry.header.epoch = epoch_;
  entry.header.counters = block.counters;
  if (!planted(Bug::ids_not_logged)) entry.ids = block.ids;
  entry.parked = block_parked_;
  if (!planted(Bug::settled_not_logged)) entry.resolved = block_resolved_;
  entry.sources = block_sources_.list();
  entry.clean_close = block.clean_close;
  return entry;
}

Result<Committed> Consumer::append_block(const Block& block) {
  if (ack_log_ != nullptr) {
    auto appended = ack_log_->append(to_ack_block(block));
    if (!appended.is_ok()) return appended.status();
    if (appended.value() == AckLog::Appended::full) return Committed::full;
    for (const SourceOffset& source : block_sources_.list()) sources_.raise(source);
  }
  block_sources_.clear();
  return Committed::done;
}

Consumer::Block Consumer::empty_block() const {
  return {committed_sequence_, committed_position_, sink_place_, {}, counters().outcomes, false};
}

Result<Committed> Consumer::open() {
  if (dedup_ != nullptr) show_index();
  return append_block(empty_block());
}

Result<Committed> Consumer::close() {
  if (!cause_.is_ok()) return cause_;
  block_parked_.clear();
  block_resolved_.clear();
  Block block = empty_block();
  block.clean_close = in_flight() == 0 && !has_work();
  return append_block(block);
}

}  // namespace semel
