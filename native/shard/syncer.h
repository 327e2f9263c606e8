// The native thread that makes groups durable and keeps ack-log segments ahead and behind.
//
//   disk      one group after another: at once when idle, a pause between groups under load, since on
//             few cores the sync thread competes with the hot ones
//   interval  one group every interval
//   process   no syncs; segments only
//
// The first failed sync ends it for good (I9): Linux marks the failed pages clean, so a second try
// would succeed without the data.
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
  Syncer(std::vector<Shard*> shards, const StreamOptions& options, const StreamClock& clock,
         std::function<void()> on_group);
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

  bool failed() const { return failed_.load(std::memory_order_acquire); }
  // The cause, once failed.
  Status failure() const;

 private:
  void run();
  Status round(bool* worked, bool* maintaining);
  bool has_work() const;
  void pause();

  const std::vector<Shard*> shards_;
  const Durability durability_;
  const uint64_t pause_us_;
  const StreamClock& clock_;
  const std::function<void()> on_group_;
  Doorbell doorbell_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> hurried_{false};
  std::atomic<bool> failed_{false};
  mutable std::mutex failure_mutex_;
  Status failure_;
  std::thread thread_;
};

}  // namespace semel
