// One entry of a commit's details: what becomes of a message that an outcome alone can't tell of.
#pragma once

#include <cstdint>
#include <span>

#include "shard/outcome.h"

namespace semel {

// In the order of sequences.
struct Detail {
  // `settle` ends a message that was parked before, with an outcome that is no dead letter.
  enum class Action : uint32_t { park = 1, dead_letter = 2, settle = 3 };
  uint64_t sequence;
  Action action;
  uint32_t attempts;
  uint64_t due_us;
  Outcome outcome;  // of `settle`
  std::span<const uint8_t> history;

  // How the message ends, where it is not parked.
  Outcome end() const { return action == Action::dead_letter ? Outcome::dead_lettered : outcome; }
};

}  // namespace semel
