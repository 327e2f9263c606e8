// A shard's worker as the runtime has it (src/runtime/loop/shard-loop.ts), reduced to its decisions: poll,
// run the handler, park what fails with the later messages of its key behind it, write the outputs,
// commit. It keeps its own count of what it has polled, as the runtime does.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "faults/ledger.h"
#include "faults/sinks.h"
#include "shard/shard.h"

namespace semel::faults {

class Worker {
 public:
  struct Rules {
    bool flushes;           // outputs are flushed before their ack
    bool durable_only;      // no effect before its message is durable (I12)
    uint32_t attempts_max = 3;
    uint64_t retry_us = 2000;
    uint32_t history_bytes = 0;  // of a failure, beside its words
  };

  Worker(Shard& shard, Sink& sink, const Ledger& ledger, const Rules& rules)
      : shard_(shard), consumer_(shard.consumer()), rules_(rules), sink_(sink), ledger_(ledger) {}

  virtual ~Worker() = default;

  // Takes over from whoever was before, and brings the sink to the committed place. `is_first`: since the
  // shard was opened.
  virtual Status begin(bool is_first);
  virtual Status poll(uint32_t max, uint64_t now_us);
  // Ends up to `max` of the polled messages, and the parked ones that are due. What it could not
  // commit for want of room is committed by the next call.
  virtual Status finish(uint32_t max, uint64_t now_us);

  virtual bool has_commit_waiting() const { return waiting_; }
  virtual bool is_at_rest() const { return !waiting_; }
  uint64_t parked() const { return consumer_.parked().size(); }

 protected:
  struct Decision {
    Detail detail;
    std::string history;
    uint32_t key;
  };

  // Whether this attempt of the handler's fails.
  virtual bool fails(const Message& message, uint64_t sequence, uint32_t attempt, bool again);
  // Whether a message in flight, and so all behind it, is left for a later commit.
  virtual bool waits(const Slot&) const { return false; }
  // What the next commit ends: up to `max` in flight, and the parked ones that are due.
  Status draft(uint32_t max, uint64_t now_us);
  // They borrow from the draft.
  std::vector<Detail> details() const;

  Shard& shard_;
  Consumer& consumer_;
  const Rules rules_;
  uint64_t polled_ = 0;
  uint64_t committed_ = 0;
  std::set<uint32_t> held_back_;  // keys with a parked message that another commit deals with

  // The commit that is being made.
  uint32_t count_ = 0;
  std::vector<uint64_t> outputs_;
  std::vector<uint64_t> owners_;  // of the outputs, as sequences
  std::vector<Decision> decisions_;

 private:
  Status retry_due(uint64_t now_us);
  Status end(uint64_t sequence, uint64_t now_us);
  Status decide(uint64_t sequence, const Message& message, uint32_t attempt, bool again,
                uint64_t now_us);
  void park(uint64_t sequence, uint32_t key, uint32_t attempts, uint64_t due_us);
  Result<Message> message_of(std::span<const uint8_t> payload) const;
  Status write_and_commit();
  Status commit();

  Sink& sink_;
  const Ledger& ledger_;
  bool waiting_ = false;
  std::set<uint32_t> blocked_;  // keys with a parked message
  std::set<uint64_t> tried_;    // ids
};

}  // namespace semel::faults
