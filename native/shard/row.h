// How JavaScript describes a message that it has staged: 32 bytes in a table of rows, written in step
// with src/runtime/door/staging.ts.
//
//   word 0  where the payload starts in the staging memory     1  its length, bytes
//        2  shard                                              3  kind, see below
//      4…5  the id: an integer's low and high word, or a text's start and length in the staging memory
//      6…7  the source's offset, a double; or, where the kind says that it is wide, in word 6 where its 16
//           bytes start in the staging memory, little-endian
//   kind    FrameType | wide offset << 5 | what its sender waits for (shard/replies.h) | id form << 8
//           | partition + 1 << 16 (0: no source)
// Who takes a message puts its sequence, a double, over words 0…1.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "ring/frame.h"
#include "shard/replies.h"

namespace semel {

constexpr uint32_t kWideOffset = 0x20;
constexpr uint32_t kWideOffsetBytes = 16;

enum class IdForm : uint32_t { none = 0, positive = 1, negative = 2, text = 3, internal = 4 };

struct Row {
  uint32_t payload_at;
  uint32_t payload_bytes;
  uint32_t shard;
  uint32_t kind;
  uint32_t id[2];
  double offset;

  FrameType type() const {
    return static_cast<FrameType>(kind & 0xFF & ~(uint32_t{kWants} | kWideOffset));
  }
  bool is_wide() const { return (kind & kWideOffset) != 0; }
  uint32_t wide_at() const { return load<uint32_t>(&offset); }
  uint8_t wants() const { return static_cast<uint8_t>(kind & kWants); }
  IdForm form() const { return static_cast<IdForm>(kind >> 8 & 0xFF); }
  uint32_t partition_after() const { return kind >> 16; }
};

constexpr uint64_t kRowBytes = 32;
static_assert(sizeof(Row) == kRowBytes);

}  // namespace semel
