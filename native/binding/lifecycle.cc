// Closing a stream, its small files, and its numbers.
#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/views.h"
#include "shard/inspect.h"

namespace semel::binding {
namespace {

// The stream's memory goes with it, and not when the garbage collector comes upon its views: they are
// empty from now on, every one of them. Those of other threads keep the memory that they show.
void release_views(napi_env env, LocalStream& local) {
  for (Napi::ObjectReference& views : local.views) {
    if (views.IsEmpty()) continue;
    for (const char* name : kViews) {
      // Where a view can't be taken away, its memory stays as long as it does.
      if (napi_detach_arraybuffer(env, views.Value().Get(name)) != napi_ok) return;
    }
  }
  for (std::shared_ptr<StreamEntry>* holder : local.holders) holder->reset();
  local.holders.clear();
}

// close(handle): idempotent for the library: a second call finds no stream.
Napi::Value close(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const uint32_t handle = arguments.u32();
  if (!arguments.ok()) return {};
  LocalStream* local = Environment::of(env).find(handle);
  if (local == nullptr || !local->owner) return {};
  const Status status = local->stream().close();
  local->notice.Release();
  release_views(env, *local);
  Registry::instance().remove(handle);
  Environment::of(env).remove(handle);
  if (!status.is_ok()) throw_status(env, status);
  return {};
}

// keepAlive(handle, on): whether a pending notice keeps the process alive.
Napi::Value keep_alive(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const bool on = arguments.boolean();
  if (!arguments.ok() || !local->owner) return {};
  if (on) {
    local->notice.Ref(info.Env());
  } else {
    local->notice.Unref(info.Env());
  }
  return {};
}

// A worker lets go of a stream that it has attached to.
Napi::Value detach(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t handle = arguments.u32();
  if (!arguments.ok()) return {};
  LocalStream* local = Environment::of(info.Env()).find(handle);
  if (local != nullptr && !local->owner) Environment::of(info.Env()).remove(handle);
  return {};
}

void set_counters(Napi::Object& into, const Counters& counters) {
  into.Set("processed", static_cast<double>(counters.processed));
  into.Set("filtered", static_cast<double>(counters.filtered));
  into.Set("duplicate", static_cast<double>(counters.duplicate));
  into.Set("late", static_cast<double>(counters.late));
  into.Set("deadLettered", static_cast<double>(counters.dead_lettered));
  into.Set("dropped", static_cast<double>(counters.dropped));
}

// status(handle, shard)
Napi::Value status(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  if (!arguments.ok()) return {};
  const ShardStatus seen = local->stream().shard(index).status();
  Napi::Object result = Napi::Object::New(env);
  set_counters(result, seen.consumer.outcomes);
  result.Set("stored", static_cast<double>(seen.stored));
  result.Set("durable", static_cast<double>(seen.durable));
  result.Set("through", static_cast<double>(seen.consumer.through));
  result.Set("parked", static_cast<double>(seen.consumer.parked));
  result.Set("parkedFirst", static_cast<double>(seen.consumer.parked_first));
  result.Set("ended", static_cast<double>(seen.ended));
  result.Set("ids", static_cast<double>(seen.consumer.ids));
  result.Set("indexBytes", static_cast<double>(seen.consumer.index_bytes));
  result.Set("windowMs", static_cast<double>(seen.consumer.window_us) / 1000);
  return result;
}

// stages(handle): what the sender and the workers have spent, in nanoseconds; all shards together.
Napi::Value stages(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  const StageSums sender = stream.sender_stages().sums();
  StageSums worker;
  for (uint32_t i = 0; i < stream.shard_count(); ++i) worker += stream.shard(i).consumer().stages();
  const double scale = stream.tick_scale().ns_per_tick();
  Napi::Object result = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, const StageSums& of, Stage stage) {
    result.Set(name, static_cast<double>(of[stage]) * scale);
  };
  result.Set("sent", static_cast<double>(sender.messages));
  set("append", sender, Stage::append);
  result.Set("committed", static_cast<double>(worker.messages));
  set("poll", worker, Stage::poll);
  set("index", worker, Stage::index);
  set("handle", worker, Stage::handle);
  set("commit", worker, Stage::commit);
  set("log", worker, Stage::log);
  return result;
}

// putFile(handle, name, bytes)
Napi::Value put_file(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const std::string name = arguments.text();
  const std::span<uint8_t> bytes = arguments.bytes();
  if (!arguments.ok()) return {};
  const Status status = local->stream().put_file(name, bytes);
  if (!status.is_ok()) throw_status(info.Env(), status);
  return {};
}

// getFile(handle, name): empty where it was never put.
Napi::Value get_file(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const std::string name = arguments.text();
  if (!arguments.ok()) return {};
  const std::vector<uint8_t> bytes = local->stream().get_file(name);
  return Napi::Buffer<uint8_t>::Copy(info.Env(), bytes.data(), bytes.size());
}

// inspect(directory): what a directory holds; changes nothing in it.
Napi::Value inspect(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const std::string directory = arguments.text();
  if (!arguments.ok()) return {};
  Result<Inspection> inspected = inspect_directory(Storage::real(), directory);
  if (!inspected.is_ok()) {
    throw_status(env, inspected.status());
    return {};
  }
  const Inspection& found = inspected.value();
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", found.manifest.name);
  result.Set("delivery", static_cast<uint32_t>(found.manifest.delivery));
  result.Set("payloads", static_cast<uint32_t>(found.manifest.payloads));
  result.Set("frameBytes", found.manifest.frame_bytes);
  result.Set("holder", static_cast<double>(found.holder));
  Napi::Array shards = Napi::Array::New(env, found.shards.size());
  for (uint32_t i = 0; i < found.shards.size(); ++i) {
    const ShardInspection& shard = found.shards[i];
    Napi::Object entry = Napi::Object::New(env);
    set_counters(entry, shard.header.counters);
    entry.Set("stored", static_cast<double>(shard.stored));
    entry.Set("through", static_cast<double>(shard.header.through));
    entry.Set("parked", static_cast<double>(shard.parked));
    entry.Set("epoch", shard.header.epoch);
    entry.Set("ids", static_cast<double>(shard.ids));
    entry.Set("bytes", static_cast<double>(shard.bytes));
    entry.Set("clean", shard.clean);
    entry.Set("deadLettersOpen", static_cast<double>(shard.dead_letters_open));
    entry.Set("sinkPlace", static_cast<double>(shard.header.sink_places.first));
    entry.Set("commitEpoch", static_cast<double>(shard.confirmed.epoch));
    entry.Set("commitN", static_cast<double>(shard.confirmed.n));
    entry.Set("undecided", static_cast<double>(shard.undecided));
    shards.Set(i, entry);
  }
  result.Set("shards", shards);
  return result;
}

}  // namespace

void export_lifecycle(Napi::Env env, Napi::Object exports) {
  exports.Set("close", Napi::Function::New(env, close, "close"));
  exports.Set("detach", Napi::Function::New(env, detach, "detach"));
  exports.Set("keepAlive", Napi::Function::New(env, keep_alive, "keepAlive"));
  exports.Set("status", Napi::Function::New(env, status, "status"));
  exports.Set("stages", Napi::Function::New(env, stages, "stages"));
  exports.Set("putFile", Napi::Function::New(env, put_file, "putFile"));
  exports.Set("getFile", Napi::Function::New(env, get_file, "getFile"));
  exports.Set("inspect", Napi::Function::New(env, inspect, "inspect"));
}

}  // namespace semel::binding
