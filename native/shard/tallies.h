// The counters of outcomes as an array, so that each outcome adds to its own.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>

#include "acklog/ack_types.h"
#include "shard/outcome.h"

namespace semel {

constexpr int kTallies = 6;

using Tallies = std::array<uint64_t, kTallies>;

inline int tally_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::processed: return 0;
    case Outcome::filtered: return 1;
    case Outcome::duplicate: return 2;
    case Outcome::late: return 3;
    case Outcome::dead_lettered: return 4;
    case Outcome::dropped:
    case Outcome::given_up: return 5;
    case Outcome::parked: break;
  }
  assert(false && "a parked message has no end yet");
  return 5;
}

inline Counters to_counters(const Tallies& tallies) {
  return {tallies[0], tallies[1], tallies[2], tallies[3], tallies[4], tallies[5]};
}

inline Tallies to_tallies(const Counters& counters) {
  return {counters.processed, counters.filtered,      counters.duplicate,
          counters.late,      counters.dead_lettered, counters.dropped};
}

}  // namespace semel
