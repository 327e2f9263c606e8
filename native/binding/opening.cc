// Opening a stream: in one step, or in two where its sink is to be asked in between.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/views.h"

namespace semel::binding {
namespace {

constexpr double kWholeMax = 9007199254740991.0;

// Reads the options that src/native/addon.ts has checked already; a missing one is a programmer's
// error and reads as 0.
class OptionReader {
 public:
  explicit OptionReader(const Napi::Object& object) : object_(object) {}

  std::string text(const char* name) {
    const Napi::Value value = get(name);
    return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  }
  uint64_t number(const char* name) {
    const Napi::Value value = get(name);
    if (!value.IsNumber()) return 0;
    const double number = value.As<Napi::Number>().DoubleValue();
    return number > 0 ? static_cast<uint64_t>(std::min(number, kWholeMax)) : 0;
  }
  // One that is too large for T is out of bounds still.
  template <typename T>
  T narrow(const char* name) {
    return static_cast<T>(std::min<uint64_t>(number(name), std::numeric_limits<T>::max()));
  }
  bool flag(const char* name) {
    const Napi::Value value = get(name);
    return value.IsBoolean() && value.As<Napi::Boolean>().Value();
  }

 private:
  // Empty where a getter throws; from then on always, since the exception is pending.
  Napi::Value get(const char* name) const {
    const napi_env env = object_.Env();
    napi_value value = nullptr;
    bool pending = true;
    if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return {};
    if (napi_get_named_property(env, object_, name, &value) != napi_ok) return {};
    return {env, value};
  }

  const Napi::Object object_;
};

StreamOptions read_options(const Napi::Object& object) {
  OptionReader reader(object);
  StreamOptions options;
  options.name = reader.text("name");
  options.directory = reader.text("directory");
  options.shards = reader.narrow<uint32_t>("shards");
  options.workers = reader.narrow<uint32_t>("workers");
  options.delivery = static_cast<Delivery>(reader.narrow<uint8_t>("delivery"));
  options.payloads = static_cast<Payloads>(reader.narrow<uint8_t>("payloads"));
  options.frame_bytes = reader.narrow<uint32_t>("frameBytes");
  options.durability = static_cast<Durability>(reader.narrow<uint8_t>("durability"));
  options.visibility = static_cast<Visibility>(reader.narrow<uint8_t>("visibility"));
  options.journal = reader.flag("journal");
  options.ring_bytes = reader.number("ringBytes");
  options.segment_bytes = reader.number("segmentBytes");
  options.interval_us = reader.number("intervalMs") * 1000;
  options.group_pause_us = reader.number("groupPauseUs");
  options.dedup = reader.flag("dedup");
  options.window_us = reader.number("windowMs") * 1000;
  options.ids_max = reader.number("maxIds");
  options.shorten_window = reader.flag("shortenWindow");
  options.transactional = reader.flag("transactional");
  options.parked_max = reader.number("parkedMax");
  options.in_flight_max = reader.narrow<uint32_t>("inFlightMax");
  return options;
}

Status check(const StreamOptions& options) {
  const auto refuse = [](const char* why) { return Status{Code::invalid_argument, why}; };
  if (options.shards == 0 || options.shards > kShardsMax) return refuse("shards must be 1 to 256");
  if (options.delivery > Delivery::exactly_once || options.durability > Durability::disk ||
      options.visibility > Visibility::durable) {
    return refuse("delivery, durability or visibility is not known");
  }
  if (options.workers == 0 || options.workers > 256) return refuse("workers must be 1 to 256");
  if (!is_ring_capacity(options.ring_bytes)) {
    return refuse("ring must be a power of two from 64 KiB to 1 GiB");
  }
  if (!std::has_single_bit(options.in_flight_max) || options.in_flight_max > 65536) {
    return refuse("inFlight must be a power of two up to 65536");
  }
  if (options.payloads > Payloads::frames || options.frame_bytes > kRawFrameBytesMax ||
      (options.payloads == Payloads::frames) != (options.frame_bytes > 0)) {
    return refuse("frameBytes must be 1 to 1048576 of frames, and 0 of objects");
  }
  if (options.dedup && (options.window_us == 0 || options.ids_max == 0)) {
    return refuse("dedup needs a window and maxIds");
  }
  if (options.parked_max == 0) return refuse("parkedMax must be 1 at least");
  if (options.transactional && !keeps_files(options)) {
    return refuse("a transactional sink's commits need a durable stream");
  }
  return Status::ok();
}

// Runs on the owner's thread, perhaps while its environment is being torn down, when no JavaScript can
// run any more: that is no error. What the notice itself throws is the program's, as from any event.
void run_notice(Napi::Env env, Napi::Function notice) {
  if (static_cast<napi_env>(env) == nullptr) return;
  napi_value undefined;
  napi_value result;
  if (napi_get_undefined(env, &undefined) != napi_ok ||
      napi_call_function(env, undefined, notice, 0, nullptr, &result) != napi_pending_exception) {
    return;
  }
  napi_value error;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

// The options, checked; nothing with an error pending.
std::optional<StreamOptions> options_at(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  StreamOptions options = read_options(info[0].As<Napi::Object>());
  if (env.IsExceptionPending()) return std::nullopt;
  if (Status status = check(options); !status.is_ok()) {
    throw_status(env, status);
    return std::nullopt;
  }
  return options;
}

// Of the directory, as text.
Napi::String lineage_of(Napi::Env env, const Stream& stream) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(stream.lineage()));
  return Napi::String::New(env, text);
}

// lockDirectory(options): the first step of an opening whose sink is to be asked; the second is open() with
// `opening` and `answers`, or unlockDirectory().
Napi::Value lock_directory(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsObject()) {
    throw_status(env, {Code::invalid_argument, "lockDirectory takes options"});
    return {};
  }
  std::optional<StreamOptions> options = options_at(info);
  if (!options.has_value()) return {};
  auto locked = Stream::lock(Storage::real(), std::move(*options));
  if (!locked.is_ok()) {
    throw_status(env, locked.status());
    return {};
  }
  const Napi::String lineage = lineage_of(env, *locked.value());
  Environment& environment = Environment::of(env);
  const uint32_t opening = ++environment.last_opening;
  environment.openings.emplace(opening, std::move(locked.value()));
  Napi::Object result = Napi::Object::New(env);
  result.Set("opening", opening);
  result.Set("lineage", lineage);
  return result;
}

