// Reading arguments and throwing errors: a wrong argument is a coded JavaScript error, never a crash.
// The hot calls take integers only.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "binding/environment.h"
#include "core/offset.h"
#include "core/status.h"

namespace semel::binding {

// Leaves a SemelError pending; the caller returns at once. A thread that is being terminated can run no
// JavaScript, not even the error's constructor, and gets no error: nobody would catch it. What it is about,
// where that is a file, are the error's `path` and `offset`.
inline void throw_status(Napi::Env env, const Status& status) {
  const char* name = code_name(status.code());
  const std::string& text = status.message();
  napi_value code;
  napi_value message;
  napi_value error_class;
  napi_value error;
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code) != napi_ok ||
      napi_create_string_utf8(env, text.data(), text.size(), &message) != napi_ok) {
    return;
  }
  const Napi::FunctionReference& own = Environment::of(env).error_class;
  if (own.IsEmpty()) {
    if (napi_create_error(env, code, message, &error) != napi_ok) return;
  } else {
    const napi_value arguments[] = {code, message};
    if (napi_get_reference_value(env, own, &error_class) != napi_ok || error_class == nullptr ||
        napi_new_instance(env, error_class, 2, arguments, &error) != napi_ok) {
      return;
    }
  }
  if (const FileFault* fault = status.file_fault()) {
    napi_value path;
    napi_value offset;
    if (napi_create_string_utf8(env, fault->path.data(), fault->path.size(), &path) == napi_ok) {
      static_cast<void>(napi_set_named_property(env, error, "path", path));
    }
    if (fault->offset.has_value() &&
        napi_create_double(env, static_cast<double>(*fault->offset), &offset) == napi_ok) {
      static_cast<void>(napi_set_named_property(env, error, "offset", offset));
    }
  }
  static_cast<void>(napi_throw(env, error));
}

// Reads a call's arguments in turn; the first that does not fit leaves an error pending. Nothing is
// coerced: that is JavaScript, which a thread that is being terminated can't run, and what it gives
// there instead of a value aborts the process.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  bool ok() const { return ok_; }

  uint32_t u32() {
    double value = number();
    if (!ok_) return 0;
    if (!(value >= 0 && value <= 4294967295.0) || value != static_cast<uint32_t>(value)) {
      fail("a whole number from 0 to 2^32 - 1");
      return 0;
    }
    return static_cast<uint32_t>(value);
  }

  double number() {
    double value = 0;
    if (!ok_) return value;
    if (napi_get_value_double(info_.Env(), info_[next_], &value) != napi_ok) fail("a number");
    ++next_;
    return value;
  }

  // What a double holds exactly, so that it can be made an integer.
  double whole() {
    const double value = number();
    if (ok_ && !(value >= -9007199254740991.0 && value <= 9007199254740991.0)) {
      fail("a number within ±(2^53 - 1)");
      return 0;
    }
    return value;
  }

  // Of a source's partition: a number, or a bigint below 2^128.
  Offset offset() {
    if (!ok_) return {};
    const Napi::Value value = info_[next_];
    if (!value.IsBigInt()) return static_cast<uint64_t>(std::max(whole(), 0.0));
    ++next_;
    int sign = 0;
    std::size_t count = 2;
    uint64_t words[2] = {};
    if (napi_get_value_bigint_words(info_.Env(), value, &sign, &count, words) != napi_ok ||
        sign != 0 || count > 2) {
      fail("a bigint from 0 to 2^128 - 1");
      return {};
    }
    return {words[1], words[0]};
  }

  bool boolean() {
    bool value = false;
    if (!ok_) return value;
    if (napi_get_value_bool(info_.Env(), info_[next_], &value) != napi_ok) fail("a boolean");
    ++next_;
    return value;
  }

  std::string text() {
    if (!ok_) return {};
    const Napi::Value value = info_[next_++];
    if (!value.IsString()) {
      fail("a string");
      return {};
    }
    return value.As<Napi::String>().Utf8Value();
  }

  // Bytes of a Uint8Array; borrowed for the call.
  std::span<uint8_t> bytes() {
    if (!ok_) return {};
    const Napi::Value value = info_[next_++];
    if (!value.IsTypedArray() ||
        value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      fail("a Uint8Array");
      return {};
    }
    auto array = value.As<Napi::Uint8Array>();
    return {array.Data(), array.ByteLength()};
  }

  // A Float64Array with a place for each sink; negative: as it was.
  SinkPlaces sink_places() {
    if (!ok_) return {};
    const Napi::Value value = info_[next_++];
    if (!value.IsTypedArray() ||
        value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
        value.As<Napi::TypedArray>().ElementLength() > kSinksMax) {
      fail("a Float64Array with a place for each sink");
      return {};
    }
    const auto array = value.As<Napi::Float64Array>();
    SinkPlaces places;
    for (uint32_t sink = 0; sink < array.ElementLength(); ++sink) {
      if (!(array[sink] <= 9007199254740991.0)) {
        fail("a Float64Array of places within 2^53 - 1");
        return {};
      }
      if (array[sink] >= 0) places.set(sink, static_cast<int64_t>(array[sink]));
    }
    return places;
  }

  // The next one has been left out.
  void skip() { ++next_; }

  // The stream whose handle comes next.
  LocalStream* stream() {
    const uint32_t handle = u32();
    if (!ok_) return nullptr;
    LocalStream* local = Environment::of(info_.Env()).find(handle);
    if (local == nullptr) {
      ok_ = false;
      throw_status(info_.Env(), {Code::closed, "the stream is closed; open it again to go on"});
    }
    return local;
  }

  // A shard of `local`, by its number.
  uint32_t shard(LocalStream* local) {
    const uint32_t index = u32();
    if (ok_ && index >= local->stream().shard_count()) {
      fail("the number of a shard");
    }
    return index;
  }

  // A worker of `local`, by its number.
  uint32_t worker(LocalStream* local) {
    const uint32_t index = u32();
    if (ok_ && index >= local->stream().options().workers) {
      fail("the number of a worker");
    }
    return index;
  }

  void fail(const char* expected) {
    if (!ok_) return;
    ok_ = false;
    throw_status(info_.Env(), {Code::invalid_argument,
                               "argument " + std::to_string(next_) + " must be " + expected});
  }

 private:
  const Napi::CallbackInfo& info_;
  std::size_t next_ = 0;
  bool ok_ = true;
};

}  // namespace semel::binding
