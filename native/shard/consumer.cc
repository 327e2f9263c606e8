#include "shard/consumer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/faults.h"

namespace semel {
namespace {

constexpr int kTallies = 6;

int tally_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::processed: return 0;
    case Outcome::filtered: return 1;
    case Outcome::duplicate: return 2;
    case Outcome::late: return 3;
    case Outcome::dead_lettered: return 4;
    case Outcome::dropped: return 5;
    case Outcome::parked: break;
  }
  assert(false && "a parked message has no end yet");
  return 5;
}

Counters to_counters(const uint64_t (&tallies)[kTallies]) {
  return {tallies[0], tallies[1], tallies[2], tallies[3], tallies[4], tallies[5]};
}

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

// What a parked entry takes in the ack log at most besides its payload: its fields and its history.
constexpr uint64_t kParkedOverheadMax = kHistoryBytesMax + 124;

// The bits of a frame's meta word that a commit has to look into: a source offset, or a retry.
constexpr uint64_t kTelling = 1u << 6 | static_cast<uint64_t>(FrameType::retry);

}  // namespace

Consumer::Consumer(const Parts& parts, const AckHeader& recovered)
    : ring_(*parts.ring),
      ack_log_(parts.ack_log),
      dead_letters_(parts.dead_letters),
      dedup_(parts.dedup),
      durable_position_(parts.durable_position),
      durable_sequence_(parts.durable_sequence),
      compact_(parts.compact),
      releases_(parts.releases),
      syncs_letters_(parts.syncs_letters),
      epoch_(parts.epoch),
      parked_max_(parts.parked_max),
      parked_bytes_max_(parts.segment_bytes / 2),
      in_flight_bytes_max_(parts.segment_bytes / 8),
      mask_(parts.in_flight_max - 1),
      slots_(new Slot[parts.in_flight_max]()),
      ids_(new Id[parts.in_flight_max]),
      ends_(new uint64_t[parts.in_flight_max]()),
      verdicts_(parts.in_flight_max),
      polled_sequence_(recovered.through),
      polled_position_(recovered.journal_position),
      committed_sequence_(recovered.through),
      committed_position_(recovered.journal_position),
      time_us_(recovered.time_us),
      sink_place_(planted(Bug::rewind_skipped) ? -1 : recovered.sink_position),
      through_(recovered.through),
      oldest_us_(recovered.time_us) {
  assert(std::has_single_bit(parts.in_flight_max));
  const Counters& c = recovered.counters;
  const uint64_t tallies[kTallies] = {c.processed, c.filtered,      c.duplicate,
                                      c.late,      c.dead_lettered, c.dropped};
  for (int i = 0; i < kTallies; ++i) tallies_[i].store(tallies[i], std::memory_order_relaxed);
}

void Consumer::restore_parked(Parked entry) {
  if (entry.has_id && dedup_ != nullptr) {
    Verdict verdict;
    dedup_->reserve({&entry.id, 1}, &verdict);
  }
  parked_.put(std::move(entry));
  oldest_us_.store(oldest_us(), std::memory_order_relaxed);
}

// Of those that are parked, and of those behind what is committed.
uint64_t Consumer::oldest_us() const {
  const Parked* first = parked_.next(0);
  return first == nullptr ? time_us_ : std::min(time_us_, first->time_us);
}

bool Consumer::has_room_for_ids(uint64_t ids, uint64_t now_us) {
  const Parked* parked = parked_.next(0);
  uint64_t time_us = now_us - std::min(now_us, kUnpublishedUs);
  for (uint64_t position = polled_position_; position < ring_.tail();) {
    const uint8_t* frame = ring_.at(position);
    if (!is_padding(frame)) {
      time_us = std::min(now_us, meta_time_us(full_meta(frame)));
      break;
    }
    position += frame_span(frame);
  }
  if (parked != nullptr) time_us = std::min(time_us, parked->time_us);
  dedup_->advance(time_us);
  if (dedup_->has_room(ids)) return true;
  // The window is full: only what has left it by now makes room for more.
  dedup_->advance(now_us);
  return dedup_->has_room(ids);
}

