// A directory that goes on from what its transactional sink has. The asking is JavaScript's, with the
// directory locked meanwhile.
#include <cstdlib>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/report_arrays.h"
#include "binding/views.h"
#include "repair/repair.h"
#include "repair/sink_trust.h"

namespace semel::binding {
namespace {

const char* standing_name(Standing standing) {
  switch (standing) {
    case Standing::agreed: return "agreed";
    case Standing::ahead: return "ahead";
    case Standing::behind: return "behind";
    case Standing::other: return "other";
  }
  return "agreed";
}

// lockRepair(directory): a lock that unlockRepair() ends, and whose directory it is.
Napi::Value lock_repair(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string directory = arguments.text();
  if (!arguments.ok()) return {};
  auto held = lock_for_repair(Storage::real(), directory);
  if (!held.is_ok()) {
    throw_status(info.Env(), held.status());
    return {};
  }
  auto manifest = read_manifest(Storage::real(), directory);
  if (!manifest.is_ok()) {
    throw_status(info.Env(), manifest.status());
    return {};
  }
  Environment& environment = Environment::of(info.Env());
  const uint32_t number = ++environment.last_opening;
  environment.repairs.emplace(number, std::move(held.value()));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("lock", number);
  result.Set("name", manifest.value().name);
  result.Set("shards", manifest.value().shards);
  return result;
}

// unlockRepair(lock)
Napi::Value unlock_repair(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t number = arguments.u32();
  if (arguments.ok()) Environment::of(info.Env()).repairs.erase(number);
  return {};
}

uint64_t whole_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (object.Env().IsExceptionPending() || !value.IsNumber()) return 0;
  const double number = value.As<Napi::Number>().DoubleValue();
  // As many as a number holds exactly; more is junk.
  return number > 0 && number <= 9007199254740991.0 ? static_cast<uint64_t>(number) : 0;
}

Offset offset_of(const Napi::Value& value) {
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    return number > 0 && number <= 9007199254740991.0 ? static_cast<uint64_t>(number) : 0;
  }
  int sign = 0;
  std::size_t count = 2;
  uint64_t words[2] = {};
  if (value.IsBigInt()) value.As<Napi::BigInt>().ToWords(&sign, &count, words);
  return {words[1], words[0]};
}

// { lineage, epoch, n, through, knowsSources, partitions: number[], offsets: Offset[] }; nothing where it is
// something else, or a getter of it has thrown.
std::optional<SinkHeld> held_of(Napi::Env env, const Napi::Value& value) {
  if (!value.IsObject()) return std::nullopt;
  const auto given = value.As<Napi::Object>();
  const Napi::Value lineage = given.Get("lineage");
  if (env.IsExceptionPending() || !lineage.IsString()) return std::nullopt;
  SinkHeld held;
  held.lineage = std::strtoull(lineage.As<Napi::String>().Utf8Value().c_str(), nullptr, 16);
  held.last = {whole_of(given, "epoch"), whole_of(given, "n")};
  held.through = whole_of(given, "through");
  const Napi::Value knows = given.Get("knowsSources");
  const Napi::Value partitions = given.Get("partitions");
  const Napi::Value offsets = given.Get("offsets");
  if (env.IsExceptionPending() || !knows.IsBoolean() || !partitions.IsArray() ||
      !offsets.IsArray()) {
    return std::nullopt;
  }
  held.knows_sources = knows.As<Napi::Boolean>();
  for (uint32_t i = 0; i < partitions.As<Napi::Array>().Length(); ++i) {
    const Napi::Value number = partitions.As<Napi::Array>()[i];
    const Napi::Value offset = offsets.As<Napi::Array>()[i];
    if (env.IsExceptionPending() || !number.IsNumber()) return std::nullopt;
    held.sources.push_back({number.As<Napi::Number>().Uint32Value(), offset_of(offset), false});
  }
  return held;
}

