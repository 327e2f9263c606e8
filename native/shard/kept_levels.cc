#include "shard/kept_levels.h"

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

void ProcessLevel::complete(AckBlock& block) const {
  block.header.journal_durable = durable_sequence();
  block.header.dead_letter_bytes = letters_.length();
  block.header.epoch = epoch_;
}

bool ProcessLevel::has_room(AckBlock block) const {
  complete(block);
  return ack_log_.has_room(block);
}

Result<Committed> ProcessLevel::append(AckBlock block) {
  complete(block);
  auto appended = ack_log_.append(block);
  if (!appended.is_ok()) return appended.status();
  return appended.value() == AckLog::Appended::full ? Committed::full : Committed::done;
}

void ProcessLevel::committed(uint64_t position) {
  letters_.show(letters_.length());
  ring_.release(position);
}

}  // namespace semel
