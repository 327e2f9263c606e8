// What a shard's worker calls where the sink is transactional: prepare, then the sink's part, then confirm
// or discard (shard/prepared_commits.h).
#include <algorithm>

#include "binding/functions.h"
#include "binding/seats.h"
#include "binding/views.h"

namespace semel::binding {
namespace {

// The seat of the call, where the stream is well and its sink is transactional.
Shard* transactional_seat(Arguments& arguments, Napi::Env env, LocalStream** local) {
  Shard* shard = seat_of(arguments, env, local);
  if (shard == nullptr || !is_healthy(env, (*local)->stream())) return nullptr;
  if (shard->consumer().prepared() != nullptr) return shard;
  arguments.fail("a stream whose sink is transactional");
  return nullptr;
}

// Who has to do with a block that was appended, or waits for room: the sync thread.
void wake_syncer(Stream& stream) {
  // An interval is not waited for: a commit is under way.
  if (stream.options().durability == Durability::interval) {
    stream.hurry_syncer();
  } else {
    stream.wake_syncer();
  }
}

Napi::Value number_of(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

// prepare(handle, shard, attempt, count, hasOutputs, sinkPlaces, details?): undefined where there is no room yet, else
// the commit's numbers.
Napi::Value prepare(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = transactional_seat(arguments, env, &local);
  const uint32_t count = arguments.u32();
  const bool has_outputs = arguments.boolean();
  const SinkPlaces places = arguments.sink_places();
  std::vector<Detail> details;
  if (shard == nullptr || !arguments.ok() || !details_at(arguments, info, 6, &details)) return {};
  Stream& stream = local->stream();
  Consumer& consumer = shard->consumer();
  const Result<Committed> prepared = consumer.prepare(count, has_outputs, details, places);
  if (!prepared.is_ok()) {
    throw_status(env, stream.fail(prepared.status()));
    return {};
  }
  wake_syncer(stream);
  if (prepared.value() == Committed::full) return env.Undefined();
  const PreparedCommit& newest = consumer.prepared()->newest();
  const CommitStamp& stamp = newest.stamp;
  Napi::Object result = Napi::Object::New(env);
  result.Set("epoch", number_of(env, stamp.epoch));
  result.Set("n", number_of(env, stamp.n));
  result.Set("parentEpoch", number_of(env, stamp.parent.epoch));
  result.Set("parentN", number_of(env, stamp.parent.n));
  result.Set("through", number_of(env, newest.through()));
  if (stamp.n == 0) {
    result.Set("sources", Napi::Object::New(env));
  } else {
    result.Set("sources", sources_object(env, shard->consumer().sources_prepared()));
  }
  result.Set("filesVersion", number_of(env, stream.files_version()));
  return result;
}

// prepared(handle, shard, attempt): how many of those that are prepared are as safe as the level makes them,
// from the oldest on.
Napi::Value prepared(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = transactional_seat(arguments, info.Env(), &local);
  if (shard == nullptr || !arguments.ok()) return {};
  return number_of(info.Env(), shard->consumer().prepared()->reached());
}

// confirm(handle, shard, attempt, areLost, answers?): of the oldest one; false as in commit.
Napi::Value confirm(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = transactional_seat(arguments, info.Env(), &local);
  const bool are_lost = arguments.boolean();
  std::vector<Answer> answers;
  if (shard == nullptr || !arguments.ok() ||
      !answers_at(arguments, info, 4, local->stream(), &answers)) {
    return {};
  }
  Stream& stream = local->stream();
  const Napi::Value done =
      after_commit(info.Env(), stream, *shard, shard->consumer().confirm(answers, are_lost));
  // No group ends these messages: the sink has.
  stream.give_notice();
  return done;
}

// askedSink(handle, shard, attempt, epoch, lastEpoch, lastN): how many of the oldest ones took effect.
Napi::Value asked_sink(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = transactional_seat(arguments, info.Env(), &local);
  const double epoch = arguments.whole();
  const double last_epoch = arguments.whole();
  const double last_n = arguments.whole();
  if (shard == nullptr || !arguments.ok()) return {};
  const auto count = [](double number) { return static_cast<uint64_t>(std::max(number, 0.0)); };
  const SinkAnswer answer{count(epoch), {count(last_epoch), count(last_n)}};
  const Result<uint32_t> found = shard->consumer().ask(answer);
  if (!found.is_ok()) {
    throw_status(info.Env(), found.status());
    return {};
  }
  return number_of(info.Env(), found.value());
}

// discard(handle, shard, attempt): nothing that is prepared took effect.
Napi::Value discard(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = transactional_seat(arguments, info.Env(), &local);
  if (shard == nullptr || !arguments.ok()) return {};
  Stream& stream = local->stream();
  if (Status status = shard->consumer().discard(); !status.is_ok()) {
    throw_status(info.Env(), stream.fail(status));
  }
  return {};
}

// record(handle, shard, attempt): a block says what is confirmed; false as in commit.
Napi::Value record(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = transactional_seat(arguments, info.Env(), &local);
  if (shard == nullptr || !arguments.ok()) return {};
  return after_commit(info.Env(), local->stream(), *shard, shard->consumer().record());
}

// startOver(handle, shard, attempt): what is in flight is polled again; from where on.
Napi::Value start_over(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = nullptr;
  Shard* shard = transactional_seat(arguments, info.Env(), &local);
  if (shard == nullptr || !arguments.ok()) return {};
  shard->consumer().start_over();
  Napi::Object result = Napi::Object::New(info.Env());
  set_resumption(result, shard->consumer());
  return result;
}

}  // namespace

void export_commits(Napi::Env env, Napi::Object exports) {
  exports.Set("prepare", Napi::Function::New(env, prepare, "prepare"));
  exports.Set("prepared", Napi::Function::New(env, prepared, "prepared"));
  exports.Set("confirm", Napi::Function::New(env, confirm, "confirm"));
  exports.Set("askedSink", Napi::Function::New(env, asked_sink, "askedSink"));
  exports.Set("discard", Napi::Function::New(env, discard, "discard"));
  exports.Set("record", Napi::Function::New(env, record, "record"));
  exports.Set("startOver", Napi::Function::New(env, start_over, "startOver"));
}

}  // namespace semel::binding
