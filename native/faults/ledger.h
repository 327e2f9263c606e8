// What is known outside of the stream: which messages were sent, and which of them got a receipt. It
// survives every crash, as a sender's own records do.
//
// A message is all in its id and the episode's seed: its key, its payload, and what the handler makes
// of it. So a payload that comes out can be compared with the one that must have gone in.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace semel::faults {

enum class Kind : uint8_t {
  plain,     // one effect
  filtered,  // none, and that is its end
  flaky,     // works at the third attempt
  poison,    // never works, and becomes a dead letter; sent again from there, it works
  row,       // was malformed at its source: a dead letter at once
};

struct Message {
  uint64_t id;
  uint32_t key;
  Kind kind;
  std::vector<uint8_t> payload;
};

struct Entry {
  uint32_t copies = 0;  // that were sent, under one id
  uint64_t first_us = 0;  // when the first of them was stored, and the last
  uint64_t last_us = 0;
  bool receipted = false;
  bool letter_retried = false;
  bool letter_dropped = false;
};

class Ledger {
 public:
  Ledger(uint64_t seed, uint32_t keys) : seed_(seed), keys_(keys), entries_(1) {}

  Message message(uint64_t id) const;
  // The id of a payload that is exactly what was sent; 0 for any other.
  uint64_t id_of(std::span<const uint8_t> payload) const;
  // Of a payload that need not be right otherwise.
  uint32_t key_of(std::span<const uint8_t> payload) const;

  uint64_t next_id() const { return next_id_; }
  uint64_t last_id() const { return entries_.size() - 1; }
  Entry& entry(uint64_t id) { return entries_[id]; }
  const Entry& entry(uint64_t id) const { return entries_[id]; }

  // A copy of `id` was taken as `sequence`.
  void sent(uint64_t id, uint64_t sequence, uint64_t now_us);
  // … and was not: the ring was full.
  void not_taken(uint64_t id);
  // Everything up to there has its receipt.
  void receipted(uint64_t sequence);
  // The stream has died: what has no receipt is unknown, and the sender's sequences are void.
  void crashed() { pending_.clear(); }
  // A source goes on behind `id`, and reads what came after it once more.
  void resume_source(uint64_t id) { next_id_ = id + 1; }

  uint64_t receipts() const { return receipts_; }
  uint64_t receipted_sequence() const { return receipted_sequence_; }

 private:
  struct Pending {
    uint64_t sequence;
    uint64_t id;
  };

  uint64_t hash(uint64_t id, uint64_t purpose) const;

  uint64_t seed_;
  uint32_t keys_;
  std::vector<Entry> entries_;  // by id
  uint64_t next_id_ = 1;
  std::deque<Pending> pending_;
  uint64_t receipts_ = 0;
  uint64_t receipted_sequence_ = 0;
};

}  // namespace semel::faults
