// A shard's memory as JavaScript sees it, in place.
#pragma once

#include <napi.h>

#include "binding/environment.h"

namespace semel::binding {

constexpr const char* kViews[] = {"ring", "slots", "marks", "answers"};

// An object with kViews: made once for an environment and a shard, since V8 wants one
// ArrayBuffer for one piece of memory. The stream lives at least as long as they do.
Napi::Object views_of(Napi::Env env, LocalStream& local, uint32_t shard);

}  // namespace semel::binding
