// What the death of a worker means for the messages that it had under way: dropped, tried again in
// smaller numbers, or, for one that was alone, a failed attempt.
//
// Thread: who takes the shards over; the worker's thread is gone, and no new one has attached.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shard/stream.h"

namespace semel {

struct Death {
  // The message that this death is a failed attempt of; the caller charges it (Consumer::charge).
  struct Guilty {
    uint32_t shard;
    uint64_t sequence;
    uint32_t attempts;  // made before
    std::string history;
  };

  uint64_t dropped = 0;   // at most once: they were under way
  bool narrowed = false;  // the next death tells more than this one did
  std::optional<Guilty> guilty;
};

// Judges by everything that the worker's shards had under way, and hands all of it over but the
// guilty one.
Death hold_inquest(Stream& stream, uint32_t worker);

}  // namespace semel
