#include "shard/consumer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/faults.h"
#include "shard/tallies.h"

namespace semel {
namespace {

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
      replies_(*parts.replies),
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

uint32_t Consumer::room_for_ids(uint32_t wanted, uint64_t now_us) {
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
  uint64_t room = dedup_->room(wanted);
  if (room == 0) {
    // The window is full: only what has left it by now makes room for more.
    dedup_->advance(now_us);
    room = dedup_->room(wanted);
  }
  return static_cast<uint32_t>(room);
}

uint32_t Consumer::adopt() {
  const uint32_t lost = in_flight();
  stages_.forget();
  suspicion_.forget_tried();
  if (ack_log_ == nullptr) {
    // At most once: they were acknowledged when they were polled.
    replies_.begin();
    replies_.publish(committed_sequence_ + 1, polled_sequence_,
                     [](uint64_t) { return Outcome::dropped; });
    change_.begin_change();
    tallies_[tally_of(Outcome::dropped)].fetch_add(lost, std::memory_order_relaxed);
    through_.store(polled_sequence_, std::memory_order_release);
    change_.end_change();
    if (dedup_ != nullptr && lost > 0) see_in_flight();
    committed_sequence_ = polled_sequence_;
    committed_position_ = polled_position_;
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

// At most once a copy of what was polled is a duplicate, whatever its worker made of it.
void Consumer::see_in_flight() {
  const uint8_t* newest = frame_of(polled_sequence_);
  time_us_ = std::max(time_us_, meta_time_us(full_meta(newest)));
  block_ids_.clear();
  for (uint64_t sequence = committed_sequence_ + 1; sequence <= polled_sequence_; ++sequence) {
    const Slot& slot = slots_[sequence & mask_];
    const bool is_copy = slot.outcome == static_cast<int32_t>(Outcome::duplicate) ||
                         (slot.kind & kInFlightBit) != 0;
    if (!is_copy) block_ids_.push_back(ids_[sequence & mask_]);
  }
  dedup_->commit(block_ids_, time_us_);
  show_index();
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
    // All that is in flight may be parked by one commit.
    const uint64_t parkable = parked_max_ - parked_.size();
    max = static_cast<uint32_t>(std::min<uint64_t>(max, parkable - std::min<uint64_t>(parkable, in_flight())));
  }
  if (!suspicion_.is_clear()) max = std::min(max, suspicion_.room(under_way()));
  // A poll that can find nothing reads no clock (S2).
  const bool may_find = max > 0 && has_work();
  Staged staged(*this);
  if (dedup_ != nullptr && max > 0) {
    if (may_find) staged.enter(Stage::index);
    max = room_for_ids(max, now_us);
    // What is in flight is committed first: it may be waiting for more of its batch, in vain.
    if (max == 0) return in_flight() > 0 ? polled(0) : Polled{0, Stall::ids_full};
  }
  if (may_find) staged.enter(Stage::poll);
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
    staged.enter(Stage::index);
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
void Consumer::show_index() {
  index_ids_.store(dedup_->size(), std::memory_order_relaxed);
  index_bytes_.store(dedup_->bytes(), std::memory_order_relaxed);
  window_us_.store(dedup_->effective_window_us(), std::memory_order_relaxed);
  forgotten_us_.store(dedup_->forgotten_us(), std::memory_order_relaxed);
}

ConsumerCounters Consumer::counters() const {
  ConsumerCounters seen;
  uint64_t tallies[kTallies];
  change_.read([&] {
    for (int i = 0; i < kTallies; ++i) tallies[i] = tallies_[i].load(std::memory_order_relaxed);
    seen.through = through_.load(std::memory_order_relaxed);
    seen.parked = parked_.size();
    seen.parked_first = parked_.first();
    seen.oldest_us = oldest_us_.load(std::memory_order_relaxed);
    seen.ids = index_ids_.load(std::memory_order_relaxed);
    seen.index_bytes = index_bytes_.load(std::memory_order_relaxed);
    seen.window_us = window_us_.load(std::memory_order_relaxed);
    seen.forgotten_us = forgotten_us_.load(std::memory_order_relaxed);
  });
  seen.outcomes = to_counters(tallies);
  return seen;
}

}  // namespace semel
