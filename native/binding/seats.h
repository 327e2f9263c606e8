// What the calls of a shard's worker have in common: the seat that they show, and what follows a commit.
#pragma once

#include <napi.h>

#include <vector>

#include "binding/arguments.h"
#include "shard/detail.h"
#include "shard/replies.h"

namespace semel::binding {

// The shard named by handle, shard, attempt; null with an error pending where they don't fit, or the stream
// has failed where `health` is asked for.
Shard* seat_of(Arguments& arguments, Napi::Env env, LocalStream** local);
bool is_healthy(Napi::Env env, Stream& stream);

// The arguments that may be missing, at `index` and next in turn; false with an error pending.
bool details_at(Arguments& arguments, const Napi::CallbackInfo& info, std::size_t index,
                std::vector<Detail>* details);
bool answers_at(Arguments& arguments, const Napi::CallbackInfo& info, std::size_t index,
                Stream& stream, std::vector<Answer>* answers);

// Where its worker goes on: `firstSequence` in flight, and `sinkPlaces`.
void set_resumption(Napi::Object into, const Consumer& consumer);

// True, or false where there was no room; wakes who has to do with it.
Napi::Value after_commit(Napi::Env env, Stream& stream, Shard& shard,
                         const Result<Committed>& committed);

}  // namespace semel::binding
