// An opened pipeline as the core knows it: a directory with its lock and manifest, shards, doorbells
// and the sync thread. Everything that must outlive a worker is here.
//
// Threads: open(), close() and the intakes (shard/door.h) by the ingest thread; a shard's consumer by its
// worker.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ticks.h"
#include "shard/file_locks.h"
#include "shard/manifest.h"
#include "shard/notice_flag.h"
#include "shard/shard.h"
#include "shard/syncer.h"

namespace semel {

class Stream {
 public:
  static Result<std::unique_ptr<Stream>> open(Storage& storage, StreamOptions options);
  // The same in two steps, where a transactional sink is to be asked in between: the directory is locked
  // and its manifest read; then the shards are opened, each with what the sink said of it.
  static Result<std::unique_ptr<Stream>> lock(Storage& storage, StreamOptions options);
  Status open_shards(std::span<const SinkAnswer> answers);
  ~Stream();

  // The history of the directory's commits: it is of the directory, and a copy has the same.
  uint64_t lineage() const { return manifest_.salt; }

  const StreamOptions& options() const { return options_; }
  const Manifest& manifest() const { return manifest_; }
  uint32_t shard_count() const { return static_cast<uint32_t>(shards_.size()); }
  Shard& shard(uint32_t index) { return *shards_[index]; }
  Doorbell& doorbell(uint32_t worker) { return doorbells_[worker]; }
  const StreamClock& clock() const { return *clock_; }
  HashKey hash_key() const { return manifest_.hash_key; }
  uint32_t shard_of(const Id& key) const {
    return static_cast<uint32_t>(mix(key) % shards_.size());
  }

  // For messages with neither key nor id: one shard after another. Ingest thread.
  uint64_t next_round() { return round_++; }

  // The ingest thread writes it.
  Stages& sender_stages() { return sender_stages_; }
  const TickScale& tick_scale() const { return tick_scale_; }

  // Publishes what the intake of `shard` has appended, and wakes who works on it.
  void publish(uint32_t shard);
  // Something was committed, or a segment is missing: wakes the sync thread.
  void wake_syncer() {
    if (syncer_ != nullptr) syncer_->wake();
  }
  void hurry_syncer() {
    if (syncer_ != nullptr) syncer_->hurry();
  }
  // Poisoned once a sync has failed.
  Status health() const;
  // Where `cause` is the file system's, no shard acknowledges anything from now on; how it is to be
  // told. Any thread.
  Status fail(const Status& cause);

  // Called when messages became durable, ring space came free, or the stream failed, if somebody
  // asked with want_notice(); once for each asking. From any thread.
  void set_notice(std::function<void()> notice);
  void want_notice() { notice_wanted_.want(); }
  void give_notice();

  // A small file of the directory, replaced as a whole and checked when read: "structures", "sources",
  // "offsets", and sink_box() of each shard, which is there once it has been put. Kept in memory too, for
  // workers; without a directory, there only. Any thread, one at a time for a name.
  Status put_file(const std::string& name, std::span<const uint8_t> content);
  std::vector<uint8_t> get_file(const std::string& name) const;
  // Another one behind each put_file(): whoever keeps what it has read of them asks this first. Any thread.
  uint64_t files_version() const { return files_version_.load(std::memory_order_acquire); }

  // Any thread. Held until the stream ends.
  FileLocks& file_locks() { return file_locks_; }

  // Ends the stream in order: the sync thread, a last group, a clean-close block for each shard.
  // Workers are gone by now. Idempotent.
  Status close();
  bool closed() const { return closed_; }
  // The owner is going without a close: stops the sync thread and the notices, and leaves the rest to
  // the next recovery.
  void abandon();

 private:
  Stream(Storage& storage, StreamOptions options)
      : storage_(storage), options_(std::move(options)) {}
  Status load_files();
  Status load_file_of_sinks(const std::string& name);
  bool is_file(const std::string& name) const;

  Storage& storage_;
  StreamOptions options_;
  Manifest manifest_;
  std::unique_ptr<DirectoryLock> lock_;
  FileLocks file_locks_;
  std::unique_ptr<StreamClock> clock_;
  std::unique_ptr<Doorbell[]> doorbells_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Syncer> syncer_;
  mutable std::mutex files_mutex_;
  std::map<std::string, std::vector<uint8_t>> files_;
  // Stored behind the content, which get_file() reads under the mutex: who sees it finds that or later.
  std::atomic<uint64_t> files_version_{0};
  std::mutex notice_mutex_;
  std::function<void()> notice_;
  NoticeFlag notice_wanted_;
  uint64_t round_ = 0;
  const TickScale tick_scale_;
  bool shards_made_ = false;  // every shard's files have been there: one that is missing is damage
  bool closed_ = false;
  // Apart from the flag that workers look at with each commit.
  alignas(kCacheLinePair) Stages sender_stages_;
};

}  // namespace semel
