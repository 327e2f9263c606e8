// The shard's record of what is done: up to which sequence, with which ids, which messages are parked.
// Segments of checksummed blocks; the bytes are in FORMAT.md.
//
// Threads: append() belongs to the shard's worker; write(), sync() and maintain() to the sync thread
// (which may be the worker itself); set_snapshot() before the first append. The accessors below
// `any thread` are for all.
//
// Invariants:
//  1. A block is seen by recovery whole, with every block before it, or not at all.
//  2. durable_*() never run ahead of what a sync has returned for. After a failed write or sync they
//     never move again (I9), and the log writes, syncs and deletes nothing more: that call returns the
//     failure, and write_to_target(), sync() and maintain() return Code::poisoned from then on. All else
//     may still be called. append() does not look at it: it takes blocks into memory as long as there is
//     room in segments that were made before; whoever acknowledges goes by durable_*(). A maintain() that
//     fails poisons nothing.
//  3. Under the direct writer no byte of a segment reaches its file before all of the segment before
//     it is durable; a segment's link says so, which makes a hole before it damage.
//  4. A segment is deleted only when its newest id is older than the window, a later segment's
//     snapshot is durable, and a durable block says that the segment is no longer needed: so a
//     missing file is always found.
//  5. append() allocates nothing, makes no system call and meets no full disk: the next segment has
//     been reserved, filled and touched before it is offered.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "acklog/ack_types.h"
#include "acklog/chain.h"
#include "acklog/segment.h"
#include "acklog/segment_writer.h"
#include "core/region.h"
#include "core/status.h"
#include "core/storage.h"

namespace semel {

class AckLog {
 public:
  struct Options {
    Storage* storage = nullptr;
    std::string directory;
    Writer writer = Writer::mapped;
    // The level syncs (`disk`, `{interval}`): what no sync has covered may be lost in any order, and
    // blocks claim only what has been synced. Required for the direct writer. Without it blocks claim
    // all before them, which holds for the death of the process and not for that of the machine.
    bool synced = false;
    uint64_t segment_bytes = 16 * 1024 * 1024;  // a multiple of 4096 from 64 KiB to 1 GiB
    uint64_t window_us = 0;       // how long ids must be kept; 0: not at all
    uint64_t directory_salt = 0;  // of the stream's directory; files of another are refused
    bool must_exist = false;      // the directory has had a log: finding none is damage
    std::optional<SinkAnswer> answer;  // of a transactional sink, where there is one
    std::function<uint64_t()> random;  // for salts; empty: the system's
  };
  using Recovered = AckRecovered;

  // Everything that is parked and every source offset, as of the last append() that was stored and
  // counts: the block now being appended is not in it. Called by append() when it moves to the next
  // segment; with a transactional sink only where the sink has everything (fits()). Parked messages
  // behind its `through` are left out, since the block may have brought them.
  using SnapshotProvider = std::function<void(AckSnapshot& snapshot)>;

  // Creates or recovers. Code::damaged and Code::format leave the files as they are.
  static Result<std::unique_ptr<AckLog>> open(const Options& options, Recovered* recovered,
                                              const IdVisitor& visitor);
  // Reads, and changes nothing: no cut, no copy, no new epoch. Beside a running stream it may see the
  // tail as torn.
  static Result<Recovered> inspect(const Options& options, const IdVisitor& visitor);

  ~AckLog();
  AckLog(const AckLog&) = delete;
  AckLog& operator=(const AckLog&) = delete;

  void set_snapshot(SnapshotProvider provider) { provider_ = std::move(provider); }

  // What the owner counts when it bounds parked messages: a snapshot takes parked_bytes() for each,
  // 24 for each source, and must leave room for one block. Half a segment is safe.
  static uint64_t parked_bytes(const Parked& parked);

  // Worker.
  enum class Appended { stored, full };
  // full: the next segment is not ready; wait and try again with the same block. Code::too_large: the
  // block (with the snapshot, where one is due) is larger than a segment; Code::fenced: its epoch is
  // older than the log's; Code::invalid_argument: `through` falls, and nothing was taken back that a
  // sink did not confirm. Nothing was written then.
  Result<Appended> append(const AckBlock& block);

