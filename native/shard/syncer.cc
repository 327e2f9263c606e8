#include "shard/syncer.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "core/faults.h"

namespace semel {
namespace {

// How long the thread sleeps where nothing wakes it: segments are looked after this often.
constexpr uint64_t kIdleUs = 20'000;

}  // namespace

Syncer::Syncer(std::vector<Shard*> shards, const StreamOptions& options, const StreamClock& clock,
               std::function<void()> on_group)
    : shards_(std::move(shards)),
      durability_(options.durability),
      pause_us_(options.durability == Durability::interval ? options.interval_us
                                                           : options.group_pause_us),
      clock_(clock),
      on_group_(std::move(on_group)),
      thread_([this] { run(); }) {}

void Syncer::stop() {
  stopping_.store(true, std::memory_order_release);
  doorbell_.ring();
  if (thread_.joinable()) thread_.join();
}

Status Syncer::failure() const {
  std::lock_guard guard(failure_mutex_);
  return failure_;
}

bool Syncer::has_work() const {
  if (stopping_.load(std::memory_order_acquire)) return true;
  for (const Shard* shard : shards_) {
    if (shard->has_unsynced()) return true;
  }
  return false;
}

// Until the next group's time, or until somebody can't wait for it.
void Syncer::pause() {
  const uint64_t until = monotonic_us() + pause_us_;
  for (uint64_t now = monotonic_us(); now < until; now = monotonic_us()) {
    const auto called = [this] {
      return stopping_.load(std::memory_order_acquire) || hurried_.load(std::memory_order_acquire);
    };
    if (called()) return;
    doorbell_.park(until - now, called);
  }
}

Status Syncer::round(bool* worked, bool* maintaining) {
  *worked = false;
  *maintaining = false;
  for (Shard* shard : shards_) {
    if (shard->has_unsynced()) {
      SEMEL_TRY(shard->sync_group());
      *worked = true;
    }
    SEMEL_TRY(shard->maintain(clock_.now_us()));
    *maintaining |= shard->maintenance_pending();
  }
  return Status::ok();
}

void Syncer::run() {
#ifdef __linux__
  ::pthread_setname_np(::pthread_self(), "semel-sync");
#endif
  while (!stopping_.load(std::memory_order_acquire)) {
    hurried_.store(false, std::memory_order_relaxed);
    bool worked = false;
    bool maintaining = false;
    if (Status status = round(&worked, &maintaining);
        !status.is_ok() && !planted(Bug::sync_error_retried)) {
      {
        std::lock_guard guard(failure_mutex_);
        const bool full = status.code() == Code::no_space;
        failure_ = {full ? Code::no_space : Code::poisoned, status.message() +
                                        "; nothing is acknowledged any more: mend the cause, then "
                                        "open the stream again"};
      }
      failed_.store(true, std::memory_order_release);
      for (Shard* shard : shards_) shard->doorbell->ring();
      on_group_();
      return;
    }
    if (worked) on_group_();
    if (maintaining && !stopping_.load(std::memory_order_acquire)) {
      // A segment is being made, a step a round, so that groups go on in between.
      continue;
    }
    if (durability_ == Durability::interval) {
      pause();
    } else if (worked && has_work()) {
      std::this_thread::sleep_for(std::chrono::microseconds(pause_us_));
    } else {
      doorbell_.park(kIdleUs, [this] { return durability_ == Durability::disk && has_work(); });
    }
  }
}

}  // namespace semel