uint32_t Consumer::adopt() {
  const uint32_t lost = in_flight();
  suspicion_.forget_tried();
  if (ack_log_ == nullptr) {
    // At most once: they were acknowledged when they were polled.
    change_.begin_change();
    tallies_[tally_of(Outcome::dropped)].fetch_add(lost, std::memory_order_relaxed);
    through_.store(polled_sequence_, std::memory_order_relaxed);
    change_.end_change();
    committed_sequence_ = polled_sequence_;
    committed_position_ = polled_position_;
    if (dedup_ != nullptr) dedup_->free_all();
    ring_.release(committed_position_);
    return lost;
  }
  if (planted(Bug::in_flight_forgotten)) return 0;
  polled_sequence_ = committed_sequence_;
  polled_position_ = committed_position_;
  if (dedup_ != nullptr) {
    dedup_->free_all();
    Verdict verdict;
    for (const Parked* entry = parked_.next(0); entry != nullptr;
         entry = parked_.next(entry->sequence)) {
      if (entry->has_id) dedup_->reserve({&entry->id, 1}, &verdict);
    }
  }
  return lost;
}

Status Consumer::fail(const Status& cause) {
  cause_ = cause;
  return cause_;
}

Result<Polled> Consumer::poll(uint32_t max, uint64_t now_us) {
  if (!cause_.is_ok()) return cause_;
  if (parked_.size() >= parked_max_ || parked_.bytes() >= parked_bytes_max_) {
    return Polled{0, Stall::parked_full};
  }
  const uint32_t slot = static_cast<uint32_t>((polled_sequence_ + 1) & mask_);
  max = std::min({max, capacity() - in_flight(), capacity() - slot});
  if (ack_log_ != nullptr) {
    const auto room = static_cast<uint32_t>(in_flight_bytes_max_ / kParkedOverheadMax);
    max = std::min(max, room - std::min(room, in_flight()));
  }
  if (!suspicion_.is_clear()) max = std::min(max, suspicion_.room(under_way()));
  if (dedup_ != nullptr) {
    if (!has_room_for_ids(max + in_flight(), now_us)) return Polled{0, Stall::ids_full};
  }
  if (compact_) return polled(fill_compact(max));

  // Control frames take their turn: each waits until all messages before it are committed.
  if (in_flight() == 0) {
    while (has_work()) {
      const uint8_t* frame = ring_.at(polled_position_);
      if (!is_padding(frame)) {
        const uint64_t meta = full_meta(frame);
        if (!is_control(meta_type(meta))) break;
        if (Status applied = apply_control(frame, meta); !applied.is_ok()) return fail(applied);
      }
      polled_position_ += frame_span(frame);
    }
    if (control_pending_) {
      block_parked_.clear();
      block_resolved_.clear();
      committed_position_ = polled_position_;
      auto appended = append_block(empty_block());
      if (!appended.is_ok()) return appended.status();
      if (appended.value() == Committed::full) return Polled{};
      control_pending_ = false;
      if (releases_) ring_.release(committed_position_);
    }
  }

  const uint32_t count = fill_full(max);
  if (dedup_ != nullptr && count > 0) {
    dedup_->reserve({ids_.get() + slot, count}, verdicts_.data());
    for (uint32_t i = 0; i < count; ++i) {
      if (verdicts_[i] == Verdict::fresh) {
        // A letter that was dealt with before: nothing will come of this copy.
        if (in_flight_meta_ != 0 &&
            slots_[slot + i].outcome == static_cast<int32_t>(Outcome::duplicate)) {
          dedup_->free({&ids_[slot + i], 1});
        }
        continue;
      }
      if (verdicts_[i] == Verdict::seen) {
        slots_[slot + i].outcome = static_cast<int32_t>(Outcome::duplicate);
      } else {
        slots_[slot + i].kind |= kInFlightBit;
      }
    }
    if (planted(Bug::id_seen_at_poll)) dedup_->commit({ids_.get() + slot, count}, time_us_);
  }
  fault_point("poll.done");
  return polled(count);
}

