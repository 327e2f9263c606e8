#include "faults/ledger.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"

namespace semel::faults {
namespace {

constexpr uint64_t kFixedBytes = 8;
constexpr uint64_t kShortBytes = 120;
constexpr uint64_t kLongBytes = 3000;  // over several sectors

uint64_t spread(uint64_t value) {
  value += 0x9E3779B97F4A7C15ull;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
  return value ^ (value >> 31);
}

Kind kind_of(uint64_t drawn) {
  if (drawn % 100 < 87) return Kind::plain;
  if (drawn % 100 < 90) return Kind::filtered;
  if (drawn % 100 < 95) return Kind::flaky;
  return drawn % 100 < 98 ? Kind::poison : Kind::row;
}

}  // namespace

uint64_t Ledger::hash(uint64_t id, uint64_t purpose) const {
  return spread(spread(seed_ ^ purpose) ^ id);
}

Message Ledger::message(uint64_t id) const {
  Message made{id, static_cast<uint32_t>(hash(id, 1) % keys_), kind_of(hash(id, 2)), {}};
  const uint64_t drawn = hash(id, 3);
  const uint64_t filler = drawn % 64 == 0 ? drawn / 64 % kLongBytes : drawn / 64 % kShortBytes;
  made.payload.resize(kFixedBytes + filler);
  store<uint64_t>(made.payload.data(), id);
  for (uint64_t at = 0; at < filler; at += 8) {
    const uint64_t word = hash(id, 4 + at);
    std::memcpy(made.payload.data() + kFixedBytes + at, &word, std::min<uint64_t>(8, filler - at));
  }
  return made;
}

uint32_t Ledger::key_of(std::span<const uint8_t> payload) const {
  if (payload.size() < kFixedBytes) return 0;
  return static_cast<uint32_t>(hash(load<uint64_t>(payload.data()), 1) % keys_);
}

uint64_t Ledger::id_of(std::span<const uint8_t> payload) const {
  if (payload.size() < kFixedBytes) return 0;
  const uint64_t id = load<uint64_t>(payload.data());
  if (id == 0 || id >= entries_.size()) return 0;
  const Message meant = message(id);
  return std::ranges::equal(meant.payload, payload) ? id : 0;
}

void Ledger::sent(uint64_t id, uint64_t sequence, uint64_t now_us) {
  if (id == entries_.size()) entries_.push_back({});
  next_id_ = std::max(next_id_, id + 1);
  Entry& entry = entries_[id];
  if (entry.copies++ == 0) entry.first_us = now_us;
  entry.last_us = now_us;
  pending_.push_back({sequence, id});
}

void Ledger::not_taken(uint64_t id) {
  pending_.pop_back();
  Entry& entry = entries_[id];
  if (--entry.copies == 0) entry.first_us = 0;
  if (next_id_ == id + 1) next_id_ = id;
}

void Ledger::receipted(uint64_t sequence) {
  receipted_sequence_ = std::max(receipted_sequence_, sequence);
  while (!pending_.empty() && pending_.front().sequence <= sequence) {
    Entry& entry = entries_[pending_.front().id];
    receipts_ += entry.receipted ? 0 : 1;
    entry.receipted = true;
    pending_.pop_front();
  }
}

}  // namespace semel::faults
