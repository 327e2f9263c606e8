#include "acklog/ack_log.h"

#include <algorithm>
#include <cassert>

#include "acklog/block.h"
#include "core/bytes.h"
#include "core/faults.h"

namespace semel {

using acklog::Identity;
using acklog::Segment;
using acklog::Window;
using acklog::kBlockHeaderBytes;
using acklog::kSealBytes;
using acklog::kSegmentHeaderBytes;

namespace {

// Mapped segments that wait for a sync; behind that the worker waits too.
constexpr std::size_t kLiveSegmentsMax = 4;

}  // namespace

AckLog::~AckLog() = default;

uint64_t AckLog::parked_bytes(const Parked& parked) { return acklog::parked_entry_bytes(parked); }

Result<AckLog::Appended> AckLog::append(const AckBlock& block) {
  const AckHeader& last = writer_.last();
  if (block.header.epoch < last.epoch && !planted(Bug::epoch_not_checked)) {
    return Status{Code::fenced, "the ack log is at epoch " + std::to_string(last.epoch) +
                                    ", a commit came with epoch " +
                                    std::to_string(block.header.epoch)};
  }
  // What a sink did not take is taken back by the blocks behind it.
  if (block.header.through < last.through && !block.commit.has_value()) {
    return Status{Code::invalid_argument,
                  "an ack through " + std::to_string(block.header.through) + " came after one through " +
                      std::to_string(last.through)};
  }
  const uint8_t width = acklog::id_width(block.ids);
  const uint64_t length = acklog::block_bytes(block, width);
  if (!writer_.fits(length)) return rotate(block, length, width);
  put(block, width, length);
  return Appended::stored;
}

// With a transactional sink what counts is what that is known to have.
void AckLog::put(const AckBlock& block, uint8_t width, uint64_t length) {
  const uint8_t flags = block.clean_close ? acklog::kCleanClose : 0;
  const uint64_t at = writer_.put(block, width, length, flags, bounds());
  publish(at, block.commit.has_value() ? block.commit->through : block.header.through);
}

// The sync thread stores what is durable after the sync has returned; later is only more modest.
acklog::SegmentWriter::Bounds AckLog::bounds() const {
  return {durable_block_.load(std::memory_order_relaxed),
          oldest_segment_.load(std::memory_order_relaxed)};
}

void AckLog::publish(uint64_t offset, uint64_t through) {
  through_.store(through, std::memory_order_relaxed);
  // Pairs with published() in the sync thread: it finds the block, the ones before it and, after a
  // rotation, the link in memory.
  published_.store(writer_.identity().number << 32 | offset, std::memory_order_release);
}

AckLog::BlockAddress AckLog::published() const {
  const uint64_t word = published_.load(std::memory_order_acquire);
  return {static_cast<uint32_t>(word >> 32), static_cast<uint32_t>(word)};
}

// Seals the segment and begins the next: link, snapshot, then the block. Until the snapshot is there
// recovery takes the seal back, so that no state in between exists.
Result<AckLog::Appended> AckLog::rotate(const AckBlock& block, uint64_t length, uint8_t width) {
  const auto too_large = [&](uint64_t bytes) {
    return Status{Code::too_large, "an ack block and its snapshot need " + std::to_string(bytes) +
                                       " bytes; a segment has " +
                                       std::to_string(options_.segment_bytes)};
  };
  const uint64_t alone = kSegmentHeaderBytes + kBlockHeaderBytes + length + kSealBytes;
  if (alone > options_.segment_bytes) return too_large(alone);
  // Pairs with step_next(): the segment's memory is prepared.
  Segment* const next = ready_.load(std::memory_order_acquire);
  if (next == nullptr) return Appended::full;
  if (!provider_) {
    return Status{Code::invalid_argument, "an ack log needs a snapshot provider to rotate"};
  }
  snapshot_.header.reset();
  snapshot_.commit.reset();
  snapshot_.parked.clear();
  snapshot_.sources.clear();
  provider_(snapshot_);
  AckBlock snapshot;
  snapshot.header = snapshot_.header.value_or(writer_.last());
  snapshot.header.epoch = block.header.epoch;
  snapshot.commit = snapshot_.commit;
  std::erase_if(snapshot_.parked, [&](const Parked* parked) {
    return parked->sequence > snapshot.header.through;
  });
  snapshot.parked = snapshot_.parked;
  snapshot.sources = snapshot_.sources;
  const uint64_t snapshot_length = acklog::block_bytes(snapshot, 0);
  const uint64_t needed = kSegmentHeaderBytes + snapshot_length + length + kSealBytes;
  if (needed > next->bytes()) return too_large(needed);
  ready_.store(nullptr, std::memory_order_relaxed);

  writer_.seal(bounds());
  fault_point("rotate.sealed");
  // Direct: sync() keeps the order. Unsynced: stores keep it. In between, a mapping under a level that
  // syncs, the kernel may write this segment's pages before the other's.
  const uint64_t claims = !mapped() || !options_.synced
                              ? writer_.number()
                              : durable_block_.load(std::memory_order_relaxed);
  writer_.move_to(next->memory(), next->identity(), claims, bounds());
  fault_point("rotate.linked");
  writer_.put(snapshot, 0, snapshot_length, acklog::kSnapshot, bounds());
  fault_point("rotate.snapshot");
  put(block, width, length);
  return Appended::stored;
}

Status AckLog::poison(Status cause) {
  if (planted(Bug::sync_error_retried)) return cause;
  cause_ = {Code::poisoned, "the ack log could not be made durable and takes no more until the "
                            "stream is opened again: " + cause.message()};
  return cause;
}

uint64_t AckLog::sealed_end([[maybe_unused]] const Live& live) const {
  // Only the oldest is ever asked about; the one behind it names where it ended.
  assert(&live == &live_.front() && live_.size() > 1);
  return acklog::get_link(live_[1].segment->memory()).previous_end;
}

uint64_t AckLog::end_at(const Live& live, BlockAddress address) const {
  if (!holds(live, address)) return sealed_end(live);
  if (address.offset == 0) return live.written;
  return address.offset + uint64_t{acklog::view(live.segment->memory() + address.offset).length};
}

void AckLog::fix_target() { target_ = published(); }

bool AckLog::has_room(const AckBlock& block) const {
  return fits(block) || ready_.load(std::memory_order_acquire) != nullptr;
}

bool AckLog::fits(const AckBlock& block) const {
  return writer_.fits(acklog::block_bytes(block, acklog::id_width(block.ids)));
}

Status AckLog::write_to_target() {
  if (!cause_.is_ok()) return cause_;
  // Only the oldest segment: the next one's turn comes when this one is durable (invariant 3).
  Live& front = live_.front();
  const uint64_t end = end_at(front, target_);
  if (end <= front.written) return Status::ok();
  if (Status status = front.segment->write(front.written, end); !status.is_ok()) {
    return poison(std::move(status));
  }
  front.written = end;
  return Status::ok();
}

Status AckLog::sync() {
  if (!cause_.is_ok()) return cause_;
  for (;;) {
    Live& front = live_.front();
    const bool last = holds(front, target_);
    const uint64_t end = end_at(front, target_);
    if (end > front.written) {
      if (Status status = front.segment->write(front.written, end); !status.is_ok()) {
        return poison(std::move(status));
      }
      front.written = end;
    }
    if (front.written > front.synced) {
      if (Status status = front.segment->sync(); !status.is_ok()) return poison(std::move(status));
      front.synced = front.written;
      const uint64_t offset = last ? target_.offset : end - kSealBytes;
      if (offset != 0) publish_durable(front.segment->memory() + offset);
    }
    if (last) {
      synced_.store(uint64_t{target_.segment} << 32 | target_.offset, std::memory_order_relaxed);
      return Status::ok();
    }
    retire_front();
  }
}

void AckLog::publish_durable(const uint8_t* at) {
  const acklog::BlockView block = acklog::view(at);
  durable_oldest_ = block.oldest_segment;
  durable_segment_ = live_.front().segment->number();
  if (const auto commit = acklog::commit_of(at); commit.has_value()) {
    show_durable(commit->through, commit->journal_position, commit->dead_letter_bytes);
  } else {
    const AckHeader& header = block.header;
    show_durable(header.through, header.journal_position, header.dead_letter_bytes);
  }
  durable_block_.store(block.number, std::memory_order_release);
}

void AckLog::show_durable(uint64_t through, uint64_t journal_position, uint64_t dead_letter_bytes) {
  durable_through_.store(through, std::memory_order_release);
  durable_journal_position_.store(journal_position, std::memory_order_release);
  durable_dead_letter_bytes_.store(dead_letter_bytes, std::memory_order_release);
}

// The oldest live segment is sealed and needs no more writing: from now on it is only a file.
void AckLog::retire_front() {
  Live& front = live_.front();
  const uint8_t* seal = front.segment->memory() + sealed_end(front) - kSealBytes;
  retired_.push_back({front.segment->number(), acklog::view(seal).header.time_us});
  if (!mapped()) windows_.push_back(front.segment->take_window());
  live_.pop_front();
}

// Under a level without syncs what is published is as durable as it gets.
void AckLog::retire_sealed() {
  const BlockAddress address = published();
  while (!holds(live_.front(), address)) retire_front();
  target_ = address;
  durable_segment_ = live_.front().segment->number();
  if (address.offset != 0) {
    durable_oldest_ = acklog::view(live_.front().segment->memory() + address.offset).oldest_segment;
  }
}

Status AckLog::maintain(uint64_t now_us, uint64_t forgotten_us) {
  if (!cause_.is_ok()) return cause_;
  if (!options_.synced) retire_sealed();
  expire(now_us, forgotten_us);
  SEMEL_TRY(delete_expired());
  if (!maintenance_pending()) return Status::ok();
  if (next_ == nullptr) SEMEL_TRY(begin_next());
  return step_next();
}

Status AckLog::check() const {
  for (const Live& live : live_) SEMEL_TRY(live.segment->check());
  return Status::ok();
}

bool AckLog::maintenance_pending() const {
  if (ready_.load(std::memory_order_relaxed) != nullptr) return false;
  // Direct: two windows, so the next segment is made when only one is in use.
  return live_.size() < (mapped() ? kLiveSegmentsMax : 2);
}

uint64_t AckLog::bytes_left() const {
  const BlockAddress address = published();
  for (const Live& live : live_) {
    if (holds(live, address)) return live.segment->bytes() - end_at(live, address);
  }
  return 0;
}

void AckLog::expire(uint64_t now_us, uint64_t forgotten_us) {
  uint64_t oldest = oldest_segment_.load(std::memory_order_relaxed);
  for (const acklog::SealedSegment& one : retired_) {
    if (one.number < oldest) continue;
    const bool inside = options_.window_us != 0 && one.time_us >= forgotten_us &&
                        (now_us <= one.time_us || now_us - one.time_us <= options_.window_us);
    if (inside || one.number >= durable_segment_) break;
    oldest = one.number + 1;
  }
  // The worker names it in its next block; when that block is durable the files may go.
  oldest_segment_.store(oldest, std::memory_order_relaxed);
}

Status AckLog::delete_expired() {
  if (retired_.empty() || retired_.front().number >= durable_oldest_) return Status::ok();
  while (!retired_.empty() && retired_.front().number < durable_oldest_) {
    SEMEL_TRY(options_.storage->remove(options_.directory + "/" +
                                       acklog::segment_name(retired_.front().number)));
    retired_.pop_front();
    fault_point("expire.removed");
  }
  return options_.storage->sync_directory(options_.directory);
}

Status AckLog::begin_next() {
  Window window;
  if (!mapped()) {
    if (!windows_.empty()) {
      window = std::move(windows_.back());
      windows_.pop_back();
    }
    if (window.bytes() < options_.segment_bytes) {
      auto made = Window::make(options_.segment_bytes);
      if (!made.is_ok()) return made.status();
      window = std::move(made.value());
    }
  }
  const Identity identity{live_.back().segment->number() + 1, options_.segment_bytes, random(),
                          options_.directory_salt};
  next_ = std::make_unique<acklog::NextSegment>(*options_.storage, options_.directory, identity,
                                                std::move(window), mapped(), options_.synced,
                                                nullptr);
  return Status::ok();
}

Status AckLog::step_next() {
  if (Status status = next_->step(); !status.is_ok()) {
    Window window = next_->take_window();
    if (window.image != nullptr) windows_.push_back(std::move(window));
    next_.reset();
    return status;
  }
  if (!next_->done()) return Status::ok();
  live_.push_back({next_->take(), 0, 0});
  next_.reset();
  // Pairs with rotate().
  ready_.store(live_.back().segment.get(), std::memory_order_release);
  return Status::ok();
}

}  // namespace semel
