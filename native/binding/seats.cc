#include "binding/seats.h"

#include "shard/answers.h"
#include "shard/details.h"

namespace semel::binding {
namespace {

// A sender that waits for room is woken once there is room for many, or nothing left to do:
// woken at every commit, it would fill the ring by a frame or two and sleep again.
bool is_worth_a_notice(Shard& shard) {
  const Ring& ring = shard.ring();
  return ring.tail() - ring.released() < ring.capacity() / 4 * 3 || !shard.consumer().has_work();
}

}  // namespace

Shard* seat_of(Arguments& arguments, Napi::Env env, LocalStream** local) {
  *local = arguments.stream();
  if (*local == nullptr) return nullptr;
  const uint32_t index = arguments.shard(*local);
  const uint32_t attempt = arguments.u32();
  if (!arguments.ok()) return nullptr;
  if ((*local)->entry->seats[index].attempt.load(std::memory_order_acquire) != attempt) {
    throw_status(env, {Code::fenced, "another worker has taken over the shard"});
    return nullptr;
  }
  return &(*local)->stream().shard(index);
}

bool is_healthy(Napi::Env env, Stream& stream) {
  const Status health = stream.health();
  if (!health.is_ok()) throw_status(env, health);
  return health.is_ok();
}

bool details_at(Arguments& arguments, const Napi::CallbackInfo& info, std::size_t index,
                std::vector<Detail>* details) {
  if (info.Length() <= index || info[index].IsUndefined()) {
    arguments.skip();
    return arguments.ok();
  }
  const std::span<uint8_t> bytes = arguments.bytes();
  if (arguments.ok() && !read_details(bytes, details)) arguments.fail("a list of details");
  return arguments.ok();
}

bool answers_at(Arguments& arguments, const Napi::CallbackInfo& info, std::size_t index,
                Stream& stream, std::vector<Answer>* answers) {
  if (info.Length() <= index || info[index].IsUndefined()) {
    arguments.skip();
    return arguments.ok();
  }
  const std::span<uint8_t> bytes = arguments.bytes();
  const uint64_t max = Replies::payload_bytes_max(stream.options().ring_bytes);
  if (arguments.ok() && !read_answers(bytes, max, answers)) arguments.fail("a list of answers");
  return arguments.ok();
}

void set_resumption(Napi::Object into, const Consumer& consumer) {
  into.Set("firstSequence", static_cast<double>(consumer.first_in_flight()));
  const SinkPlaces& places = consumer.sink_places();
  const uint32_t sinks = places.others.empty() ? 1 : places.others.back().sink + 1;
  Napi::Float64Array by_sink = Napi::Float64Array::New(into.Env(), sinks);
  for (uint32_t sink = 0; sink < sinks; ++sink) {
    by_sink[sink] = static_cast<double>(places.of(sink));
  }
  into.Set("sinkPlaces", by_sink);
}

Napi::Value after_commit(Napi::Env env, Stream& stream, Shard& shard,
                         const Result<Committed>& committed) {
  if (!committed.is_ok()) {
    throw_status(env, stream.fail(committed.status()));
    return {};
  }
  const bool done = committed.value() == Committed::done;
  if (stream.options().durability == Durability::disk || !done) {
    stream.wake_syncer();
  }
  // At `disk` it is the group that ends the messages, and gives its own.
  if (stream.options().durability != Durability::disk &&
      (shard.consumer().has_answered() || is_worth_a_notice(shard))) {
    stream.give_notice();
  }
  return Napi::Boolean::New(env, done);
}

}  // namespace semel::binding