  // Sync thread.
  void fix_target();         // what has been appended by now is what the next sync() will cover
  Status write_to_target();  // … goes on its way (direct)
  Status write() { fix_target(); return write_to_target(); }
  Status sync();             // what the next sync() covers is durable
  // One step of what keeps rotation off the worker's way: makes the next segment, deletes old ones.
  // Ids of blocks from before `forgotten_us` are not known any more, whatever the window. Code::no_space
  // leaves the log in order; append() goes on until the segment is full.
  Status maintain(uint64_t now_us, uint64_t forgotten_us = 0);
  bool maintenance_pending() const;  // call maintain() again soon
  uint64_t bytes_left() const;       // in the segment that blocks go to
  uint64_t segment_bytes() const { return options_.segment_bytes; }
  Status check() const;  // whether the segments in use are still there, in their whole length

  bool has_unsynced() const {
    return published_.load(std::memory_order_acquire) != synced_.load(std::memory_order_relaxed);
  }

  // Worker: the number of the last block.
  uint64_t last_block() const { return writer_.number(); }
  // Worker: whether append() would find room for this block, and so not answer `full`.
  bool has_room(const AckBlock& block) const;
  // … in the segment that blocks go to, without a snapshot.
  bool fits(const AckBlock& block) const;

  // Any thread.
  uint64_t published_through() const { return through_.load(std::memory_order_acquire); }
  uint64_t durable_through() const { return durable_through_.load(std::memory_order_acquire); }
  uint64_t durable_journal_position() const {
    return durable_journal_position_.load(std::memory_order_acquire);
  }
  uint64_t durable_dead_letter_bytes() const {
    return durable_dead_letter_bytes_.load(std::memory_order_acquire);
  }
  uint64_t durable_block() const { return durable_block_.load(std::memory_order_acquire); }

 private:
  // A segment between being made and being sealed and durable.
  struct Live {
    std::unique_ptr<acklog::Segment> segment;
    uint64_t written = 0;
    uint64_t synced = 0;
  };
  // Where the last block begins. Packed into one word, so that one store publishes it.
  struct BlockAddress {
    uint32_t segment = 0;  // low half of its number
    uint32_t offset = 0;   // 0: no block yet
  };

  explicit AckLog(const Options& options) : options_(options), writer_(options.synced) {}

  Status recover(Recovered* recovered, const IdVisitor& visitor);
  Status begin_anew();
  Status prepare_all();
  Status keep_torn(const std::string& name, uint64_t offset, uint64_t bytes, std::string* copy);
  Status begin_next();
  Status step_next();
  Result<Appended> rotate(const AckBlock& block, uint64_t length, uint8_t width);
  acklog::SegmentWriter::Bounds bounds() const;
  void put(const AckBlock& block, uint8_t width, uint64_t length);
  void publish(uint64_t offset, uint64_t through);
  BlockAddress published() const;
  bool holds(const Live& live, BlockAddress address) const {
    return static_cast<uint32_t>(live.segment->number()) == address.segment;
  }
  uint64_t sealed_end(const Live& live) const;
  uint64_t end_at(const Live& live, BlockAddress address) const;
  void publish_durable(const uint8_t* block);
  void show_durable(uint64_t through, uint64_t journal_position, uint64_t dead_letter_bytes);
  void retire_front();
  void retire_sealed();
  void expire(uint64_t now_us, uint64_t forgotten_us);
  Status delete_expired();
  Status poison(Status cause);
  uint64_t random() const { return options_.random ? options_.random() : acklog::random_salt(); }
  bool mapped() const { return options_.writer == Writer::mapped; }

  const Options options_;

  // Worker.
  SnapshotProvider provider_;
  acklog::SegmentWriter writer_;
  AckSnapshot snapshot_;

  // From one thread to the other.
  alignas(kCacheLinePair) std::atomic<uint64_t> published_{0};
  std::atomic<uint64_t> through_{0};
  alignas(kCacheLinePair) std::atomic<uint64_t> durable_block_{0};
  std::atomic<uint64_t> durable_through_{0};
  std::atomic<uint64_t> durable_journal_position_{0};
  std::atomic<uint64_t> durable_dead_letter_bytes_{0};
  std::atomic<uint64_t> oldest_segment_{1};  // to be named by the next block
  std::atomic<acklog::Segment*> ready_{nullptr};

  // Sync thread.
  alignas(kCacheLinePair) std::atomic<uint64_t> synced_{0};  // what published_ was, once durable
  std::deque<Live> live_;  // oldest first; the last may be the ready one
  BlockAddress target_;    // what the next sync() covers
  uint64_t durable_segment_ = 0;   // where the last durable block is
  uint64_t durable_oldest_ = 1;    // what that block says
  std::deque<acklog::SealedSegment> retired_;  // files only, oldest first
  std::unique_ptr<acklog::NextSegment> next_;
  std::vector<acklog::Window> windows_;  // free ones
  Status cause_;
};

}  // namespace semel