Polled Consumer::polled(uint32_t count) const {
  const bool full = count == 0 && in_flight() > 0 && has_work();
  return {count, full ? Stall::in_flight_full : Stall::none};
}

uint32_t Consumer::fill_compact(uint32_t max) {
  const uint64_t end = visible();
  const uint32_t slot = static_cast<uint32_t>((polled_sequence_ + 1) & mask_);
  uint64_t position = polled_position_;
  uint32_t count = 0;
  while (count < max && position < end) {
    const uint8_t* frame = ring_.at(position);
    const uint32_t length = frame_length(frame);
    if (!is_padding(frame)) {
      slots_[slot + count] = {static_cast<int32_t>(ring_.place(position) + kCompactHeaderBytes),
                              static_cast<int32_t>(length - kCompactHeaderBytes),
                              static_cast<int32_t>(compact_type(frame)), 0};
      ends_[slot + count] = position + round_up(length, kFrameAlignment);
      ++count;
    }
    position += round_up(length, kFrameAlignment);
  }
  polled_position_ = position;
  polled_sequence_ += count;
  return count;
}

uint32_t Consumer::fill_full(uint32_t max) {
  const uint64_t end = visible();
  const uint32_t slot = static_cast<uint32_t>((polled_sequence_ + 1) & mask_);
  uint64_t position = polled_position_;
  uint32_t count = 0;
  if (in_flight() == 0) in_flight_meta_ = 0;
  // A first message is taken whatever its size: no frame is larger than the bound (the options say so).
  const uint64_t budget_end = committed_position_ + in_flight_bytes_max_;
  while (count < max && position < end && (position < budget_end || ack_log_ == nullptr)) {
    const uint8_t* frame = ring_.at(position);
    const uint32_t length = frame_length(frame);
    if (!is_padding(frame)) {
      const uint64_t meta = full_meta(frame);
      if (is_control(meta_type(meta))) break;
      const uint64_t header = meta_header_bytes(meta);
      in_flight_meta_ |= meta & kTelling;
      slots_[slot + count] = {static_cast<int32_t>(ring_.place(position) + header),
                              static_cast<int32_t>(length - header),
                              static_cast<int32_t>(meta_type(meta)) | static_cast<int32_t>(header << kHeaderShift), 0};
      ids_[slot + count] = full_id(frame, meta);
      if (meta_type(meta) == FrameType::retry &&
          !dead_letters_->contains_open(ids_[slot + count].low)) {
        // Sent again twice, perhaps longer ago than the index remembers.
        slots_[slot + count].outcome = static_cast<int32_t>(Outcome::duplicate);
      }
      ends_[slot + count] = position + round_up(length, kFrameAlignment);
      ++count;
    }
    position += round_up(length, kFrameAlignment);
  }
  polled_position_ = position;
  polled_sequence_ += count;
  return count;
}

Status Consumer::apply_control(const uint8_t* frame, uint64_t meta) {
  time_us_ = std::max(time_us_, meta_time_us(meta));
  control_pending_ = true;
  if (meta_type(meta) == FrameType::offset) {
    const FrameSource source = full_source(frame, meta);
    sources_.raise({source.partition, source.offset});
    block_sources_.raise({source.partition, source.offset});
    return Status::ok();
  }
  const uint64_t number = load<uint64_t>(frame + meta_header_bytes(meta));
  if (!dead_letters_->contains_open(number)) return Status::ok();
  SEMEL_TRY(dead_letters_->append_resolved(number, DeadLetters::How::dropped, time_us_));
  return syncs_letters_ ? dead_letters_->sync() : Status::ok();
}

