// Reads an ack log that does not check: every block that is still good, and the state that they make
// together. For verify and repair; recovery itself trusts read_chain() alone.
//
// A block's fixed part is absolute (through, journal position, counters, the sink's place), so the last
// good block gives all of it whatever is missing before. What a lost block takes with it are changes:
// ids that were seen in it, parked messages that came or went, source offsets. The next snapshot
// restores the latter two.
#pragma once

#include <string>
#include <vector>

#include "acklog/ack_types.h"
#include "acklog/segment_header.h"
#include "core/ranges.h"
#include "core/storage.h"
#include "repair/finding.h"

namespace semel::acklog {

struct BlockAddress {
  uint64_t segment = 0;  // as in the file's name
  uint64_t offset = 0;
  uint64_t number = 0;
};

struct Survey {
  bool exists = false;              // there is a file with a segment's name
  uint64_t highest_segment = 0;
  std::vector<std::string> names;   // of all of them, foreign ones included
  std::vector<Finding> faults;
  std::vector<BlockAddress> blocks;   // good ones that count, in order
  bool tail_lost = false;           // blocks behind the last one were complete, and are gone

  AckRecovered state;               // after the last good block
  Ranges forgotten;                 // sequences whose ids stood in lost blocks
  Ranges unsure;                    // of those, the ones that may have been parked
  std::vector<uint64_t> maybe_done; // parked before a lost block: it may have resolved them
  int64_t parked_missing = 0;       // parked messages that the counters know of and the log does not;
                                    // negative: the log has so many too many
};

// Fails only where files can't be read.
Result<Survey> survey(Storage& storage, const std::string& directory, uint64_t directory_salt);

// A segment's bytes and the seed of its checksums, where anything of it can be read.
struct SurveyedSegment {
  std::vector<uint8_t> bytes;
  uint32_t seed = 0;
  bool readable = false;
  Link link;
  bool linked = false;
  std::vector<Finding> faults;
  uint64_t meant_bytes = 0;  // its size by its header; 0: unknown
};
Result<SurveyedSegment> survey_segment(Storage& storage, const std::string& directory,
                                       const std::string& name, uint64_t directory_salt);

}  // namespace semel::acklog
