// What the ingest thread calls. A row describes one message in the staging buffer; 32 bytes, eight
// 32-bit words, written by JavaScript and kept in step with src/native/rows.ts:
//   0  where the payload starts     1  its length, bytes
//   2  shard                        3  FrameType | what its sender waits for (shard/replies.h)
//                                      | id form << 8 | partition + 1 << 16 (0: no source)
//   4…5  the id: an integer's low and high word, or a text's start and length in the staging buffer
//   6…7  the source's offset, a double
// append() puts the message's sequence, a double, over words 0…1 of what it has taken.
#include <algorithm>

#include "binding/arguments.h"
#include "binding/functions.h"
#include "binding/letter_object.h"

namespace semel::binding {
namespace {

enum class IdForm : uint32_t { none = 0, positive = 1, negative = 2, text = 3, internal = 4 };

constexpr uint32_t kRowWords = 8;
constexpr uint32_t kRowTypeMask = 0xFF & ~uint32_t{kWants};

// registerIntake(handle, staging: Uint8Array, rows: Uint32Array as bytes)
Napi::Value register_intake(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const std::span<uint8_t> staging = arguments.bytes();
  const std::span<uint8_t> rows = arguments.bytes();
  if (!arguments.ok()) return {};
  if (reinterpret_cast<uintptr_t>(rows.data()) % 8 != 0) {
    throw_status(info.Env(), {Code::invalid_argument, "the rows must be aligned to 8 bytes"});
    return {};
  }
  Intake& intake = local->intake;
  intake.staging_reference = Napi::Persistent(info[1].As<Napi::Object>());
  intake.rows_reference = Napi::Persistent(info[2].As<Napi::Object>());
  intake.staging = staging.data();
  intake.staging_bytes = staging.size();
  intake.rows = reinterpret_cast<uint32_t*>(rows.data());
  intake.row_count = rows.size() / (kRowWords * 4);
  return {};
}

bool in_staging(const Intake& intake, uint64_t start, uint64_t length) {
  return start + length <= intake.staging_bytes;
}

Id row_id(const Intake& intake, const HashKey& key, const uint32_t* row, IdForm form) {
  const uint64_t integer = uint64_t{row[5]} << 32 | row[4];
  switch (form) {
    case IdForm::positive: return integer_id(integer);
    case IdForm::negative: return {integer, kNegativeIntegerHigh};
    case IdForm::internal: return {integer, kInternalHigh};
    case IdForm::text:
      return string_id(key, reinterpret_cast<const char*>(intake.staging + row[4]), row[5]);
    case IdForm::none: break;
  }
  return {};
}

// Why a row can't be taken, or null.
const char* row_fault(const Intake& intake, const Stream& stream, const uint32_t* row) {
  const uint32_t form = row[3] >> 8 & 0xFF;
  if (!in_staging(intake, row[0], row[1])) return "its payload is not in the staging buffer";
  if (row[2] >= stream.shard_count()) return "it names a shard that there is not";
  // Control frames are made here alone: recovery ends at one that lacks its parts.
  if ((row[3] & kRowTypeMask) > static_cast<uint32_t>(FrameType::malformed) ||
      form > static_cast<uint32_t>(IdForm::internal)) {
    return "its type is unknown";
  }
  if (form == static_cast<uint32_t>(IdForm::text) && !in_staging(intake, row[4], row[5])) {
    return "its id is not in the staging buffer";
  }
  return nullptr;
}

// append(handle, from, count): takes rows until one does not fit its shard's ring; returns how many.
Napi::Value append(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t from = arguments.u32();
  const uint32_t count = arguments.u32();
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  Intake& intake = local->intake;
  if (uint64_t{from} + count > intake.row_count) {
    arguments.fail("inside the registered rows");
    return {};
  }
  if (Status health = stream.health(); !health.is_ok()) {
    throw_status(info.Env(), health);
    return {};
  }
  stream.sender_stages().enter(Stage::append);
  const uint64_t payload_max =
      semel::Intake::payload_bytes_max(stream.options().ring_bytes);
  const HashKey key = stream.hash_key();
  const uint64_t now_us = stream.clock().now_us();
  uint32_t taken = 0;
  const uint32_t shards = stream.shard_count();
  for (uint32_t i = 0; i < shards; ++i) stream.shard(i).intake().begin(now_us);
  Status fault;
  for (; taken < count; ++taken) {
    uint32_t* row = intake.rows + uint64_t{from + taken} * kRowWords;
    if (const char* why = row_fault(intake, stream, row); why != nullptr) {
      fault = {Code::invalid_argument, "a message can't be taken: " + std::string(why)};
      break;
    }
    if (row[1] > payload_max) {
      fault = {Code::too_large, "a message of " + std::to_string(row[1]) +
                                    " bytes is over the limit of " + std::to_string(payload_max) +
                                    " (ring / 8); open the stream with a larger `ring`"};
      break;
    }
    Shard& shard = stream.shard(row[2]);
    const auto type = static_cast<FrameType>(row[3] & kRowTypeMask);
    const auto wants = static_cast<uint8_t>(row[3] & kWants);
    if (wants != 0 && !shard.replies().has_room(shard.intake().sequence() + 1)) break;
    const uint8_t* payload = intake.staging + row[0];
    bool fits;
    if (shard.compact()) {
      fits = shard.intake().append_compact(type, payload, row[1]);
    } else {
      FrameHeader header;
      header.type = type;
      const auto form = static_cast<IdForm>(row[3] >> 8 & 0xFF);
      if (form != IdForm::none) {
        header.id = row_id(intake, key, row, form);
        header.id_kind = id_kind_of(header.id);
      }
      if (const uint32_t partition = row[3] >> 16; partition != 0) {
        header.has_source = true;
        header.source = {static_cast<uint16_t>(partition - 1),
                         static_cast<uint64_t>(load<double>(row + 6))};
      }
      fits = shard.intake().append_full(header, payload, row[1]);
    }
    if (!fits) break;
    if (wants != 0) shard.replies().expect(shard.intake().sequence(), wants);
    store<double>(row, static_cast<double>(shard.intake().sequence()));
  }
  for (uint32_t i = 0; i < shards; ++i) stream.publish(i);
  stream.sender_stages().count(taken);
  stream.sender_stages().enter(Stage::none);
  if (!fault.is_ok() && taken == 0) {
    throw_status(info.Env(), fault);
    return {};
  }
  return Napi::Number::New(info.Env(), taken);
}

// appendFrames(handle, bytes, size, idAt, keyAt, source): takes frames of `size` bytes from the start
// of `bytes` until one does not fit; returns how many. idAt and keyAt are offsets in a frame of
// 8-byte integers, or ≥ size for none.
Napi::Value append_frames(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const std::span<uint8_t> bytes = arguments.bytes();
  const uint32_t size = arguments.u32();
  const uint32_t id_at = arguments.u32();
  const uint32_t key_at = arguments.u32();
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  const bool has_id = id_at < size;
  const bool has_key = key_at < size;
  if (size == 0 || bytes.size() % size != 0) {
    arguments.fail("a whole number of frames");
    return {};
  }
  if ((has_id && id_at + 8 > size) || (has_key && key_at + 8 > size)) {
    arguments.fail("an offset of 8 bytes inside a frame");
    return {};
  }
  if (size > semel::Intake::payload_bytes_max(stream.options().ring_bytes)) {
    throw_status(info.Env(), {Code::too_large, "a frame of " + std::to_string(size) +
                                                   " bytes is over the limit (ring / 8)"});
    return {};
  }
  if (Status health = stream.health(); !health.is_ok()) {
    throw_status(info.Env(), health);
    return {};
  }
  stream.sender_stages().enter(Stage::append);
  const uint32_t shards = stream.shard_count();
  const uint64_t now_us = stream.clock().now_us();
  for (uint32_t i = 0; i < shards; ++i) stream.shard(i).intake().begin(now_us);
  const uint8_t* frame = bytes.data();
  const uint8_t* const end = frame + bytes.size();
  const bool compact = stream.shard(0).compact();
  for (; frame < end; frame += size) {
    Shard* shard = &stream.shard(0);
    if (shards > 1) {
      const Id key = integer_id(has_key  ? load<uint64_t>(frame + key_at)
                                : has_id ? load<uint64_t>(frame + id_at)
                                         : stream.next_round());
      shard = &stream.shard(stream.shard_of(key));
    }
    if (compact) {
      if (!shard->intake().append_compact(FrameType::message, frame, size)) break;
      continue;
    }
    FrameHeader header;
    if (has_id) {
      header.id_kind = IdKind::integer;
      header.id = integer_id(load<uint64_t>(frame + id_at));
    }
    if (!shard->intake().append_full(header, frame, size)) break;
  }
  for (uint32_t i = 0; i < shards; ++i) stream.publish(i);
  const auto taken = static_cast<uint64_t>(frame - bytes.data()) / size;
  stream.sender_stages().count(taken);
  stream.sender_stages().enter(Stage::none);
  return Napi::Number::New(info.Env(), static_cast<double>(taken));
}

// appendOffset(handle, shard, partition, offset): a control frame that says how far the source has
// been read; false when the ring is full.
Napi::Value append_offset(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  const uint32_t partition = arguments.u32();
  const double offset = arguments.whole();
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  Shard& shard = stream.shard(index);
  if (shard.compact()) return Napi::Boolean::New(info.Env(), true);
  FrameHeader header;
  header.type = FrameType::offset;
  header.has_source = true;
  header.source = {static_cast<uint16_t>(partition), static_cast<uint64_t>(std::max(offset, 0.0))};
  shard.intake().begin(stream.clock().now_us());
  const bool fits = shard.intake().append_full(header, "", 0);
  stream.publish(index);
  return Napi::Boolean::New(info.Env(), fits);
}

// deadLetters(handle, shard, after, max): the open ones behind that number, oldest first. It copies.
Napi::Value dead_letters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  const double after = arguments.whole();
  const uint32_t max = arguments.u32();
  if (!arguments.ok()) return {};
  const DeadLetters* letters = local->stream().shard(index).dead_letters();
  Napi::Array found = Napi::Array::New(env);
  if (letters == nullptr || max == 0) return found;
  const Status status = letters->visit_open(
      [&](const DeadLetter& letter) {
        found.Set(found.Length(), letter_object(env, letter));
        return found.Length() < max;
      },
      static_cast<uint64_t>(std::max(after, 0.0)));
  if (!status.is_ok()) {
    throw_status(env, status);
    return {};
  }
  return found;
}

// Why a letter that was asked for one end can't have the other.
const char* other_end(DeadLetters::How asked) {
  return asked == DeadLetters::How::retried
             ? " is being sent again, and can't be dropped any more; where its message fails once more, "
               "drop the letter of that"
             : " is being dropped, and can't be sent again any more; send its message anew";
}

// endDeadLetter(handle, shard, number, retry): sends its message again, or drops it; false when the
// ring is full. Both go through the ring, so that the worker does them in turn and the ack log with
// them. A letter goes once: it stays open until its frame is committed, and true is the answer until
// then, without another frame.
Napi::Value end_dead_letter(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  const uint32_t index = local == nullptr ? 0 : arguments.shard(local);
  const double number = arguments.whole();
  const bool retry = arguments.boolean();
  if (!arguments.ok()) return {};
  Shard& shard = local->stream().shard(index);
  const auto wanted = static_cast<uint64_t>(number > 0 ? number : 0);
  if (shard.dead_letters() == nullptr || !shard.dead_letters()->shows(wanted)) {
    throw_status(info.Env(), {Code::invalid_argument,
                              "shard " + std::to_string(index) + " has no open dead letter " +
                                  std::to_string(wanted) + "; list them for their numbers"});
    return {};
  }
  DeadLetters& letters = *shard.dead_letters();
  const auto how = retry ? DeadLetters::How::retried : DeadLetters::How::dropped;
  if (const auto asked = letters.asked(wanted); asked.has_value()) {
    if (*asked == how) return Napi::Boolean::New(info.Env(), true);
    throw_status(info.Env(), {Code::invalid_argument,
                              "dead letter " + std::to_string(wanted) + other_end(*asked)});
    return {};
  }
  FrameHeader header;
  bool fits;
  shard.intake().begin(local->stream().clock().now_us());
  if (retry) {
    auto letter = letters.read(wanted);
    if (!letter.is_ok()) {
      throw_status(info.Env(), letter.status());
      return {};
    }
    if (letter.value().type == static_cast<uint8_t>(FrameType::malformed)) {
      throw_status(info.Env(), {Code::invalid_argument,
                                "dead letter " + std::to_string(wanted) +
                                    " is a row that could not be read; send it mended, and drop it"});
      return {};
    }
    const std::vector<uint8_t>& payload = letter.value().payload;
    header.type = FrameType::retry;
    header.id = {wanted, kInternalHigh};
    header.id_kind = IdKind::wide;
    fits = shard.intake().append_full(header, payload.empty() ? &wanted : static_cast<const void*>(payload.data()),
                                      static_cast<uint32_t>(payload.size()));
  } else {
    header.type = FrameType::drop;
    fits = shard.intake().append_full(header, &wanted, sizeof wanted);
  }
  if (fits) letters.ask(wanted, how);
  local->stream().publish(index);
  return Napi::Boolean::New(info.Env(), fits);
}

// room(handle): bytes that are free in the fullest ring.
Napi::Value room(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  if (!arguments.ok()) return {};
  Stream& stream = local->stream();
  uint64_t least = stream.options().ring_bytes;
  for (uint32_t i = 0; i < stream.shard_count(); ++i) {
    const Ring& ring = stream.shard(i).ring();
    least = std::min(least, ring.capacity() - (ring.claimed() - ring.released()));
  }
  return Napi::Number::New(info.Env(), static_cast<double>(least));
}

// wantNotice(handle): the next progress calls the notice given to open().
Napi::Value want_notice(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  LocalStream* local = arguments.stream();
  if (!arguments.ok()) return {};
  local->stream().want_notice();
  return {};
}

}  // namespace

void export_intake(Napi::Env env, Napi::Object exports) {
  exports.Set("registerIntake", Napi::Function::New(env, register_intake, "registerIntake"));
  exports.Set("append", Napi::Function::New(env, append, "append"));
  exports.Set("appendFrames", Napi::Function::New(env, append_frames, "appendFrames"));
  exports.Set("appendOffset", Napi::Function::New(env, append_offset, "appendOffset"));
  exports.Set("deadLetters", Napi::Function::New(env, dead_letters, "deadLetters"));
  exports.Set("endDeadLetter", Napi::Function::New(env, end_dead_letter, "endDeadLetter"));
  exports.Set("room", Napi::Function::New(env, room, "room"));
  exports.Set("wantNotice", Napi::Function::New(env, want_notice, "wantNotice"));
}

}  // namespace semel::binding