Napi::Value number_of(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

Napi::Object commit_of(Napi::Env env, const CommitNumber& commit) {
  Napi::Object made = Napi::Object::New(env);
  made.Set("epoch", number_of(env, commit.epoch));
  made.Set("n", number_of(env, commit.n));
  return made;
}

Napi::Object to_object(Napi::Env env, const ShardTrust& shard) {
  Napi::Object made = Napi::Object::New(env);
  made.Set("shard", shard.shard);
  made.Set("standing", standing_name(shard.standing));
  made.Set("stored", number_of(env, shard.stored));
  made.Set("throughBefore", number_of(env, shard.through_before));
  made.Set("through", number_of(env, shard.through));
  made.Set("commitBefore", commit_of(env, shard.confirmed_before));
  made.Set("commit", commit_of(env, shard.confirmed));
  made.Set("sinkEpoch", number_of(env, shard.sink_epoch));
  made.Set("done", to_array(env, shard.done));
  made.Set("redone", to_array(env, shard.redone));
  made.Set("lost", to_array(env, shard.lost));
  made.Set("parked", to_array(env, shard.parked));
  made.Set("forgotten", to_array(env, shard.forgotten));
  made.Set("knowsSources", shard.knows_sources);
  Napi::Array sources = Napi::Array::New(env, shard.sources.size());
  for (uint32_t i = 0; i < shard.sources.size(); ++i) {
    const MovedSource& one = shard.sources[i];
    Napi::Object moved = Napi::Object::New(env);
    moved.Set("partition", one.partition);
    if (one.before.has_value()) moved.Set("before", offset_value(env, *one.before));
    if (one.after.has_value()) moved.Set("after", offset_value(env, *one.after));
    sources.Set(i, moved);
  }
  made.Set("sources", sources);
  Napi::Array stuck = Napi::Array::New(env, shard.stuck_sources.size());
  for (uint32_t i = 0; i < shard.stuck_sources.size(); ++i) stuck.Set(i, shard.stuck_sources[i]);
  made.Set("stuckSources", stuck);
  return made;
}

Napi::Object to_object(Napi::Env env, const Trusted& trusted) {
  const TrustPlan& plan = trusted.plan;
  Napi::Object made = Napi::Object::New(env);
  made.Set("name", plan.name);
  Napi::Array shards = Napi::Array::New(env, plan.shards.size());
  for (uint32_t i = 0; i < plan.shards.size(); ++i) shards.Set(i, to_object(env, plan.shards[i]));
  made.Set("shards", shards);
  made.Set("steps", to_array(env, plan.steps));
  made.Set("refusals", to_array(env, plan.refusals));
  made.Set("originals", trusted.originals);
  return made;
}

// trustSink(lock, directory, shards, byPosition, dryRun, sources?): src/native/trust.ts has the shapes.
Napi::Value trust(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const uint32_t lock = arguments.u32();
  const std::string directory = arguments.text();
  arguments.skip();
  TrustOrder order;
  order.by_position = arguments.boolean();
  const bool plans_only = arguments.boolean();
  if (info.Length() > 5 && !info[5].IsUndefined()) {
    const auto bytes = arguments.bytes();
    order.sources.emplace(bytes.begin(), bytes.end());
  }
  if (arguments.ok() && !info[2].IsArray()) arguments.fail("a list");
  if (!arguments.ok()) return {};
  if (!Environment::of(env).repairs.contains(lock)) {
    throw_status(env, {Code::closed, "the directory is not locked for a repair"});
    return {};
  }
  const auto given = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < given.Length(); ++i) {
    const Napi::Value one = given[i];
    auto held = env.IsExceptionPending() ? std::nullopt : held_of(env, one);
    if (env.IsExceptionPending()) return {};
    if (!held.has_value()) {
      arguments.fail("a list of what a sink has");
      return {};
    }
    order.shards.push_back(std::move(*held));
  }
  if (plans_only) {
    auto plan = plan_trust(Storage::real(), directory, order);
    if (plan.is_ok()) return to_object(env, Trusted{std::move(plan.value()), ""});
    throw_status(env, plan.status());
    return {};
  }
  auto trusted = trust_sink(Storage::real(), directory, order);
  if (trusted.is_ok()) return to_object(env, trusted.value());
  throw_status(env, trusted.status());
  return {};
}

}  // namespace

void export_trust(Napi::Env env, Napi::Object exports) {
  exports.Set("lockRepair", Napi::Function::New(env, lock_repair, "lockRepair"));
  exports.Set("unlockRepair", Napi::Function::New(env, unlock_repair, "unlockRepair"));
  exports.Set("trustSink", Napi::Function::New(env, trust, "trustSink"));
}

}  // namespace semel::binding