// unlockDirectory(opening)
Napi::Value unlock_directory(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t opening = arguments.u32();
  if (arguments.ok()) Environment::of(info.Env()).openings.erase(opening);
  return {};
}

// Three numbers for each shard: the epoch that the sink gave, and its last commit's epoch and n.
std::vector<SinkAnswer> answers_of(const Napi::Object& options) {
  std::vector<SinkAnswer> answers;
  const Napi::Value value = options.Get("answers");
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    return answers;
  }
  const auto numbers = value.As<Napi::Float64Array>();
  const auto whole = [&](std::size_t at) {
    const double number = numbers[at];
    return number >= 0 && number <= kWholeMax ? static_cast<uint64_t>(number) : 0;
  };
  for (std::size_t at = 0; at + 3 <= numbers.ElementLength(); at += 3) {
    answers.push_back({whole(at), {whole(at + 1), whole(at + 2)}});
  }
  return answers;
}

Result<std::unique_ptr<Stream>> open_stream(Napi::Env env, const Napi::Object& given,
                                            StreamOptions options) {
  const uint32_t opening = OptionReader(given).narrow<uint32_t>("opening");
  std::unique_ptr<Stream> stream;
  if (opening == 0) {
    auto locked = Stream::lock(Storage::real(), std::move(options));
    if (!locked.is_ok()) return locked;
    stream = std::move(locked.value());
  } else {
    auto& openings = Environment::of(env).openings;
    const auto found = openings.find(opening);
    if (found == openings.end()) return Status{Code::closed, "the opening was given up"};
    stream = std::move(found->second);
    openings.erase(found);
  }
  SEMEL_TRY(stream->open_shards(answers_of(given)));
  return stream;
}

// open(options, notice): `notice()` is called on this thread after want_notice().
Napi::Value open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction()) {
    throw_status(env, {Code::invalid_argument, "open takes options and a function"});
    return {};
  }
  std::optional<StreamOptions> options = options_at(info);
  if (!options.has_value()) return {};
  auto opened = open_stream(env, info[0].As<Napi::Object>(), std::move(*options));
  if (!opened.is_ok()) {
    throw_status(env, opened.status());
    return {};
  }
  auto entry = std::make_shared<StreamEntry>();
  entry->stream = std::move(opened.value());
  entry->seats = std::make_unique<ShardSeat[]>(entry->stream->shard_count());
  Stream& stream = *entry->stream;
  const uint32_t handle = Registry::instance().add(entry);
  LocalStream& local = Environment::of(env).add(handle, std::move(entry));
  local.owner = true;
  local.notice = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "semel", 1, 1);
  // The stream is open as long as its owner lives; it does not keep an idle process alive by itself.
  local.notice.Unref(env);
  stream.set_notice([notice = local.notice]() mutable { notice.NonBlockingCall(run_notice); });

  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("lineage", lineage_of(env, stream));
  result.Set("payloadBytesMax", static_cast<double>(Intake::payload_bytes_max(
                                    stream.options().ring_bytes)));
  // The directory's, whatever the options said.
  result.Set("segmentBytes", static_cast<double>(stream.options().segment_bytes));
  Napi::Array shards = Napi::Array::New(env, stream.shard_count());
  for (uint32_t i = 0; i < stream.shard_count(); ++i) {
    Shard& shard = stream.shard(i);
    const ShardRecovery& recovery = shard.recovery();
    Napi::Object found = Napi::Object::New(env);
    found.Set("epoch", shard.epoch());
    found.Set("redelivered", static_cast<double>(recovery.redelivered));
    found.Set("tornBytes", static_cast<double>(recovery.ack_torn));
    found.Set("tornCopy", recovery.torn_copy);
    found.Set("sources", sources_object(env, shard.stored_sources()));
    shards.Set(i, found);
  }
  result.Set("shards", shards);
  return result;
}

}  // namespace

void export_opening(Napi::Env env, Napi::Object exports) {
  exports.Set("lockDirectory", Napi::Function::New(env, lock_directory, "lockDirectory"));
  exports.Set("unlockDirectory", Napi::Function::New(env, unlock_directory, "unlockDirectory"));
  exports.Set("open", Napi::Function::New(env, open, "open"));
}

}  // namespace semel::binding
