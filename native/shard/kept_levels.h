// The levels that keep files: a commit is a block of the ack log, with the dead letters in front of it.
//
//   ProcessLevel  nothing is synced: the worker reclaims the ring, and letters show with their commit
//   SyncedLevel   `disk` and `interval`: the sync thread does both once the block is durable, and letters
//                 are synced before their block
//   DurableFirst  … and the worker sees only what is durable, since its sink can't be cut back (I12)
//   PreparedLevel a transactional sink has the last word: a block prepares a commit, and nothing shows or
//                 goes before the sink has it
//
// Ownership: everything is the shard's, and outlives the level.
#pragma once

#include <atomic>
#include <cstdint>

#include "acklog/ack_log.h"
#include "core/faults.h"
#include "ring/ring.h"
#include "shard/level.h"

namespace semel {

class ProcessLevel : public Level {
 public:
  ProcessLevel(Ring& ring, AckLog& ack_log, DeadLetters& letters, uint32_t epoch)
      : ring_(ring), letters_(letters), ack_log_(ack_log), epoch_(epoch) {}

  uint64_t visible() const override { return ring_.tail(); }
  bool delivers_again() const final { return true; }
  bool may_park() const final { return true; }

  bool has_open_letter(uint64_t number) const final { return letters_.contains_open(number); }
  Result<uint64_t> write_letter(const DeadLetter& letter) final;
  Status resolve_letter(uint64_t number, DeadLetters::How how, uint64_t time_us) final;
  Status secure_letters() override { return Status::ok(); }

  bool has_room(AckBlock block) const final;
  Result<Committed> append(AckBlock block) override;
  AckHeader completed(AckHeader header) const final;
  Stage append_stage(Stage) const final { return Stage::log; }
  void committed(uint64_t position) override;

 protected:
  // The highest sequence known synced; 0 where nothing is.
  virtual uint64_t durable_sequence() const { return 0; }

  Ring& ring_;
  DeadLetters& letters_;
  AckLog& ack_log_;

 private:
  const uint32_t epoch_;
};

class SyncedLevel : public ProcessLevel {
 public:
  // `durable_sequence` is written by the sync thread.
  SyncedLevel(Ring& ring, AckLog& ack_log, DeadLetters& letters, uint32_t epoch,
              const std::atomic<uint64_t>& durable_sequence)
      : ProcessLevel(ring, ack_log, letters, epoch), durable_sequence_(durable_sequence) {}

  Status secure_letters() final {
    return planted(Bug::letter_not_synced) ? Status::ok() : letters_.sync();
  }
  void committed(uint64_t position) final {
    if (planted(Bug::reclaim_before_ack)) ring_.release(position);
  }

 protected:
  uint64_t durable_sequence() const final {
    return durable_sequence_.load(std::memory_order_acquire);
  }

 private:
  const std::atomic<uint64_t>& durable_sequence_;
};

class DurableFirst final : public SyncedLevel {
 public:
  // `durable_position` too is written by the sync thread.
  DurableFirst(Ring& ring, AckLog& ack_log, DeadLetters& letters, uint32_t epoch,
               const std::atomic<uint64_t>& durable_sequence,
               const std::atomic<uint64_t>& durable_position)
      : SyncedLevel(ring, ack_log, letters, epoch, durable_sequence),
        durable_position_(durable_position) {}

  // Pairs with the release store of a group (Shard::sync_group).
  uint64_t visible() const override { return durable_position_.load(std::memory_order_acquire); }

 private:
  const std::atomic<uint64_t>& durable_position_;
};

class PreparedLevel final : public ProcessLevel {
 public:
  // `durable_sequence` is written by the sync thread; null where nothing syncs.
  PreparedLevel(Ring& ring, AckLog& ack_log, DeadLetters& letters, uint32_t epoch,
                const std::atomic<uint64_t>* durable_sequence)
      : ProcessLevel(ring, ack_log, letters, epoch), durable_sequence_(durable_sequence) {}

  Status secure_letters() final { return durable_sequence_ == nullptr ? Status::ok() : letters_.sync(); }
  Result<Committed> append(AckBlock block) final;
  void committed(uint64_t) final {}

  // Whether a block can be appended while commits are under way: a snapshot must not leave them out.
  bool fits(const AckBlock& block) const { return ack_log_.fits(block); }
  // The number of the block that was appended last.
  uint64_t last_block() const { return ack_log_.last_block(); }
  // Whether it is as safe as the level makes it.
  bool has_reached(uint64_t block) const {
    return durable_sequence_ == nullptr || ack_log_.durable_block() >= block ||
           planted(Bug::sent_before_reached);
  }
  uint64_t letters_length() const { return letters_.length(); }
  void show_letters(uint64_t length) { letters_.show(length); }
  Status cut_letters(uint64_t length) { return letters_.rewind(length); }

 protected:
  uint64_t durable_sequence() const final {
    return durable_sequence_ == nullptr ? 0 : durable_sequence_->load(std::memory_order_acquire);
  }

 private:
  const std::atomic<uint64_t>* const durable_sequence_;
};

}  // namespace semel
