// What a stream's directory holds, read without changing it: for `inspect` and for reports. Beside a
// running stream the numbers are those of a moment ago.
#pragma once

#include <string>
#include <vector>

#include "acklog/ack_log.h"
#include "deadletters/dead_letters.h"
#include "shard/manifest.h"

namespace semel {

struct ShardInspection {
  AckHeader header;
  uint64_t stored = 0;  // highest sequence in the journal or acknowledged
  uint64_t parked = 0;
  uint64_t ids = 0;
  uint64_t bytes = 0;  // of the shard's files
  uint64_t dead_letters_open = 0;
  // Of a transactional sink: the newest commit that it is known to have, and blocks that count only if it
  // has more, which nobody has asked.
  CommitNumber confirmed;
  uint64_t undecided = 0;
  bool clean = false;
};

struct Inspection {
  Manifest manifest;
  uint64_t holder = 0;  // pid of the process that has the stream open; 0: none
  std::vector<ShardInspection> shards;
};

Result<Inspection> inspect_directory(Storage& storage, const std::string& directory);

// Open dead letters of one shard behind a number, oldest first: as many as asked for, or until their
// payloads are `bytes_max` together. Beside a running stream those of a moment ago.
Result<std::vector<DeadLetter>> read_dead_letters(Storage& storage, const std::string& directory,
                                                  uint32_t shard, uint64_t after, uint32_t max,
                                                  uint64_t bytes_max);

}  // namespace semel
