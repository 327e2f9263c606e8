// The native thread that makes groups durable and keeps ack-log segments ahead and behind.
//
//   disk      one group after another: at once when idle, a pause between groups under load, since on
//             few cores the sync thread competes with the hot ones
//   interval  one group every interval
//   process   no syncs; segments only
//
// The first failed sync ends it for good (I9): Linux marks the failed pages clean, so a second try
// would succeed without the data. So does a file that somebody has deleted or cut, and a directory that
// is no longer at its path: found within 20 ms, and at `interval` with the next group, since writing to what
// is deleted gives no error, and a path that leads elsewhere would bring segments into another stream's
// directory.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "shard/shard.h"

namespace semel {

class Syncer {
 public:
  // `on_group` is called on the sync thread after each group, and when it has failed.
  // `check_directory` tells whether the directory is still the one that was opened.
  Syncer(std::vector<Shard*> shards, const StreamOptions& options, const StreamClock& clock,
         std::function<Status()> check_directory, std::function<void()> on_group);
  ~Syncer() { stop(); }

  // There is something to sync, or a segment is missing; from any thread.
  void wake() { doorbell_.ring(); }
  // The same, and somebody waits for it: no pause goes before the next group.
  void hurry() {
    hurried_.store(true, std::memory_order_release);
    doorbell_.ring();
  }
  // Ends the thread after the group it is in. What is left unsynced is the caller's.
  void stop();

  // Something else has failed that no second try can mend. Any thread; the first cause stays.
  void fail(const Status& cause);

  bool failed() const { return failed_.load(std::memory_order_acquire); }
  // The cause, once failed.
  Status failure() const;

 private:
  void run();
  Status round(bool* worked, bool* maintaining);
  Status check_files();
  bool has_work() const;
  void pause();

  const std::vector<Shard*> shards_;
  const Durability durability_;
  const uint64_t pause_us_;
  const StreamClock& clock_;
  const std::function<Status()> check_directory_;
  const std::function<void()> on_group_;
  uint64_t checked_us_ = 0;  // when the files were last looked at
  Doorbell doorbell_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> hurried_{false};
  std::atomic<bool> failed_{false};
  mutable std::mutex failure_mutex_;
  Status failure_;
  std::thread thread_;
};

}  // namespace semel
