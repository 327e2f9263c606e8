#include "shard/file_locks.h"

#include <algorithm>

namespace semel {

Status FileLocks::take(uint32_t shard, const std::string& path) {
  auto identity = identify_file(path);
  if (!identity.is_ok()) return identity.status();
  std::lock_guard guard(mutex_);
  for (const auto& [holder, lock] : held_) {
    if (holder == shard && lock->identity() == identity.value()) return Status::ok();
  }
  auto lock = FileLock::take(path);
  if (!lock.is_ok()) return lock.status();
  held_.emplace_back(shard, std::move(lock.value()));
  return Status::ok();
}

void FileLocks::release(uint32_t shard, const std::string& path) {
  auto identity = identify_file(path);
  if (!identity.is_ok()) return;
  std::lock_guard guard(mutex_);
  std::erase_if(held_, [&](const auto& one) {
    return one.first == shard && one.second->identity() == identity.value();
  });
}

bool FileLocks::has(const std::string& path) const {
  auto identity = identify_file(path);
  if (!identity.is_ok()) return false;
  std::lock_guard guard(mutex_);
  return std::any_of(held_.begin(), held_.end(), [&](const auto& one) {
    return one.second->identity() == identity.value();
  });
}

void FileLocks::clear() {
  std::lock_guard guard(mutex_);
  held_.clear();
}

}  // namespace semel
