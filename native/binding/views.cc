#include "binding/views.h"

#include <memory>
#include <span>

namespace semel::binding {
namespace {

Napi::ArrayBuffer view_of(Napi::Env env, LocalStream& local, std::span<uint8_t> memory) {
  auto* holder = new std::shared_ptr<StreamEntry>(local.entry);
  local.holders.push_back(holder);
  return Napi::ArrayBuffer::New(
      env, memory.data(), memory.size(),
      [](Napi::Env, void*, std::shared_ptr<StreamEntry>* held) { delete held; }, holder);
}

}  // namespace

Napi::Object views_of(Napi::Env env, LocalStream& local, uint32_t index) {
  Napi::ObjectReference& views = local.views[index];
  if (views.IsEmpty()) {
    Shard& shard = local.stream().shard(index);
    Consumer& consumer = shard.consumer();
    Napi::Object made = Napi::Object::New(env);
    made.Set("ring", view_of(env, local, shard.ring_memory()));
    made.Set("slots", view_of(env, local,
                              {reinterpret_cast<uint8_t*>(consumer.slots()),
                               consumer.capacity() * sizeof(Slot)}));
    made.Set("marks", view_of(env, local, shard.replies().marks_memory()));
    made.Set("answers", view_of(env, local, shard.replies().ring_memory()));
    views = Napi::Persistent(made);
  }
  return views.Value();
}

}  // namespace semel::binding
