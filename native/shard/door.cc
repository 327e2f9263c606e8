#include "shard/door.h"

#include <algorithm>
#include <cassert>
#include <string>

namespace semel {

Status Door::stage(std::span<const uint8_t> memory, std::span<uint8_t> rows) {
  if (reinterpret_cast<uintptr_t>(rows.data()) % 8 != 0) {
    return {Code::invalid_argument, "the rows must be aligned to 8 bytes"};
  }
  memory_ = memory;
  rows_ = rows;
  return Status::ok();
}

void Door::begin() {
  stream_.sender_stages().enter(Stage::append);
  const uint64_t now_us = stream_.clock().now_us();
  for (uint32_t i = 0; i < stream_.shard_count(); ++i) stream_.shard(i).intake().begin(now_us);
}

void Door::end(uint64_t taken) {
  for (uint32_t i = 0; i < stream_.shard_count(); ++i) stream_.publish(i);
  stream_.sender_stages().count(taken);
  stream_.sender_stages().enter(Stage::none);
}

// ---- rows ----

// Why a row can't be taken, or null.
const char* Door::fault_of(const Row& row) const {
  const auto is_staged = [this](uint64_t start, uint64_t bytes) {
    return start + bytes <= memory_.size();
  };
  if (!is_staged(row.payload_at, row.payload_bytes)) {
    return "its payload is not in the staging buffer";
  }
  if (row.shard >= stream_.shard_count()) return "it names a shard that there is not";
  // Control frames are made here alone: recovery ends at one that lacks its parts.
  if (row.type() > FrameType::malformed || row.form() > IdForm::internal) {
    return "its type is unknown";
  }
  if (row.form() == IdForm::text && !is_staged(row.id[0], row.id[1])) {
    return "its id is not in the staging buffer";
  }
  if (row.is_wide() && !is_staged(row.wide_at(), kWideOffsetBytes)) {
    return "its offset is not in the staging buffer";
  }
  return nullptr;
}

Status Door::refusal_of(const Row& row, uint64_t payload_max) const {
  if (const char* why = fault_of(row); why != nullptr) {
    return {Code::invalid_argument, "a message can't be taken: " + std::string(why)};
  }
  return {Code::too_large, "a message of " + std::to_string(row.payload_bytes) +
                               " bytes is over the limit of " + std::to_string(payload_max) +
                               " (ring / 8); open the stream with a larger `ring`"};
}

Id Door::id_of(const Row& row) const {
  const uint64_t integer = uint64_t{row.id[1]} << 32 | row.id[0];
  switch (row.form()) {
    case IdForm::positive: return integer_id(integer);
    case IdForm::negative: return {integer, kNegativeIntegerHigh};
    case IdForm::internal: return {integer, kInternalHigh};
    case IdForm::text:
      return string_id(stream_.hash_key(),
                       reinterpret_cast<const char*>(memory_.data() + row.id[0]), row.id[1]);
    case IdForm::none: break;
  }
  return {};
}

Offset Door::offset_of(const Row& row) const {
  if (!row.is_wide()) return static_cast<uint64_t>(row.offset);
  const uint8_t* at = memory_.data() + row.wide_at();
  return {load<uint64_t>(at + 8), load<uint64_t>(at)};
}

FrameHeader Door::header_of(const Row& row) const {
  FrameHeader header;
  header.type = row.type();
  if (row.form() != IdForm::none) {
    header.id = id_of(row);
    header.id_kind = id_kind_of(header.id);
  }
  if (const uint32_t partition = row.partition_after(); partition != 0) {
    header.has_source = true;
    header.source = {static_cast<uint16_t>(partition - 1), offset_of(row)};
  }
  return header;
}

template <typename Put>
uint32_t Door::take_rows(uint32_t from, uint32_t count, Put put, Status* fault) {
  const uint64_t payload_max = Intake::payload_bytes_max(stream_.options().ring_bytes);
  uint8_t* at = rows_.data() + uint64_t{from} * kRowBytes;
  uint32_t taken = 0;
  for (; taken < count; ++taken, at += kRowBytes) {
    const auto row = load<Row>(at);
    if (fault_of(row) != nullptr || row.payload_bytes > payload_max) {
      *fault = refusal_of(row, payload_max);
      break;
    }
    Shard& shard = stream_.shard(row.shard);
    Intake& intake = shard.intake();
    const uint8_t wants = row.wants();
    if (wants != 0 && !shard.replies().has_room(intake.sequence() + 1)) break;
    if (!put(intake, row, memory_.data() + row.payload_at)) break;
    if (wants != 0) shard.replies().expect(intake.sequence(), wants);
    store<double>(at, static_cast<double>(intake.sequence()));
  }
  return taken;
}

Result<uint32_t> Door::append(uint32_t from, uint32_t count) {
  assert(uint64_t{from} + count <= row_count());
  if (Status health = stream_.health(); !health.is_ok()) return health;
  begin();
  Status fault;
  const uint32_t taken =
      stream_.shard(0).compact()
          ? take_rows(from, count,
                      [](Intake& intake, const Row& row, const uint8_t* payload) {
                        return intake.append_compact(row.type(), payload, row.payload_bytes);
                      },
                      &fault)
          : take_rows(from, count,
                      [this](Intake& intake, const Row& row, const uint8_t* payload) {
                        FrameHeader header = header_of(row);
                        return intake.append_full(header, payload, row.payload_bytes);
                      },
                      &fault);
  end(taken);
  if (!fault.is_ok() && taken == 0) return fault;
  return taken;
}

// ---- raw frames ----

template <typename ShardOf, typename Put>
uint64_t Door::take_frames(const RawFrames& frames, ShardOf shard_of, Put put) {
  const uint8_t* frame = frames.bytes.data();
  const uint8_t* const end = frame + frames.bytes.size();
  for (; frame < end; frame += frames.size) {
    if (!put(shard_of(frame).intake(), frame)) break;
  }
  return static_cast<uint64_t>(frame - frames.bytes.data()) / frames.size;
}

template <typename Put>
uint64_t Door::take_frames(const RawFrames& frames, Put put) {
  if (stream_.shard_count() == 1) {
    Shard& only = stream_.shard(0);
    return take_frames(frames, [&only](const uint8_t*) -> Shard& { return only; }, put);
  }
  if (!frames.has_key() && !frames.has_id()) {
    const auto next = [this](const uint8_t*) -> Shard& {
      return stream_.shard(stream_.shard_of(integer_id(stream_.next_round())));
    };
    return take_frames(frames, next, put);
  }
  const uint32_t key_at = frames.has_key() ? frames.key_at : frames.id_at;
  const auto keyed = [this, key_at](const uint8_t* frame) -> Shard& {
    return stream_.shard(stream_.shard_of(integer_id(load<uint64_t>(frame + key_at))));
  };
  return take_frames(frames, keyed, put);
}

Result<uint64_t> Door::append(const RawFrames& frames) {
  assert(frames.is_whole() && frames.holds_integers());
  if (frames.size > Intake::payload_bytes_max(stream_.options().ring_bytes)) {
    return Status{Code::too_large,
                  "a frame of " + std::to_string(frames.size) + " bytes is over the limit (ring / 8)"};
  }
  if (Status health = stream_.health(); !health.is_ok()) return health;
  begin();
  const uint32_t size = frames.size;
  uint64_t taken;
  if (stream_.shard(0).compact()) {
    taken = take_frames(frames, [size](Intake& intake, const uint8_t* frame) {
      return intake.append_compact(FrameType::message, frame, size);
    });
  } else if (frames.has_id()) {
    taken = take_frames(frames, [size, id_at = frames.id_at](Intake& intake, const uint8_t* frame) {
      FrameHeader header;
      header.id_kind = IdKind::integer;
      header.id = integer_id(load<uint64_t>(frame + id_at));
      return intake.append_full(header, frame, size);
    });
  } else {
    taken = take_frames(frames, [size](Intake& intake, const uint8_t* frame) {
      FrameHeader header;
      return intake.append_full(header, frame, size);
    });
  }
  end(taken);
  return taken;
}

// ---- what is no message ----

bool Door::append_offset(uint32_t index, FrameSource source) {
  Shard& shard = stream_.shard(index);
  if (shard.compact()) return true;
  FrameHeader header;
  header.type = FrameType::offset;
  header.has_source = true;
  header.source = source;
  shard.intake().begin(stream_.clock().now_us());
  const bool fits = shard.intake().append_full(header, "", 0);
  stream_.publish(index);
  return fits;
}

uint64_t Door::room() const {
  uint64_t least = stream_.options().ring_bytes;
  for (uint32_t i = 0; i < stream_.shard_count(); ++i) {
    const Ring& ring = stream_.shard(i).ring();
    least = std::min(least, ring.capacity() - (ring.claimed() - ring.released()));
  }
  return least;
}

}  // namespace semel
