// What the addon keeps: streams, process-wide, by handle; and for each JavaScript environment (the
// main thread, every worker) the streams that it has touched and the buffers that it has registered.
//
// A stream lives as long as somebody can reach its memory: the registry, an environment, or a view of
// its ring in JavaScript. A worker that ends takes nothing with it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "shard/door.h"
#include "shard/stream.h"

namespace semel::binding {

// A worker's right to a shard: a newer attempt makes the older one void (I8).
struct ShardSeat {
  std::atomic<uint32_t> attempt{0};
};

struct StreamEntry {
  std::unique_ptr<Stream> stream;
  std::unique_ptr<ShardSeat[]> seats;
};

// Handles of open streams; a handle is never used again.
class Registry {
 public:
  static Registry& instance();
  uint32_t add(std::shared_ptr<StreamEntry> entry);
  std::shared_ptr<StreamEntry> find(uint32_t handle);
  void remove(uint32_t handle);

 private:
  std::mutex mutex_;
  std::map<uint32_t, std::shared_ptr<StreamEntry>> entries_;
  uint32_t next_ = 1;
};

// A stream as one environment sees it.
struct LocalStream {
  explicit LocalStream(std::shared_ptr<StreamEntry> shared)
      : entry(std::move(shared)), door(*entry->stream) {}

  const std::shared_ptr<StreamEntry> entry;
  bool owner = false;  // opened here
  Napi::ThreadSafeFunction notice;
  Door door;
  // What the door borrows: registered once, so that a call carries integers.
  Napi::ObjectReference staging;
  Napi::ObjectReference rows;
  // Views that were made, one a shard: V8 wants one ArrayBuffer for one piece of memory.
  std::vector<Napi::ObjectReference> views;
  // What keeps the stream's memory for them; each is deleted when its view goes.
  std::vector<std::shared_ptr<StreamEntry>*> holders;

  Stream& stream() { return *entry->stream; }
};

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  LocalStream& add(uint32_t handle, std::shared_ptr<StreamEntry> entry);
  // Null where there is no such stream, or it has been closed.
  LocalStream* find(uint32_t handle);
  void remove(uint32_t handle);

  Napi::FunctionReference error_class;
  // Directories that are locked, and their streams not open yet: until their sinks have been asked.
  std::map<uint32_t, std::unique_ptr<Stream>> openings;
  uint32_t last_opening = 0;
  // Directories that are locked while a repair asks their sinks, by numbers of the same kind.
  std::map<uint32_t, std::unique_ptr<DirectoryLock>> repairs;

 private:
  // Before the environment's thread-safe functions go: nobody may call them any more.
  static void abandon_streams(void* self);

  napi_env env_;
  std::map<uint32_t, std::unique_ptr<LocalStream>> streams_;
  uint32_t last_handle_ = 0;  // the one that was asked for last, for the hot calls
  LocalStream* last_ = nullptr;
};

}  // namespace semel::binding
