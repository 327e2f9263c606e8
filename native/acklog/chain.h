// Reads a directory's segments and decides what is true. Changes nothing: ack_log.cc carries out the
// repairs that are listed here, the read-only face does not.
//
// Invariants:
//  1. The result is the state after some block that was really written, with every block before it that
//     counts (state_fold.h).
//  2. A block that does not check, or is not there, is damage (Code::damaged, file and offset) where
//     any valid block or link anywhere claims that it was complete; else it is a torn tail (I10).
//  3. Work and memory are bounded by the sizes of the files, whatever they hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "acklog/ack_types.h"
#include "acklog/segment_header.h"
#include "core/status.h"
#include "core/storage.h"

namespace semel::acklog {

struct SealedSegment {
  uint64_t number = 0;
  uint64_t time_us = 0;  // newest message time in it
};

struct TornBytes {
  uint64_t segment = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct Chain {
  AckRecovered recovered;
  bool exists = false;  // false: the directory holds no segment, and nothing below is set

  Identity active;             // the segment that goes on growing
  AckHeader last;              // of its last block, whether that counts or not
  uint64_t last_offset = 0;    // of its last block; 0: it has none, nor has the log
  uint64_t end = 0;            // behind its last block
  uint64_t zero_to = 0;        // [end, zero_to) of it is to be zeroed
  std::vector<uint8_t> image;  // its bytes, torn tail included
  uint64_t oldest_segment = 1;
  std::vector<SealedSegment> sealed;

  // The state while a transactional sink had the commit that was sought (StateFold::sought).
  std::optional<AckRecovered> sought;

  std::vector<TornBytes> torn;        // worth a copy before they go
  std::vector<uint64_t> discard;      // segments further behind the active one that were never acknowledged
  std::vector<uint64_t> expired;      // left over from a deletion that a crash interrupted
  std::optional<Identity> blank;      // the next one, entered but never acknowledged: to be made empty
  std::optional<Identity> prepared;   // made ahead, not yet used
};

// `answer` of a transactional sink, where there is one.
Result<Chain> read_chain(Storage& storage, const std::string& directory, uint64_t directory_salt,
                         const IdVisitor& visitor,
                         const std::optional<SinkAnswer>& answer = std::nullopt);
// Without asking the sink; `sought` as it was at that commit.
Result<Chain> look_back(Storage& storage, const std::string& directory, uint64_t directory_salt,
                        const IdVisitor& visitor, const CommitNumber& sought);

}  // namespace semel::acklog
