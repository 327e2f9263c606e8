// Reads all of a stream's directory and tells what is wrong with it and what that costs: for `semel
// verify`, and what `semel repair` goes by. Changes nothing.
//
// Invariants:
//  1. A directory without a finding of the kinds damage, missing or foreign opens, and one with such a
//     finding is refused at open.
//  2. A torn tail and what a crash leaves over are findings, since an operator will ask about them, and
//     are no damage.
//  3. All damage is listed, not the first alone; work and memory are bounded by the files' sizes.
// Beside a running stream the tails move: what is found then may not be so (`holder` says whose it is).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/ranges.h"
#include "repair/finding.h"
#include "shard/manifest.h"

namespace semel {

// What damage costs, by sequence; of dead letters by their number.
struct Stake {
  Ranges lost;       // stored, not done, and not there any more
  Ranges again;      // may take effect a second time
  Ranges unknown;    // done, or parked and then lost: nothing tells
  Ranges forgotten;  // done; a copy of one that is sent again would not be known as a duplicate
  Ranges letters;    // dead letters that are gone, but for those that had been dealt with
  // Whether more was stored behind this sequence is not known; nothing: all of it is accounted for.
  std::optional<uint64_t> unknown_behind;

  bool empty() const {
    return lost.empty() && again.empty() && unknown.empty() && forgotten.empty() &&
           letters.empty() && !unknown_behind.has_value();
  }
};

struct ShardStake {
  uint32_t shard = 0;
  bool damaged = false;
  Stake stake;
};

struct Verification {
  std::string name;     // of the pipeline; empty where the manifest can't be read
  uint64_t holder = 0;  // pid of the process that has the stream open; 0: none
  std::vector<Finding> findings;
  std::vector<ShardStake> shards;

  bool damaged() const;
};

// Fails only where the directory holds no stream, or can't be read.
Result<Verification> verify_directory(Storage& storage, const std::string& directory);

}  // namespace semel
