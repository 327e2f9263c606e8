// What a shard's worker calls: attach once, then poll and commit with integers.
#include <algorithm>
#include <utility>

#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/seats.h"
#include "binding/views.h"
#include "shard/details.h"
#include "shard/inquest.h"

namespace semel::binding {
namespace {

// attach(handle, shard): takes the shard over from whoever had it and gives what the loop needs.
Napi::Value attach(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const uint32_t handle = arguments.u32();
  if (!arguments.ok()) return {};
  Environment& environment = Environment::of(env);
  LocalStream* local = environment.find(handle);
  if (local == nullptr) {
    auto entry = Registry::instance().find(handle);
    if (entry == nullptr) {
      throw_status(env, {Code::closed, "the stream is closed; open it again to go on"});
      return {};
    }
    local = &environment.add(handle, std::move(entry));
  }
  const uint32_t index = arguments.shard(local);
  if (!arguments.ok()) return {};
  Shard& shard = local->stream().shard(index);
  Consumer& consumer = shard.consumer();
  const uint32_t attempt =
      local->entry->seats[index].attempt.fetch_add(1, std::memory_order_acq_rel) + 1;
  const uint32_t redelivered = consumer.adopt();

  const Napi::Object views = views_of(env, *local, index);
  Napi::Object seat = Napi::Object::New(env);
  seat.Set("ring", views.Get("ring"));
  seat.Set("slots", views.Get("slots"));
  seat.Set("marks", views.Get("marks"));
  seat.Set("marksAt", static_cast<double>(Replies::kMarksAt));
  seat.Set("marksCapacity", static_cast<double>(shard.replies().capacity()));
  seat.Set("answerBytesMax", static_cast<double>(Replies::payload_bytes_max(
                                 local->stream().options().ring_bytes)));
  seat.Set("attempt", attempt);
  seat.Set("epoch", shard.epoch());
  seat.Set("redelivered", redelivered);
  seat.Set("capacity", consumer.capacity());
  set_resumption(seat, consumer);
  seat.Set("suspectThrough", static_cast<double>(consumer.suspicion().through()));
  seat.Set("accused", static_cast<double>(consumer.suspicion().accused()));
  return seat;
}

// poll(handle, shard, attempt, max): how many slots were filled, or a Stall.
Napi::Value poll(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = seat_of(arguments, info.Env(), &local);
  const uint32_t max = arguments.u32();
  if (shard == nullptr || !arguments.ok()) return {};
  Stream& stream = local->stream();
  if (Status health = stream.health(); !health.is_ok()) {
    throw_status(info.Env(), health);
    return {};
  }
  const uint64_t now_us = stream.options().dedup ? stream.clock().now_us() : 0;
  Result<Polled> polled = shard->consumer().poll(max, now_us);
  if (!polled.is_ok()) {
    throw_status(info.Env(), stream.fail(polled.status()));
    return {};
  }
  const Polled& found = polled.value();
  return Napi::Number::New(info.Env(), found.stall == Stall::none
                                           ? static_cast<double>(found.count)
                                           : static_cast<double>(found.stall));
}

// Calls of whoever held the worker's shards are refused from now on.
void void_seats(LocalStream& local, uint32_t worker) {
  Stream& stream = local.stream();
  for (uint32_t i = worker; i < stream.shard_count(); i += stream.options().workers) {
    local.entry->seats[i].attempt.fetch_add(1, std::memory_order_acq_rel);
  }
}

// commit(handle, shard, attempt, count, sinkPlaces, details?, answers?): false when the ack log or the
// answers' ring has no room yet, and the same call is to be made again.
Napi::Value commit(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = seat_of(arguments, info.Env(), &local);
  const uint32_t count = arguments.u32();
  const SinkPlaces places = arguments.sink_places();
  if (shard == nullptr || !arguments.ok()) return {};
  Stream& stream = local->stream();
  std::vector<Detail> details;
  std::vector<Answer> answers;
  if (!details_at(arguments, info, 5, &details) || !answers_at(arguments, info, 6, stream, &answers) ||
      !is_healthy(info.Env(), stream)) {
    return {};
  }
  return after_commit(
      info.Env(), stream, *shard, shard->consumer().commit(count, places, details, answers));
}

// bury(handle, worker): judges a worker whose thread is gone. Its seats are void from now on.
Napi::Value bury(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t worker = arguments.worker(local);
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  void_seats(*local, worker);
  const Death death = hold_inquest(stream, worker);
  Napi::Object result = Napi::Object::New(env);
  result.Set("dropped", static_cast<double>(death.dropped));
  result.Set("narrowed", death.narrowed);
  if (death.guilty.has_value()) {
    Napi::Object guilty = Napi::Object::New(env);
    guilty.Set("shard", death.guilty->shard);
    guilty.Set("sequence", static_cast<double>(death.guilty->sequence));
    guilty.Set("attempts", death.guilty->attempts);
    guilty.Set("history", death.guilty->history);
    result.Set("guilty", guilty);
  }
  return result;
}

// fence(handle, worker): the worker's seats are void, whether or not its thread is gone.
Napi::Value fence(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t worker = arguments.worker(local);
  if (!arguments.ok()) return {};
  void_seats(*local, worker);
  return {};
}

// charge(handle, shard, details): the death is a failed attempt of the guilty message. False as in
// commit.
Napi::Value charge(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = arguments.shard(local);
  const std::span<uint8_t> bytes = arguments.bytes();
  if (!arguments.ok()) return {};
  std::vector<Detail> details;
  if (!read_details(bytes, &details) || details.size() != 1) {
    arguments.fail("one detail");
    return {};
  }
  Stream& stream = local->stream();
  if (Status health = stream.health(); !health.is_ok()) {
    throw_status(info.Env(), health);
    return {};
  }
  Shard& shard = stream.shard(index);
  return after_commit(info.Env(), stream, shard, shard.consumer().charge(details.front()));
}

// acksDurable(handle, shard): whether every commit so far is as durable as the level makes it; where it
// is not, the next group is made at once.
Napi::Value acks_durable(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  if (!arguments.ok()) return {};
  if (Status health = local->stream().health(); !health.is_ok()) {
    throw_status(info.Env(), health);
    return {};
  }
  if (local->stream().shard(index).acks_durable()) return Napi::Boolean::New(info.Env(), true);
  local->stream().hurry_syncer();
  return Napi::Boolean::New(info.Env(), false);
}

// wait(handle, worker, spinMicros, parkMicros): until one of the worker's shards has work; whether
// one has.
Napi::Value wait(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t worker = arguments.worker(local);
  const uint32_t spin_us = arguments.u32();
  const uint32_t park_us = arguments.u32();
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  const uint32_t workers = stream.options().workers;
  const auto has_work = [&] {
    for (uint32_t i = worker; i < stream.shard_count(); i += workers) {
      if (stream.shard(i).consumer().has_work()) return true;
    }
    return false;
  };
  if (spin_us > 0) {
    const uint64_t until = monotonic_us() + spin_us;
    do {
      for (int i = 0; i < 64; ++i) {
        if (has_work()) return Napi::Boolean::New(info.Env(), true);
        pause_cpu();
      }
    } while (monotonic_us() < until);
  }
  if (park_us > 0 && !has_work()) stream.doorbell(worker).park(park_us, has_work);
  return Napi::Boolean::New(info.Env(), has_work());
}

// wake(handle, worker): ends a wait early.
Napi::Value wake(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t worker = arguments.worker(local);
  if (!arguments.ok()) return {};
  local->stream().doorbell(worker).ring();
  return {};
}

// nextParked(handle, shard, attempt, after): the first message parked behind that sequence, or
// undefined. Not on a message's way: it copies.
Napi::Value next_parked(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = seat_of(arguments, env, &local);
  const double after = arguments.whole();
  if (shard == nullptr || !arguments.ok()) return {};
  const Parked* entry = shard->consumer().parked().next(static_cast<uint64_t>(std::max(after, 0.0)));
  if (entry == nullptr) return env.Undefined();
  Napi::Object found = Napi::Object::New(env);
  found.Set("sequence", static_cast<double>(entry->sequence));
  found.Set("attempts", entry->attempts);
  found.Set("dueMs", static_cast<double>(entry->due_us) / 1000);
  found.Set("timeMs", static_cast<double>(entry->time_us) / 1000);
  found.Set("type", static_cast<uint32_t>(entry->type));
  if (entry->has_id) {
    found.Set("id", std::to_string(entry->id.high) + ":" + std::to_string(entry->id.low));
  }
  found.Set("history", entry->history);
  found.Set("alone", shard->consumer().suspicion().is_alone(entry->sequence));
  found.Set("payload", Napi::Buffer<uint8_t>::Copy(env, entry->payload.data(),
                                                   entry->payload.size()));
  return found;
}

// clockMs(handle): the stream's own clock, in milliseconds since 1970. It never goes back.
Napi::Value clock_ms(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  if (!arguments.ok()) return {};
  return Napi::Number::New(info.Env(),
                           static_cast<double>(local->stream().clock().now_us()) / 1000);
}

// tryParked(handle, shard, attempt, sequence, on): a parked message's attempt begins, or it is put back
// untried.
Napi::Value try_parked(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = seat_of(arguments, info.Env(), &local);
  const double sequence = arguments.number();
  const bool begins = arguments.boolean();
  if (shard == nullptr || !arguments.ok()) return {};
  Consumer& consumer = shard->consumer();
  if (begins) {
    consumer.begin_parked(static_cast<uint64_t>(sequence));
  } else {
    consumer.put_back_parked(static_cast<uint64_t>(sequence));
  }
  return {};
}

// isDuplicate(handle, shard, attempt, sequence): whether a parked message's id was seen meanwhile.
Napi::Value is_duplicate(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = seat_of(arguments, info.Env(), &local);
  const double sequence = arguments.whole();
  if (shard == nullptr || !arguments.ok()) return {};
  const Consumer& consumer = shard->consumer();
  const Parked* entry = consumer.parked().find(static_cast<uint64_t>(std::max(sequence, 0.0)));
  return Napi::Boolean::New(info.Env(), entry != nullptr && consumer.is_duplicate(*entry));
}

}  // namespace

void export_worker(Napi::Env env, Napi::Object exports) {
  exports.Set("attach", Napi::Function::New(env, attach, "attach"));
  exports.Set("poll", Napi::Function::New(env, poll, "poll"));
  exports.Set("acksDurable", Napi::Function::New(env, acks_durable, "acksDurable"));
  exports.Set("commit", Napi::Function::New(env, commit, "commit"));
  exports.Set("wait", Napi::Function::New(env, wait, "wait"));
  exports.Set("wake", Napi::Function::New(env, wake, "wake"));
  exports.Set("nextParked", Napi::Function::New(env, next_parked, "nextParked"));
  exports.Set("clockMs", Napi::Function::New(env, clock_ms, "clockMs"));
  exports.Set("tryParked", Napi::Function::New(env, try_parked, "tryParked"));
  exports.Set("bury", Napi::Function::New(env, bury, "bury"));
  exports.Set("fence", Napi::Function::New(env, fence, "fence"));
  exports.Set("charge", Napi::Function::New(env, charge, "charge"));
  exports.Set("isDuplicate", Napi::Function::New(env, is_duplicate, "isDuplicate"));
}

}  // namespace semel::binding
