// Reads a journal that does not check: what is left of the file, and which frames in it are still good. For
// verify and repair; what recovery delivers is what scan_journal() finds.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/storage.h"
#include "repair/finding.h"
#include "ring/frame_runs.h"
#include "ring/journal.h"

namespace semel {

// All runs that begin at `from` or behind it, in whatever lap: where the ack log has gone back. A frame's
// lap is told by its checksum alone.
std::vector<FrameRun> find_runs_in_any_lap(std::span<uint8_t> ring, uint32_t seed, uint64_t from,
                                           uint64_t sequence);

// A journal's bytes as far as they are there, padded with zeros to their size; and what is wrong with
// its header or size. Fails only where the file can't be read.
struct JournalContent {
  bool exists = false;
  std::vector<uint8_t> bytes;  // header and ring, in full
  std::optional<Finding> fault;
};
Result<JournalContent> read_journal(Storage& storage, const std::string& directory,
                                    const JournalIdentity& identity);

}  // namespace semel
