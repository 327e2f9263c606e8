// Makes a journal with holes one that recovery accepts, for repair: frames that are good stay where they
// are, and every message that is lost gets a frame in its place.
//
// A lost message's frame is of the type `malformed`, so that it takes the ordinary way and ends as a
// dead letter that says so (I5): the loss is counted, listed, and never silent. Its payload is empty, or
// begins with 0xC1, a byte that MessagePack does not use; a real malformed row never does either. What
// is too large for that, or held no message, is filled with the control frame `drop` of letter 0, which
// there never is; bytes before the ring's end that are too few for one are padding.
//
// Invariant: after it, scan_journal() from the same start finds exactly the frames up to `end`, and no
// frame of any run lies behind.
#pragma once

#include <span>
#include <vector>

#include "core/ranges.h"
#include "repair/journal_survey.h"

namespace semel {

constexpr uint8_t kLostByte = 0xC1;

struct MendOrder {
  uint64_t position = 0;  // of the frame after `sequence`, as the ack log has it
  uint64_t sequence = 0;
  uint64_t time_us = 0;
  uint64_t stored = 0;      // messages up to here were stored: those that are not there are lost
  bool keeps_all = false;   // every run behind counts; else those alone that reach up to `stored`
  bool has_ids = false;     // lost messages need ids of their own, or they count as duplicates
};

// Where frames do not check: messages first … last; first > last where it is only what lies between them.
struct JournalHole {
  uint64_t position = 0;
  uint64_t first = 0;
  uint64_t last = 0;
  bool good_behind = false;
};

struct Mended {
  Ranges lost;
  Ranges kept;             // behind a hole, and still there
  uint64_t sequence = 0;   // the last message
  uint64_t position = 0;   // behind it
  uint64_t time_us = 0;
  std::vector<JournalHole> holes;
};

// Looks only.
Mended plan_mend(std::span<uint8_t> ring, uint32_t seed, const MendOrder& order);
// Changes the ring.
Mended mend_journal(std::span<uint8_t> ring, uint32_t seed, const MendOrder& order);

}  // namespace semel
