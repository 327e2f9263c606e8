#include "binding/views.h"

#include <iterator>
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
    const std::span<uint8_t> memories[std::size(kViews)] = {
        shard.ring_memory(),
        {reinterpret_cast<uint8_t*>(consumer.slots()), consumer.capacity() * sizeof(Slot)},
        shard.replies().marks_memory(),
        shard.replies().ring_memory(),
    };
    Napi::Object made = Napi::Object::New(env);
    for (std::size_t at = 0; at < std::size(kViews); ++at) {
      made.Set(kViews[at], view_of(env, local, memories[at]));
    }
    views = Napi::Persistent(made);
  }
  return views.Value();
}

Napi::Value offset_value(Napi::Env env, Offset offset) {
  if (offset.high == 0 && offset.low < uint64_t{1} << 53) {
    return Napi::Number::New(env, static_cast<double>(offset.low));
  }
  const uint64_t words[] = {offset.low, offset.high};
  return Napi::BigInt::New(env, 0, 2, words);
}

Napi::Object sources_object(Napi::Env env, std::span<const SourceOffset> sources) {
  Napi::Object made = Napi::Object::New(env);
  for (const SourceOffset& one : sources) made.Set(one.partition, offset_value(env, one.offset));
  return made;
}

}  // namespace semel::binding
