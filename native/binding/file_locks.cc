// The locks on the files that sinks write. Each takes a handle first.
#include "binding/arguments.h"
#include "binding/functions.h"

namespace semel::binding {
namespace {

// lockFile(handle, shard, path)
Napi::Value lock_file(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t shard = arguments.shard(local);
  const std::string path = arguments.text();
  if (!arguments.ok()) return {};
  const Status status = local->stream().file_locks().take(shard, path);
  if (!status.is_ok()) throw_status(info.Env(), status);
  return {};
}

// unlockFile(handle, shard, path)
Napi::Value unlock_file(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t shard = arguments.shard(local);
  const std::string path = arguments.text();
  if (arguments.ok()) local->stream().file_locks().release(shard, path);
  return {};
}

// writesFile(handle, path): whether one of the stream's shards has it locked.
Napi::Value writes_file(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const std::string path = arguments.text();
  if (!arguments.ok()) return {};
  return Napi::Boolean::New(info.Env(), local->stream().file_locks().has(path));
}

}  // namespace

void export_file_locks(Napi::Env env, Napi::Object exports) {
  exports.Set("lockFile", Napi::Function::New(env, lock_file, "lockFile"));
  exports.Set("unlockFile", Napi::Function::New(env, unlock_file, "unlockFile"));
  exports.Set("writesFile", Napi::Function::New(env, writes_file, "writesFile"));
}

}  // namespace semel::binding
