#include "binding/environment.h"

#include <utility>

namespace semel::binding {

Registry& Registry::instance() {
  // Never destroyed: threads may still be running when the process's statics are.
  static Registry* registry = new Registry();
  return *registry;
}

uint32_t Registry::add(std::shared_ptr<StreamEntry> entry) {
  std::lock_guard guard(mutex_);
  entries_[next_] = std::move(entry);
  return next_++;
}

std::shared_ptr<StreamEntry> Registry::find(uint32_t handle) {
  std::lock_guard guard(mutex_);
  const auto at = entries_.find(handle);
  return at == entries_.end() ? nullptr : at->second;
}

void Registry::remove(uint32_t handle) {
  std::lock_guard guard(mutex_);
  entries_.erase(handle);
}

Environment::Environment(Napi::Env env) : env_(env) {
  napi_add_env_cleanup_hook(env_, abandon_streams, this);
}

Environment::~Environment() { napi_remove_env_cleanup_hook(env_, abandon_streams, this); }

void Environment::abandon_streams(void* self) {
  auto* environment = static_cast<Environment*>(self);
  for (auto& [handle, local] : environment->streams_) {
    if (!local->owner) continue;
    // Not a clean close: what is stored stays stored, and the next open recovers it.
    local->stream().abandon();
    Registry::instance().remove(handle);
  }
}

LocalStream& Environment::add(uint32_t handle, std::shared_ptr<StreamEntry> entry) {
  auto local = std::make_unique<LocalStream>(std::move(entry));
  local->views.resize(local->stream().shard_count());
  LocalStream& added = *local;
  streams_[handle] = std::move(local);
  return added;
}

LocalStream* Environment::find(uint32_t handle) {
  if (handle == last_handle_ && last_ != nullptr) return last_;
  const auto at = streams_.find(handle);
  if (at == streams_.end()) return nullptr;
  last_handle_ = handle;
  last_ = at->second.get();
  return last_;
}

void Environment::remove(uint32_t handle) {
  last_ = nullptr;
  last_handle_ = 0;
  streams_.erase(handle);
}

}  // namespace semel::binding
