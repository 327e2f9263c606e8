// What the ingest thread calls: arguments and answers. What becomes of them is the door's
// (shard/door.h).
#include <algorithm>

#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/letter_object.h"

namespace semel::binding {
namespace {

// Null, with an error pending, where the door has refused it.
template <typename T>
Napi::Value number_of(Napi::Env env, const Result<T>& taken) {
  if (!taken.is_ok()) {
    throw_status(env, taken.status());
    return {};
  }
  return Napi::Number::New(env, static_cast<double>(taken.value()));
}

// registerStaging(handle, staging: Uint8Array, rows: Uint32Array as bytes)
Napi::Value register_staging(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const std::span<uint8_t> staging = arguments.bytes();
  const std::span<uint8_t> rows = arguments.bytes();
  if (!arguments.ok()) return {};
  if (Status staged = local->door.stage(staging, rows); !staged.is_ok()) {
    throw_status(info.Env(), staged);
    return {};
  }
  local->staging = Napi::Persistent(info[1].As<Napi::Object>());
  local->rows = Napi::Persistent(info[2].As<Napi::Object>());
  return {};
}

// append(handle, from, count): takes rows until one does not fit its shard's ring; returns how many.
Napi::Value append(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t from = arguments.u32();
  const uint32_t count = arguments.u32();
  if (!arguments.ok()) return {};
  if (uint64_t{from} + count > local->door.row_count()) {
    arguments.fail("inside the registered rows");
    return {};
  }
  return number_of(info.Env(), local->door.append(from, count));
}

// appendFrames(handle, bytes, size, idAt, keyAt): takes frames of `size` bytes from the start of `bytes`
// until one does not fit; returns how many. idAt and keyAt are offsets in a frame of 8-byte integers, or
// ≥ size for none.
Napi::Value append_frames(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  RawFrames frames{};
  frames.bytes = arguments.bytes();
  frames.size = arguments.u32();
  frames.id_at = arguments.u32();
  frames.key_at = arguments.u32();
  if (!arguments.ok()) return {};
  if (!frames.is_whole()) {
    arguments.fail("a whole number of frames");
    return {};
  }
  if (!frames.holds_integers()) {
    arguments.fail("an offset of 8 bytes inside a frame");
    return {};
  }
  return number_of(info.Env(), local->door.append(frames));
}

// appendOffset(handle, shard, partition, offset): a control frame that says how far the source has
// been read; false when the ring is full.
Napi::Value append_offset(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  const uint32_t partition = arguments.u32();
  const Offset offset = arguments.offset();
  if (!arguments.ok()) return {};
  const FrameSource source{static_cast<uint16_t>(partition), offset};
  return Napi::Boolean::New(info.Env(), local->door.append_offset(index, source));
}

// deadLetters(handle, shard, after, max): the open ones behind that number, oldest first. It copies.
Napi::Value dead_letters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  const double after = arguments.whole();
  const uint32_t max = arguments.u32();
  if (!arguments.ok()) return {};
  const DeadLetters* letters = local->stream().shard(index).dead_letters();
  Napi::Array found = Napi::Array::New(env);
  if (letters == nullptr || max == 0) return found;
  const Status status = letters->visit_open(
      [&](const DeadLetter& letter) {
        found.Set(found.Length(), letter_object(env, letter));
        return found.Length() < max;
      },
      static_cast<uint64_t>(std::max(after, 0.0)));
  if (!status.is_ok()) {
    throw_status(env, status);
    return {};
  }
  return found;
}

// endDeadLetter(handle, shard, number, retry): sends its message again, or drops it; false when the
// ring is full.
Napi::Value end_dead_letter(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  const double number = arguments.whole();
  const bool retry = arguments.boolean();
  if (!arguments.ok()) return {};
  const auto how = retry ? DeadLetters::How::retried : DeadLetters::How::dropped;
  const auto taken = local->door.end_letter(
      index, static_cast<uint64_t>(std::max(number, 0.0)), how);
  if (!taken.is_ok()) {
    throw_status(info.Env(), taken.status());
    return {};
  }
  return Napi::Boolean::New(info.Env(), taken.value());
}

// room(handle): bytes that are free in the fullest ring.
Napi::Value room(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  if (!arguments.ok()) return {};
  return Napi::Number::New(info.Env(), static_cast<double>(local->door.room()));
}

// wantNotice(handle): the next progress calls the notice given to open().
Napi::Value want_notice(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  if (!arguments.ok()) return {};
  local->stream().want_notice();
  return {};
}

}  // namespace

void export_append(Napi::Env env, Napi::Object exports) {
  exports.Set("registerStaging", Napi::Function::New(env, register_staging, "registerStaging"));
  exports.Set("append", Napi::Function::New(env, append, "append"));
  exports.Set("appendFrames", Napi::Function::New(env, append_frames, "appendFrames"));
  exports.Set("appendOffset", Napi::Function::New(env, append_offset, "appendOffset"));
  exports.Set("deadLetters", Napi::Function::New(env, dead_letters, "deadLetters"));
  exports.Set("endDeadLetter", Napi::Function::New(env, end_dead_letter, "endDeadLetter"));
  exports.Set("room", Napi::Function::New(env, room, "room"));
  exports.Set("wantNotice", Napi::Function::New(env, want_notice, "wantNotice"));
}

}  // namespace semel::binding
