// Reads a journal that does not check: which frames are still good, and where. For verify, repair, and
// for telling damage from a torn tail; what recovery delivers is what scan_journal() finds.
//
// A frame's checksum names its position (FORMAT.md), so a frame that checks is known to lie where it
// was written, in which lap of the ring, whatever lies around it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/storage.h"
#include "ring/frame.h"
#include "ring/journal.h"

namespace semel {

// Frames that follow one another without a gap.
struct FrameRun {
  uint64_t position = 0;
  uint64_t end = 0;     // behind its last frame
  uint64_t before = 0;  // the sequence before its first message
  uint64_t last = 0;    // of its last message; `before` where it holds control frames alone
  uint64_t time_us = 0;
};

enum class Laps {
  this_one,  // frames less than one lap behind the start: what recovery would accept
  any,       // of later laps too: where the ack log has gone back
};

// All runs that begin at `from` or behind it, by position; messages in them are behind `sequence`. Work
// is bounded by a multiple of the ring's size: bytes made to look like frames end the search early.
std::vector<FrameRun> find_runs(std::span<uint8_t> ring, uint32_t seed, uint64_t from,
                                uint64_t sequence, Laps laps);

struct JournalFault {
  uint64_t offset = 0;
  std::string what;
  bool foreign = false;  // whole, but of another stream, shard or version
};

// A journal's bytes as far as they are there, padded with zeros to their size; and what is wrong with
// its header or size. Fails only where the file can't be read.
struct JournalContent {
  bool exists = false;
  std::vector<uint8_t> bytes;  // header and ring, in full
  std::optional<JournalFault> fault;
};
Result<JournalContent> read_journal(Storage& storage, const std::string& directory,
                                    const JournalIdentity& identity);

}  // namespace semel
