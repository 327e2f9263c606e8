// One partition of the key space: ring, dedup index, ack log, dead letters, composed.
//
// Threads: open() and close() by the ingest thread, while there is neither a worker nor a sync thread;
// in between intake() by the ingest thread, consumer() by the shard's worker, sync_group() and maintain()
// by the sync thread. They share the ring's two indices, the durable positions, and what their headers
// give to anyone; status() is for anyone.
//
// What the stream's options decide is decided once, in choose_strategies(): the level, the frames' layout,
// and whether there is an index.
//
// A group is made durable in this order (I1, I12): which acks there are is fixed first, then the
// journal up to its tail, then those acks. So no ack is on disk whose message is not.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "acklog/ack_log.h"
#include "core/clock.h"
#include "core/region.h"
#include "deadletters/dead_letters.h"
#include "dedup/dedup.h"
#include "ring/journal.h"
#include "shard/consumer.h"
#include "shard/doorbell.h"
#include "shard/id_index.h"
#include "shard/intake.h"
#include "shard/kept_levels.h"
#include "shard/layout.h"
#include "shard/level.h"
#include "shard/manifest.h"
#include "shard/options.h"
#include "shard/replies.h"
#include "shard/source_offsets.h"

namespace semel {

// What a recovery found, for reports.
struct ShardRecovery {
  uint64_t redelivered = 0;      // stored, not yet done
  uint64_t journal_cut = 0;      // bytes zeroed behind the last valid frame; 0 after a clean close
  uint64_t ack_torn = 0;         // bytes cut from the ack log
  std::string torn_copy;         // where they were kept
  uint64_t time_us = 0;          // of the newest stored message
};

struct ShardStatus {
  uint64_t stored = 0;
  uint64_t durable = 0;
  uint64_t ended = 0;  // done or parked, as durably as the level makes it
  ConsumerCounters consumer;
};

class Shard {
 public:
  // Opens the shard's files and recovers what they hold; with Durability::memory there are none. Where
  // they must exist a missing one is damage, else it is made. Where the sink is transactional, `answer` is
  // what it said of this shard.
  static Result<std::unique_ptr<Shard>> open(Storage& storage, const StreamOptions& options,
                                             const Manifest& manifest, uint32_t index,
                                             bool must_exist, const SinkAnswer& answer = {});

  Intake& intake() { return *intake_; }
  Consumer& consumer() { return *consumer_; }
  Ring& ring() { return *ring_; }
  Replies& replies() { return *replies_; }
  // Null at memory. Reading it is safe beside the worker, who alone writes it.
  DeadLetters* dead_letters() { return dead_letters_.get(); }
  const DeadLetters* dead_letters() const { return dead_letters_.get(); }
  std::span<uint8_t> ring_memory() const { return ring_memory_; }
  const ShardRecovery& recovery() const { return recovery_; }
  uint32_t epoch() const { return epoch_; }
  // Offsets of the source up to which this shard has stored: committed ones and those in the journal.
  const std::vector<SourceOffset>& stored_sources() const { return stored_sources_.list(); }

  // The highest sequence that has reached the stream's level, or a memory that has no level.
  uint64_t durable_sequence() const {
    return syncs_ && has_journal_ ? durable_sequence_.load(std::memory_order_acquire)
                  : intake_->published_sequence();
  }
  // Frames before this position have been synced, perhaps more than durable_sequence() tells.
  uint64_t durable_position() const { return durable_position_.load(std::memory_order_acquire); }
  // Every message up to here is done or parked, as durably as the level makes it.
  uint64_t ended_through() const {
    return syncs_ && !transactional_ ? ack_log_->durable_through() : consumer_->through();
  }
  // Answers up to here may be told: their commits are durable.
  uint64_t replies_through() const {
    return syncs_ && !transactional_ ? durable_replies_.load(std::memory_order_acquire)
                                     : replies_->tail();
  }
  bool compact() const { return compact_; }
  // Whether the worker sees frames only once they are synced.
  bool waits_for_durable() const { return waits_for_durable_; }
  bool has_unsynced() const;
  // Whether every commit so far is as durable as the level makes it.
  bool acks_durable() const { return !syncs_ || !ack_log_->has_unsynced(); }

  // One group to stable storage, with the doorbell rung for who waits on it. Where `failed` is raised
  // meanwhile, nothing of it shows.
  Status sync_group(const std::atomic<bool>* failed = nullptr);
  // Segments ahead and behind; not on a message's way.
  Status maintain(uint64_t now_us);
  // Whether the files that it has open are still there, in their whole length.
  Status check() const;
  bool maintenance_pending() const;

  // Acks what was committed as a clean close, durably where the level says so. The sync thread and
  // the worker have ended.
  Status close();

  ShardStatus status() const;

  Doorbell* doorbell = nullptr;  // of the worker that this shard belongs to

 private:
  Shard() = default;
  Status open_files(Storage& storage, const StreamOptions& options, const Manifest& manifest,
                    uint32_t index, bool must_exist, const SinkAnswer& answer);
  void restore_ids(const RecoveredIds& block);
  Status open_journal_file(Storage& storage, const StreamOptions& options, const Manifest& manifest,
                           const JournalIdentity& identity, Writer writer);
  Status recover_journal(const AckRecovered& acked, const StreamOptions& options,
                         JournalScan* scan);
  // From here on messages are in memory alone; nothing may be left in a journal.
  Status leave_journal(const StreamOptions& options, const AckRecovered& acked,
                       const JournalScan& scan);
  Status sync_journal(const std::atomic<bool>* failed);
  Status compose(const StreamOptions& options, const JournalScan& scan, AckRecovered& acked);
  void choose_strategies(const StreamOptions& options);
  void note_asked(const uint8_t* frame, uint64_t meta);
  bool is_short_of_space() const;

  bool compact_ = false;
  bool syncs_ = false;
  bool has_journal_ = true;
  bool transactional_ = false;
  bool waits_for_durable_ = false;
  uint32_t epoch_ = 1;
  uint32_t seed_ = 0;
  std::unique_ptr<Region> journal_;
  std::span<uint8_t> ring_memory_;
  std::unique_ptr<AckLog> ack_log_;
  std::unique_ptr<DeadLetters> dead_letters_;
  std::unique_ptr<Dedup> dedup_;
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<Replies> replies_;
  std::unique_ptr<Level> level_;
  PreparedLevel* prepared_ = nullptr;  // the same, where the sink is transactional
  std::unique_ptr<Layout> layout_;
  std::unique_ptr<IdIndex> ids_;
  std::unique_ptr<Consumer> consumer_;
  ShardRecovery recovery_;
  SourceOffsets stored_sources_;
  uint64_t tries_space_us_ = 0;  // where the disk had no room for the next segment: when to try again

  // Written by the sync thread.
  alignas(kCacheLinePair) std::atomic<uint64_t> durable_position_{0};
  std::atomic<uint64_t> durable_sequence_{0};
  std::atomic<uint64_t> durable_replies_{0};
};

}  // namespace semel
