// The ring's image on disk and what a crash left of it (FORMAT.md). Nothing read from it is trusted
// before its length, offset, sequence and CRC have been checked (I10).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/region.h"
#include "ring/frame.h"

namespace semel {

// In front of the ring in the file, so that the ring itself stays block-aligned.
constexpr uint64_t kJournalHeaderBytes = kBlockBytes;
constexpr uint32_t kJournalFormat = 1;

struct JournalIdentity {
  uint64_t salt = 0;   // of the directory
  uint32_t shard = 0;
  uint64_t capacity = 0;
};

// Every checksum of a shard's frames starts here.
uint32_t journal_seed(const JournalIdentity& identity);

void write_journal_header(uint8_t* at, const JournalIdentity& identity);

// What is wrong with a journal's header, with its offset. Code::mismatch: it is whole, but of another
// stream or shard.
Status check_journal_header(std::span<const uint8_t> file, const std::string& path,
                            const JournalIdentity& identity);

// Makes the file `journal` in `directory`, or opens and checks the one that is there.
Result<std::unique_ptr<Region>> open_journal(Storage& storage, const std::string& directory,
                                             const JournalIdentity& identity, Writer writer,
                                             bool* created);

// Puts the frames from position `from` up to `to` on their way to the file, beside a producer who may be
// storing behind `to`, in the space that was released: up to `released`, and no further before this
// returns (R4).
Status write_journal(Region& journal, uint64_t from, uint64_t to, uint64_t released);

struct JournalScan {
  uint64_t sequence;  // of the last valid message; as given where there is none
  uint64_t position;  // behind the last valid frame
  uint64_t time_us;   // of the last valid frame; 0 where there is none
};

// Walks the valid frames from `position`, where the message after `sequence` is expected, through at
// most one lap. Stops at the first position that holds no valid next frame: a torn tail, bytes of an
// earlier lap, or the end. `visit` may be empty.
JournalScan scan_journal(std::span<uint8_t> ring, uint32_t seed, uint64_t position,
                         uint64_t sequence,
                         const std::function<void(const uint8_t* frame, uint64_t meta)>& visit);

}  // namespace semel
