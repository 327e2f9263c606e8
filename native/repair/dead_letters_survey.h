// Reads a dead letters' file that does not check: which letters are still good. For verify and repair;
// opening itself trusts its own strict reading alone.
#pragma once

#include <string>
#include <vector>

#include "core/ranges.h"
#include "core/storage.h"
#include "deadletters/dead_letters.h"
#include "repair/finding.h"

namespace semel::deadletters {

struct LetterExtent {
  uint64_t number = 0;
  uint64_t sequence = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct Survey {
  std::vector<Finding> faults;  // empty: the file is as the ack log says
  std::vector<LetterExtent> open;    // good ones that are not resolved, by number
  Ranges lost;                      // numbers of letters that are gone; some may have been dealt with
  Ranges maybe_resolved;            // open here, but their resolution may be what was lost
  uint64_t next_number = 1;
  uint32_t seed = 0;
};

// `committed_bytes` and `letters` (how many there ever were) are from the ack log. Fails only where the
// file can't be read.
Result<Survey> survey(const DeadLetters::Options& options, uint64_t letters);

// How far the file is good, whatever was committed: its logical length and how many letters there ever
// were. 0 and 0 where its header does not check.
struct SoundEnd {
  uint64_t length = 0;
  uint64_t letters = 0;
};
Result<SoundEnd> sound_end(const DeadLetters::Options& options);

// A file with the open letters alone, durable under `name`, for a log that has committed
// `committed_bytes`.
Status rewrite(const DeadLetters::Options& options, const Survey& survey, const std::string& name);

}  // namespace semel::deadletters
