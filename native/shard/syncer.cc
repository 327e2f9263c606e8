#include "shard/syncer.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "core/faults.h"

namespace semel {
namespace {

// How long the thread sleeps where nothing wakes it: segments and files are looked after this often.
constexpr uint64_t kIdleUs = 20'000;

}  // namespace

Syncer::Syncer(std::vector<Shard*> shards, const StreamOptions& options, const StreamClock& clock,
               std::function<Status()> check_directory, std::function<void()> on_group)
    : shards_(std::move(shards)),
      durability_(options.durability),
      pause_us_(options.durability == Durability::interval ? options.interval_us
                                                           : options.group_pause_us),
      clock_(clock),
      check_directory_(std::move(check_directory)),
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

void Syncer::fail(const Status& cause) {
  {
    std::lock_guard guard(failure_mutex_);
    if (failed_.load(std::memory_order_relaxed)) return;
    failure_ = {cause.code() == Code::no_space ? Code::no_space : Code::poisoned,
                cause.message() + "; nothing is acknowledged until the stream is opened again"};
    failed_.store(true, std::memory_order_release);
  }
  for (Shard* shard : shards_) shard->doorbell->ring();
  on_group_();
}

Status Syncer::check_files() {
  const uint64_t now_us = monotonic_us();
  if (now_us - checked_us_ < kIdleUs) return Status::ok();
  checked_us_ = now_us;
  for (const Shard* shard : shards_) SEMEL_TRY(shard->check());
  return Status::ok();
}

Status Syncer::round(bool* worked, bool* maintaining) {
  *worked = false;
  *maintaining = false;
  SEMEL_TRY(check_directory_());
  SEMEL_TRY(check_files());
  for (Shard* shard : shards_) {
    if (shard->has_unsynced()) {
      SEMEL_TRY(shard->sync_group(&failed_));
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
  while (!stopping_.load(std::memory_order_acquire) && !failed()) {
    hurried_.store(false, std::memory_order_relaxed);
    bool worked = false;
    bool maintaining = false;
    if (Status status = round(&worked, &maintaining);
        !status.is_ok() && !planted(Bug::sync_error_retried)) {
      fail(status);
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
