// Cuts damage out of a closed directory, and says before what that costs: `semel repair`.
//
// Invariants:
//  1. Nothing is lost that the plan does not name, and what is lost stays visible: a message of the
//     journal that is gone becomes a dead letter that says so; the counters still add up (I5).
//  2. Every file that changes is first copied, durably, to `before-repair-<n>`; a crash anywhere leaves a
//     directory that repair can be run on again (repair_intent.h).
//  3. Afterwards verify finds no damage, and the directory opens.
//  4. What can't be repaired is refused with a sentence, and then nothing is changed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/storage.h"
#include "repair/verify.h"

namespace semel {

struct RepairPlan {
  Verification found;
  // A sentence for each thing that will be done, and for each that can't be: then nothing is done.
  std::vector<std::string> steps;
  std::vector<std::string> refusals;

  bool needed() const { return !steps.empty() || !refusals.empty(); }
};

struct Repaired {
  RepairPlan plan;
  std::string originals;  // where they are; empty: there was nothing to change
};

// Changes nothing. Below, the caller holds the directory's lock, or knows that nobody else is there.
Result<RepairPlan> plan_repair(Storage& storage, const std::string& directory);
Result<Repaired> repair(Storage& storage, const std::string& directory);

// Code::locked names the holder. What takes the lock makes a file: not in a directory that holds no stream.
Result<std::unique_ptr<DirectoryLock>> lock_for_repair(Storage& storage,
                                                       const std::string& directory);

// With the lock.
Result<RepairPlan> plan_repair_locked(Storage& storage, const std::string& directory);
Result<Repaired> repair_locked(Storage& storage, const std::string& directory);

}  // namespace semel
