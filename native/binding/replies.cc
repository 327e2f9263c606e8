// How the ingest thread hears of its messages' ends: it reads marks and answers in place
// (shard/replies.h), and asks how far it may.
#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/views.h"

namespace semel::binding {
namespace {

constexpr uint64_t kProgressNumbers = 5;
constexpr uint64_t kProgressBytes = kProgressNumbers * sizeof(double);

// replies(handle, shard): the shard's marks and answers.
Napi::Value replies(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  if (!arguments.ok()) return {};
  const Napi::Object views = views_of(env, *local, index);
  Napi::Object found = Napi::Object::New(env);
  found.Set("marks", views.Get("marks"));
  found.Set("marksAt", static_cast<double>(Replies::kMarksAt));
  found.Set("capacity", static_cast<double>(local->stream().shard(index).replies().capacity()));
  found.Set("answers", views.Get("answers"));
  return found;
}

// progress(handle, numbers: Float64Array as bytes): for each shard five numbers, of which JavaScript
// gives the first two and gets the others:
//   0  the first message whose mark it will read, or 0   1  the bytes of answers that it has read
//   2  the last message that is stored and              3  the last that has ended, as durably as the
//                                                          level makes it
//   4  up to where there are answers
Napi::Value progress(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const std::span<uint8_t> bytes = arguments.bytes();
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  const uint32_t shards = stream.shard_count();
  if (bytes.size() != shards * kProgressBytes) {
    arguments.fail("five numbers for each shard");
    return {};
  }
  if (Status health = stream.health(); !health.is_ok()) {
    throw_status(info.Env(), health);
    return {};
  }
  for (uint32_t i = 0; i < shards; ++i) {
    Shard& shard = stream.shard(i);
    uint8_t* numbers = bytes.data() + i * kProgressBytes;
    const auto unread = load<double>(numbers);
    const auto position = load<double>(numbers + 8);
    const bool fits = unread >= 0 && position >= 0 &&
                      unread <= static_cast<double>(shard.intake().sequence() + 1) &&
                      position <= static_cast<double>(shard.replies_through()) &&
                      position >= static_cast<double>(shard.replies().released());
    if (!fits) {
      arguments.fail("numbers that were given before");
      return {};
    }
    const uint64_t next = shard.intake().sequence() + 1;
    shard.replies().read(unread == 0 ? next : static_cast<uint64_t>(unread),
                         static_cast<uint64_t>(position));
    store<double>(numbers + 16, static_cast<double>(shard.durable_sequence()));
    store<double>(numbers + 24, static_cast<double>(shard.ended_through()));
    store<double>(numbers + 32, static_cast<double>(shard.replies_through()));
  }
  return {};
}

}  // namespace

void export_replies(Napi::Env env, Napi::Object exports) {
  exports.Set("replies", Napi::Function::New(env, replies, "replies"));
  exports.Set("progress", Napi::Function::New(env, progress, "progress"));
}

}  // namespace semel::binding
