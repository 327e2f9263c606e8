// What lies in the ring: frames, in one of two layouts, chosen once for a stream. FORMAT.md gives the
// bytes.
//   compact  at-most-once without ids: length and type, nothing else; never on disk
//   full     everything recovery needs: sequence, time, id, the source's offset, CRC-32C
// The first word of both is the length, with the top bit for padding, so that one walk serves both.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/crc32c.h"
#include "core/id.h"
#include "core/offset.h"
#include "ring/ring.h"

namespace semel {

enum class FrameType : uint8_t {
  message = 0,
  retry = 1,      // a dead letter's message, sent again; its id is the letter's number
  malformed = 2,  // a row that its source could not read; becomes a dead letter
  offset = 3,     // no message: the source has been read up to here
  drop = 4,       // no message: the dead letter whose number is the payload is dropped
};

// Control frames are handled by the shard itself and take no sequence.
constexpr bool is_control(FrameType type) { return type >= FrameType::offset; }

enum class IdKind : uint8_t { none = 0, integer = 1, wide = 2 };

struct FrameSource {
  uint16_t partition = 0;
  Offset offset;
};

struct FrameHeader {
  uint64_t sequence = 0;
  uint64_t time_us = 0;
  FrameType type = FrameType::message;
  IdKind id_kind = IdKind::none;
  bool has_source = false;
  Id id;
  FrameSource source;
};

constexpr uint32_t kPaddingBit = 0x80000000u;
constexpr uint64_t kCompactHeaderBytes = 8;
constexpr uint64_t kFullHeaderBytes = 24;

// Bits of the meta word: a source follows, and its offset takes 16 bytes more.
constexpr uint64_t kSourceBit = 1u << 6;
constexpr uint64_t kWideOffsetBit = 1u << 7;

constexpr uint64_t source_bits(const FrameHeader& header) {
  if (!header.has_source) return 0;
  return is_narrow(header.source.offset) ? kSourceBit : kSourceBit | kWideOffsetBit;
}

// Of a meta word, or of the bits that it will have.
constexpr uint64_t meta_header_bytes(uint64_t meta) {
  return kFullHeaderBytes + 8 * (meta >> 4 & 0x3) + 8 * (meta >> 6 & 1) + 16 * (meta >> 7 & 1);
}
constexpr uint64_t full_header_bytes(const FrameHeader& header) {
  return meta_header_bytes(static_cast<uint64_t>(header.id_kind) << 4 | source_bits(header));
}
// Without a source.
constexpr uint64_t full_header_bytes(IdKind id) {
  return meta_header_bytes(static_cast<uint64_t>(id) << 4);
}
constexpr uint64_t kFullHeaderBytesMax =
    meta_header_bytes(static_cast<uint64_t>(IdKind::wide) << 4 | kSourceBit | kWideOffsetBit);

constexpr IdKind id_kind_of(const Id& id) {
  return id.high == kIntegerHigh ? IdKind::integer : IdKind::wide;
}

// ---- writing: `payload` is not null, even where it is empty ----

inline void write_compact(uint8_t* at, FrameType type, const void* payload, uint32_t length) {
  store<uint32_t>(at, static_cast<uint32_t>(kCompactHeaderBytes + length));
  store<uint32_t>(at + 4, static_cast<uint32_t>(type));
  std::memcpy(at + kCompactHeaderBytes, payload, length);
}

// Where a frame's checksum starts: tied to the stream, so that a foreign journal never validates, and
// to the position, so that what an earlier lap left never does.
inline uint32_t frame_seed(uint32_t seed, uint64_t position, uint32_t length) {
  return seed ^ length ^ static_cast<uint32_t>(position >> 3) * 0x9E3779B1u;
}

inline void write_full(uint8_t* at, uint32_t seed, uint64_t position, const FrameHeader& header,
                       const void* payload, uint32_t length) {
  const uint64_t source = source_bits(header);
  const uint64_t header_bytes = full_header_bytes(header);
  const auto total = static_cast<uint32_t>(header_bytes + length);
  store<uint32_t>(at, total);
  store<uint64_t>(at + 8, header.sequence);
  store<uint64_t>(at + 16, header.time_us << 12 | source |
                               static_cast<uint64_t>(header.id_kind) << 4 |
                               static_cast<uint64_t>(header.type));
  uint8_t* next = at + kFullHeaderBytes;
  if (header.id_kind != IdKind::none) {
    store<uint64_t>(next, header.id.low);
    if (header.id_kind == IdKind::wide) store<uint64_t>(next + 8, header.id.high);
    next += 8 * static_cast<uint64_t>(header.id_kind);
  }
  if (source != 0) {
    const auto [partition, offset] = header.source;
    const bool is_wide = (source & kWideOffsetBit) != 0;
    if (is_wide) {
      store<uint64_t>(next, offset.low);
      store<uint64_t>(next + 8, offset.high);
      next += 16;
    }
    store<uint64_t>(next, (is_wide ? 0 : offset.low << 16) | partition);
    next += 8;
  }
  std::memcpy(next, payload, length);
  store<uint32_t>(at + 4, crc32c(frame_seed(seed, position, total), at + 8, total - 8));
}

inline void write_padding(uint8_t* at, uint32_t seed, uint64_t position, uint64_t bytes) {
  const auto length = static_cast<uint32_t>(bytes);
  store<uint32_t>(at, length | kPaddingBit);
  store<uint32_t>(at + 4, frame_seed(seed, position, length));
}

// ---- reading, in frames that a producer of this process published ----

inline bool is_padding(const uint8_t* at) { return (load<uint32_t>(at) & kPaddingBit) != 0; }
// Bytes of the frame as written, without the rounding up to the next frame.
inline uint32_t frame_length(const uint8_t* at) { return load<uint32_t>(at) & ~kPaddingBit; }
inline uint64_t frame_span(const uint8_t* at) { return round_up(frame_length(at), kFrameAlignment); }

inline FrameType compact_type(const uint8_t* at) {
  return static_cast<FrameType>(load<uint32_t>(at + 4) & 0xF);
}

inline uint64_t full_meta(const uint8_t* at) { return load<uint64_t>(at + 16); }
inline FrameType meta_type(uint64_t meta) { return static_cast<FrameType>(meta & 0xF); }
inline IdKind meta_id_kind(uint64_t meta) { return static_cast<IdKind>(meta >> 4 & 0x3); }
inline bool meta_has_source(uint64_t meta) { return (meta & kSourceBit) != 0; }
inline uint64_t meta_time_us(uint64_t meta) { return meta >> 12; }

inline Id full_id(const uint8_t* at, uint64_t meta) {
  switch (meta_id_kind(meta)) {
    case IdKind::integer: return integer_id(load<uint64_t>(at + kFullHeaderBytes));
    case IdKind::wide:
      return {load<uint64_t>(at + kFullHeaderBytes), load<uint64_t>(at + kFullHeaderBytes + 8)};
    case IdKind::none: break;
  }
  return {};
}

inline FrameSource full_source(const uint8_t* at, uint64_t meta) {
  const uint8_t* behind = at + meta_header_bytes(meta);
  const uint64_t word = load<uint64_t>(behind - 8);
  const auto partition = static_cast<uint16_t>(word & 0xFFFF);
  if ((meta & kWideOffsetBit) == 0) return {partition, word >> 16};
  return {partition, {load<uint64_t>(behind - 16), load<uint64_t>(behind - 24)}};
}

}  // namespace semel
