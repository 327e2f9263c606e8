// How a stream was opened; checked by the caller, plain data here.
#pragma once

#include <cstdint>
#include <string>

namespace semel {

enum class Delivery : uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

enum class Durability : uint8_t {
  memory = 0,    // anonymous ring, no ack log
  process = 1,   // mapped files; survives kill -9
  interval = 2,  // mapped files, synced every interval
  disk = 3,      // direct writes, one group after another
};

// What the payloads of messages are. An opener that does not say, and a directory of 0.1.0: unknown.
enum class Payloads : uint8_t { unknown = 0, objects = 1, frames = 2 };

constexpr uint32_t kRawFrameBytesMax = 1u << 20;

// Which frames the worker may see.
enum class Visibility : uint8_t {
  published = 0,  // at once; the sink can be cut back, so its commit alone waits
  durable = 1,    // after their group; the sink's effects can't be taken back (I12)
};

constexpr uint32_t kShardsMax = 256;

struct StreamOptions {
  std::string name;
  std::string directory;  // empty: nothing is kept, `memory` only
  uint32_t shards = 1;
  uint32_t workers = 1;  // doorbells; inline counts as one
  Delivery delivery = Delivery::at_most_once;
  Payloads payloads = Payloads::unknown;
  uint32_t frame_bytes = 0;  // of Payloads::frames, else 0
  Durability durability = Durability::memory;
  Visibility visibility = Visibility::published;
  // Without one, messages are in memory alone: their sources give again what was not committed.
  bool journal = true;
  uint64_t ring_bytes = 16ull << 20;
  uint64_t segment_bytes = 32ull << 20;
  uint64_t interval_us = 0;       // of Durability::interval
  uint64_t group_pause_us = 500;  // between groups under load, of Durability::disk
  bool dedup = false;
  uint64_t window_us = 0;
  uint64_t ids_max = 1ull << 24;  // per shard
  bool shorten_window = false;
  bool transactional = false;     // the sink has the last word on each commit
  uint64_t parked_max = 10'000;   // messages, per shard
  uint32_t in_flight_max = 4096;  // per shard; a power of two
};

constexpr bool keeps_files(const StreamOptions& options) {
  return options.durability != Durability::memory;
}

}  // namespace semel
