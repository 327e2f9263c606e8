// The numbers that cross the boundary: a slot's fields and the ends of a message.
#pragma once

#include <cstdint>

namespace semel {

enum class Outcome : int32_t {
  processed = 0,
  filtered = 1,
  duplicate = 2,
  late = 3,
  dead_lettered = 4,
  parked = 5,  // not an end: the message waits for its next attempt
  dropped = 6,
  given_up = 7,  // its partition is another reader's now: counted as dropped, and as if never read
};

// What the worker's JavaScript sees of a message in flight. It reads the first three and writes the
// outcome; nothing else is shared.
struct Slot {
  int32_t offset;   // of the payload in the ring
  int32_t length;   // of the payload, bytes
  int32_t kind;     // FrameType, kInFlightBit, and from kHeaderShift the length of the header
  int32_t outcome;  // Outcome; `duplicate` already where the index has seen the id
};

// The longest history of a parked message or dead letter, in bytes (src/reliability/attempts.ts).
constexpr uint64_t kHistoryBytesMax = 900;

// Another message with this id is in flight or parked: wait for it.
constexpr int32_t kInFlightBit = 0x100;
constexpr int kHeaderShift = 16;

}  // namespace semel
