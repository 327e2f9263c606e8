// Writes an ack log anew from what a survey found: segments behind the old ones, under new names.
//
// Invariants:
//  1. Every good block's ids are in the new log, in their order and with their time, so that the window
//     forgets them when it would have.
//  2. The last block is `state`: header, parked messages, source offsets; before it nothing is parked.
//  3. The new files are durable when it returns. It changes no file that is there.
#pragma once

#include <span>
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

// Ids that were seen together, with the newest message time by then.
struct KnownIds {
  uint64_t time_us = 0;
  std::vector<Id> ids;
};

// The same of a log that is sound, for a state that it does not have: `ids`, in the order of their times, and
// then `state`. Every block says that the sink has `commit.confirmed`. The names of the new segments, which
// are numbered behind `highest_segment`.
Result<std::vector<std::string>> write_anew(Storage& storage, const RebuildOrder& order,
                                            uint64_t highest_segment, std::span<const KnownIds> ids,
                                            const AckRecovered& state, const CommitStamp& commit);

}  // namespace semel::acklog
