// A dead letter as a JavaScript object.
#pragma once

#include <napi.h>

#include "deadletters/dead_letters.h"

namespace semel::binding {

inline Napi::Object letter_object(Napi::Env env, const DeadLetter& letter) {
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("number", static_cast<double>(letter.number));
  entry.Set("sequence", static_cast<double>(letter.sequence));
  entry.Set("timeMs", static_cast<double>(letter.time_us) / 1000);
  entry.Set("attempts", letter.attempts);
  entry.Set("type", static_cast<uint32_t>(letter.type));
  entry.Set("history", letter.history);
  entry.Set("payload",
            Napi::Buffer<uint8_t>::Copy(env, letter.payload.data(), letter.payload.size()));
  return entry;
}

}  // namespace semel::binding