const uint8_t* Consumer::frame_of(uint64_t sequence) const {
  const bool is_first = sequence == committed_sequence_ + 1;
  const uint64_t start = is_first ? committed_position_ : ends_[(sequence - 1) & mask_];
  const uint8_t* frame = ring_.at(start);
  return is_padding(frame) ? ring_.at(start + frame_span(frame)) : frame;
}

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
                                   std::span<const Detail> details) {
  if (!cause_.is_ok()) return cause_;
  if (count > in_flight()) {
    return Status{Code::invalid_argument, "more messages are committed than are in flight"};
  }
  fault_point("commit.begin");
  const uint64_t first = committed_sequence_ + 1;
  const uint64_t last = committed_sequence_ + count;

  // 1. What becomes of each message; nothing is changed yet.
  uint64_t tallies[kTallies] = {};
  uint32_t told = 0;  // messages in flight that need a detail
  bool all_marked = true;
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    const int32_t value = slots_[sequence & mask_].outcome;
    if (value < 0 || value > static_cast<int32_t>(Outcome::dropped)) {
      return Status{Code::invalid_argument, "a slot holds no outcome: " + std::to_string(value)};
    }
    const auto outcome = static_cast<Outcome>(value);
    if (outcome != Outcome::parked) ++tallies[tally_of(outcome)];
    if (outcome == Outcome::parked || outcome == Outcome::dead_lettered) ++told;
    all_marked &= marks_seen(outcome);
  }

  // 2. Parked entries, settled ones, and what the dead letters will hold.
  lifted_.clear();
  block_parked_.clear();
  block_resolved_.clear();
  block_ids_.clear();
  letters_.clear();
  lifted_.reserve(details.size());
  for (const Detail& detail : details) {
    const bool in_flight = detail.sequence >= first && detail.sequence <= last;
    const Parked* entry = in_flight ? nullptr : parked_.find(detail.sequence);
    if ((!in_flight && entry == nullptr) || dead_letters_ == nullptr) {
      return Status{Code::invalid_argument, "no message in flight or parked has the sequence " +
                                                std::to_string(detail.sequence)};
    }
    if (in_flight) {
      // A detail for another message than the one that needs it would lose the one and double the other.
      const auto outcome = static_cast<Outcome>(slots_[detail.sequence & mask_].outcome);
      const bool fits = detail.action == Detail::Action::park ? outcome == Outcome::parked
                        : detail.action == Detail::Action::dead_letter &&
                              outcome == Outcome::dead_lettered;
      if (!fits) {
        return Status{Code::invalid_argument, "the detail of message " +
                                                  std::to_string(detail.sequence) +
                                                  " does not fit its outcome"};
      }
    }
    Parked changed = in_flight ? lift(detail.sequence, detail) : *entry;
    if (in_flight) --told;
    if (detail.action == Detail::Action::park) {
      changed.attempts = detail.attempts;
      changed.due_us = detail.due_us;
      changed.history.assign(detail.history.begin(), detail.history.end());
      lifted_.push_back(std::move(changed));
      block_parked_.push_back(&lifted_.back());
      continue;
    }
    const bool dead = detail.action == Detail::Action::dead_letter;
    const Outcome end = dead ? Outcome::dead_lettered : detail.outcome;
    if (!in_flight) {
      ++tallies[tally_of(end)];
      block_resolved_.push_back(detail.sequence);
      if (changed.has_id && marks_seen(end)) block_ids_.push_back(changed.id);
    }
    // A dead letter that was sent again has been dealt with, however this attempt ended.
    const bool again = changed.type == static_cast<uint8_t>(FrameType::retry) && marks_seen(end);
    const uint64_t retried = again ? changed.id.low : 0;
    if (dead) {
      letters_.push_back({to_letter(std::move(changed), detail), retried});
    } else if (again) {
      letters_.push_back({std::nullopt, retried});
    }
  }
  if (told != 0 || has_repeated(details)) {
    return Status{Code::invalid_argument,
                  "each parked or dead-lettered message needs a detail, and one only"};
  }

  // 3. What the frames tell: newest time, source offsets, retried dead letters.
  if (!compact_ && count > 0) {
    if (in_flight_meta_ == 0) {
      // Nothing but the time, and the last frame's is the newest.
      time_us_ = std::max(time_us_, meta_time_us(full_meta(frame_of(last))));
    }
    for (uint64_t sequence = first; in_flight_meta_ != 0 && sequence <= last; ++sequence) {
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
  // 4. The ids that become seen with this block; in place where they are all of them, side by side.
  std::span<const Id> ids = block_ids_;
  if (dedup_ != nullptr && count > 0) {
    const bool side_by_side = (first & mask_) + count <= capacity();
    if (all_marked && side_by_side && block_ids_.empty()) {
      ids = {ids_.get() + (first & mask_), count};
    } else {
      for (uint64_t sequence = first; sequence <= last; ++sequence) {
        const auto outcome = static_cast<Outcome>(slots_[sequence & mask_].outcome);
        if (marks_seen(outcome)) block_ids_.push_back(ids_[sequence & mask_]);
      }
      ids = block_ids_;
    }
  } else if (dedup_ == nullptr) {
    ids = {};
  }

  // 5. The block, and with it everything else. Dead letters go first: a letter behind the committed
  // length has never happened, so only the room for the block must be sure.
  const uint64_t position = count > 0 ? ends_[last & mask_] : committed_position_;
  const int64_t place = sink_place >= 0 ? sink_place : sink_place_;
  for (int i = 0; i < kTallies; ++i) tallies[i] += tallies_[i].load(std::memory_order_relaxed);
  const Block block{last, position, place, ids, to_counters(tallies), false};
  if (!letters_.empty()) {
    if (!ack_log_->has_room(to_ack_block(block))) {
      block_sources_.clear();
      return Committed::full;
    }
    if (Status written = write_letters(); !written.is_ok()) return fail(written);
  }
  Result<Committed> appended = append_block(block);
  if (!appended.is_ok() && !letters_.empty()) return fail(appended.status());
  if (!appended.is_ok() || appended.value() == Committed::full) {
    block_sources_.clear();
    return appended;
  }
  fault_point("commit.appended");
  change_.begin_change();
  for (int i = 0; i < kTallies; ++i) tallies_[i].store(tallies[i], std::memory_order_relaxed);
  through_.store(last, std::memory_order_relaxed);
  for (uint64_t sequence : block_resolved_) {
    if (!planted(Bug::two_outcomes)) parked_.remove(sequence);
  }
  for (Parked& entry : lifted_) parked_.put(std::move(entry));
  oldest_us_.store(oldest_us(), std::memory_order_relaxed);
  change_.end_change();
  committed_sequence_ = last;
  committed_position_ = position;
  sink_place_ = place;
  if (dead_letters_ != nullptr && durable_sequence_ == nullptr) {
    dead_letters_->show(dead_letters_->length());
  }
  if (!suspicion_.is_clear()) {
    suspicion_.passed(first, last);
    for (const Detail& detail : details) suspicion_.passed_parked(detail.sequence);
  }
  if (dedup_ != nullptr) {
    dedup_->commit(ids, time_us_);
    show_index();
  }
  if (releases_) ring_.release(committed_position_);
  return appended;
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

void Consumer::show_index() {
  index_ids_.store(dedup_->size(), std::memory_order_relaxed);
  index_bytes_.store(dedup_->bytes(), std::memory_order_relaxed);
  window_us_.store(dedup_->effective_window_us(), std::memory_order_relaxed);
}

ConsumerCounters Consumer::counters() const {
  ConsumerCounters seen;
  uint64_t tallies[kTallies];
  change_.read([&] {
    for (int i = 0; i < kTallies; ++i) tallies[i] = tallies_[i].load(std::memory_order_relaxed);
    seen.through = through_.load(std::memory_order_relaxed);
    seen.parked = parked_.size();
    seen.oldest_us = oldest_us_.load(std::memory_order_relaxed);
    seen.ids = index_ids_.load(std::memory_order_relaxed);
    seen.index_bytes = index_bytes_.load(std::memory_order_relaxed);
    seen.window_us = window_us_.load(std::memory_order_relaxed);
  });
  seen.outcomes = to_counters(tallies);
  return seen;
}

}  // namespace semel
