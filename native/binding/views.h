// What JavaScript sees of a shard: its memory, in place, and its sources.
#pragma once

#include <napi.h>

#include <span>

#include "acklog/ack_types.h"
#include "binding/environment.h"

namespace semel::binding {

constexpr const char* kViews[] = {"ring", "slots", "marks", "answers"};

// An object with kViews: made once for an environment and a shard, since V8 wants one
// ArrayBuffer for one piece of memory. The stream lives at least as long as they do.
Napi::Object views_of(Napi::Env env, LocalStream& local, uint32_t shard);

// A number where that is exact, else a bigint.
Napi::Value offset_value(Napi::Env env, Offset offset);
// By partition its offset.
Napi::Object sources_object(Napi::Env env, std::span<const SourceOffset> sources);

}  // namespace semel::binding
