#include "shard/kept_levels.h"

#include <utility>

namespace semel {

Result<uint64_t> ProcessLevel::write_letter(const DeadLetter& letter) {
  auto number = letters_.append_letter(letter);
  if (number.is_ok()) fault_point("commit.letter-written");
  return number;
}

Status ProcessLevel::resolve_letter(uint64_t number, DeadLetters::How how, uint64_t time_us) {
  if (!letters_.contains_open(number)) return Status::ok();
  return letters_.append_resolved(number, how, time_us);
}

AckHeader ProcessLevel::completed(AckHeader header) const {
  header.journal_durable = durable_sequence();
  header.dead_letter_bytes = letters_.length();
  header.epoch = epoch_;
  return header;
}

bool ProcessLevel::has_room(AckBlock block) const {
  block.header = completed(block.header);
  return ack_log_.has_room(block);
}

Result<Committed> ProcessLevel::append(AckBlock block) {
  block.header = completed(block.header);
  auto appended = ack_log_.append(block);
  if (!appended.is_ok()) return appended.status();
  return appended.value() == AckLog::Appended::full ? Committed::full : Committed::done;
}

void ProcessLevel::committed(uint64_t position) {
  letters_.show(letters_.length());
  ring_.release(position);
}

// What the block says to be confirmed may go, now that the block says so. Where the level syncs that is the
// sync thread's to do, once the block is durable.
Result<Committed> PreparedLevel::append(AckBlock block) {
  const uint64_t confirmed = block.commit->journal_position;
  [[maybe_unused]] const uint64_t prepared = block.header.journal_position;
  auto appended = ProcessLevel::append(std::move(block));
  const bool done = appended.is_ok() && appended.value() == Committed::done;
  if (done && planted(Bug::ring_freed_at_prepare) && prepared > ring_.released()) {
    ring_.release(prepared);
  }
  if (done && durable_sequence_ == nullptr && confirmed > ring_.released()) ring_.release(confirmed);
  return appended;
}

}  // namespace semel
