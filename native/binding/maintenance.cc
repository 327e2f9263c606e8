// A directory that this process has not opened: verify, repair, and reading what is in it.
#include <algorithm>

#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/letter_object.h"
#include "binding/report_arrays.h"
#include "repair/repair.h"
#include "shard/box.h"
#include "shard/inspect.h"

namespace semel::binding {
namespace {

// Of payloads at a time, so that a long list takes little memory.
constexpr uint64_t kPageBytesMax = 16ull << 20;

const char* kind_name(FindingKind kind) {
  switch (kind) {
    case FindingKind::damage: return "damage";
    case FindingKind::missing: return "missing";
    case FindingKind::foreign: return "foreign";
    case FindingKind::torn_tail: return "torn-tail";
    case FindingKind::leftover: return "leftover";
  }
  return "damage";
}

Napi::Object to_object(Napi::Env env, const ShardStake& shard) {
  const Stake& stake = shard.stake;
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("shard", shard.shard);
  entry.Set("damaged", shard.damaged);
  entry.Set("lost", to_array(env, stake.lost));
  entry.Set("again", to_array(env, stake.again));
  entry.Set("unknown", to_array(env, stake.unknown));
  entry.Set("forgotten", to_array(env, stake.forgotten));
  entry.Set("deadLettersLost", to_array(env, stake.letters));
  if (stake.unknown_behind.has_value()) {
    entry.Set("unknownBehind", static_cast<double>(*stake.unknown_behind));
  }
  return entry;
}

Napi::Object to_object(Napi::Env env, const Verification& found) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", found.name);
  result.Set("holder", static_cast<double>(found.holder));
  result.Set("damaged", found.damaged());
  Napi::Array findings = Napi::Array::New(env, found.findings.size());
  for (uint32_t i = 0; i < found.findings.size(); ++i) {
    const Finding& one = found.findings[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("kind", kind_name(one.kind));
    if (one.shard != kWholeDirectory) entry.Set("shard", one.shard);
    entry.Set("path", one.path);
    entry.Set("offset", static_cast<double>(one.offset));
    entry.Set("what", one.what);
    findings.Set(i, entry);
  }
  result.Set("findings", findings);
  Napi::Array shards = Napi::Array::New(env, found.shards.size());
  for (uint32_t i = 0; i < found.shards.size(); ++i) shards.Set(i, to_object(env, found.shards[i]));
  result.Set("shards", shards);
  return result;
}

Napi::Object to_object(Napi::Env env, const RepairPlan& plan) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("found", to_object(env, plan.found));
  result.Set("steps", to_array(env, plan.steps));
  result.Set("refusals", to_array(env, plan.refusals));
  result.Set("originals", "");
  return result;
}

// verify(directory): changes nothing.
Napi::Value verify(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string directory = arguments.text();
  if (!arguments.ok()) return {};
  auto found = verify_directory(Storage::real(), directory);
  if (found.is_ok()) return to_object(info.Env(), found.value());
  throw_status(info.Env(), found.status());
  return {};
}

// repair(directory, dryRun)
Napi::Value repair(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string directory = arguments.text();
  const bool plans_only = arguments.boolean();
  if (!arguments.ok()) return {};
  if (plans_only) {
    auto plan = plan_repair_locked(Storage::real(), directory);
    if (plan.is_ok()) return to_object(info.Env(), plan.value());
    throw_status(info.Env(), plan.status());
    return {};
  }
  auto repaired = repair_locked(Storage::real(), directory);
  if (!repaired.is_ok()) {
    throw_status(info.Env(), repaired.status());
    return {};
  }
  Napi::Object result = to_object(info.Env(), repaired.value().plan);
  result.Set("originals", repaired.value().originals);
  return result;
}

// readDeadLetters(directory, shard, after, max): changes nothing, whether or not somebody has it open.
Napi::Value read_letters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const std::string directory = arguments.text();
  const uint32_t shard = arguments.u32();
  const double after = arguments.whole();
  const uint32_t max = arguments.u32();
  if (!arguments.ok()) return {};
  auto letters = read_dead_letters(Storage::real(), directory, shard,
                                   static_cast<uint64_t>(std::max(after, 0.0)), max, kPageBytesMax);
  if (!letters.is_ok()) {
    throw_status(env, letters.status());
    return {};
  }
  Napi::Array found = Napi::Array::New(env, letters.value().size());
  for (uint32_t i = 0; i < letters.value().size(); ++i) {
    found.Set(i, letter_object(env, letters.value()[i]));
  }
  return found;
}

// readFile(directory, name): as getFile, of a directory that this process has not opened.
Napi::Value read_file(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const std::string directory = arguments.text();
  const std::string name = arguments.text();
  if (!arguments.ok()) return {};
  auto manifest = read_manifest(Storage::real(), directory);
  if (!manifest.is_ok()) {
    throw_status(env, manifest.status());
    return {};
  }
  auto content = read_box(Storage::real(), directory, name, manifest.value().salt);
  if (!content.is_ok()) {
    throw_status(env, content.status());
    return {};
  }
  return Napi::Buffer<uint8_t>::Copy(env, content.value().data(), content.value().size());
}

}  // namespace

void export_maintenance(Napi::Env env, Napi::Object exports) {
  exports.Set("verify", Napi::Function::New(env, verify, "verify"));
  exports.Set("repair", Napi::Function::New(env, repair, "repair"));
  exports.Set("readDeadLetters", Napi::Function::New(env, read_letters, "readDeadLetters"));
  exports.Set("readFile", Napi::Function::New(env, read_file, "readFile"));
}

}  // namespace semel::binding
