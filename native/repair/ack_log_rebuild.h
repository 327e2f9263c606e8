// Writes an ack log anew from what a survey found: segments behind the old ones, under new names.
//
// Invariants:
//  1. Every good block's ids are in the new log, in their order and with their time, so that the window
//     forgets them when it would have.
//  2. The last block is `state`: header, parked messages, source offsets; before it nothing is parked.
//  3. The new files are durable when it returns. It changes no file that is there.
#pragma once

#include <string>
#include <vector>

#include "repair/ack_log_survey.h"

namespace semel::acklog {

struct RebuildOrder {
  std::string directory;
  uint64_t directory_salt = 0;
  uint64_t segment_bytes = 0;
  std::string suffix;                                // of the new files' names
  const std::vector<Id>* ids_unseen = nullptr;       // ids to be seen that no block holds
};

// The segments' names, without the suffix.
Result<std::vector<std::string>> rebuild(Storage& storage, const RebuildOrder& order,
                                         const Survey& survey, const AckRecovered& state);

}  // namespace semel::acklog
