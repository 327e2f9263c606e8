// What an ack block says, in memory. The bytes are in FORMAT.md; block.h turns one into the other.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "acklog/commit_stamp.h"
#include "acklog/sink_places.h"
#include "core/id.h"
#include "core/offset.h"

namespace semel {

// How messages have ended since the directory was made: one of each per message (I5).
struct Counters {
  uint64_t processed = 0;
  uint64_t filtered = 0;
  uint64_t duplicate = 0;
  uint64_t late = 0;
  uint64_t dead_lettered = 0;
  uint64_t dropped = 0;

  friend bool operator==(const Counters&, const Counters&) = default;
};

struct AckHeader {
  uint64_t through = 0;            // every sequence up to here is done, but for the parked ones
  uint64_t time_us = 0;            // newest message time so far; the log never lets it fall
  uint64_t journal_position = 0;   // unwrapped byte position of the frame after `through`
  uint64_t journal_durable = 0;    // highest sequence known synced; 0 where the level doesn't sync
  uint64_t ack_durable = 0;        // highest block known synced; filled in by the log
  SinkPlaces sink_places;          // -1: it has none
  uint64_t dead_letter_bytes = 0;  // committed length of the dead letters
  uint32_t epoch = 0;
  Counters counters;

  friend bool operator==(const AckHeader&, const AckHeader&) = default;
};

// A message that failed and waits for its next attempt. It carries its payload, since the journal's
// space behind `through` is reused.
struct Parked {
  uint64_t sequence = 0;
  uint64_t time_us = 0;
  uint64_t due_us = 0;
  uint32_t attempts = 0;
  uint8_t type = 0;
  bool has_id = false;
  Id id;
  std::string history;  // errors so far, as the caller encodes them
  std::vector<uint8_t> payload;

  friend bool operator==(const Parked&, const Parked&) = default;
};

struct SourceOffset {
  uint32_t partition = 0;
  Offset offset;
  // Its last messages that ended were given up: those of it that were stored before are given up too,
  // and the offset is not to pass them.
  bool given_up = false;

  friend bool operator==(const SourceOffset&, const SourceOffset&) = default;
};

// One commit. The spans are borrowed for the length of the call.
struct AckBlock {
  AckHeader header;
  std::span<const Id> ids;
  std::span<const Parked* const> parked;  // newly parked, or parked again with another attempt
  std::span<const uint64_t> resolved;     // sequences that were parked and are done
  std::span<const SourceOffset> sources;
  std::optional<CommitStamp> commit;  // where there is a transactional sink
  bool clean_close = false;
};

// What a segment begins with: all that there is after the newest block that counts. Spans and pointers are
// the owner's.
struct AckSnapshot {
  std::optional<AckHeader> header;  // nothing: the last block's
  std::optional<CommitStamp> commit;
  std::vector<const Parked*> parked;
  std::vector<SourceOffset> sources;
};

// The ids of a recovered block.
struct RecoveredIds {
  std::span<const Id> ids;
  uint64_t time_us;    // of the block
  uint64_t oldest_us;  // no message that waited behind the block was stored before: parked or not
  uint64_t through;    // as the block says
};

// Called once for each recovered block that holds ids, oldest first.
using IdVisitor = std::function<void(const RecoveredIds& block)>;

// The state after the last block that was recovered.
struct AckRecovered {
  bool empty = true;  // no block was ever written
  AckHeader header;
  uint64_t block_number = 0;
  bool clean = false;          // the last block was a clean close
  bool synced = false;         // … and of a level that syncs
  std::vector<Parked> parked;  // by sequence
  std::vector<SourceOffset> sources;
  // Of a transactional sink.
  bool has_commits = false;     // there is or was one
  CommitNumber confirmed;       // the newest commit that it is known to have
  uint64_t sink_epoch = 0;      // the newest that it gave
  uint64_t last_commit = 0;     // the highest n of all
  uint64_t undecided = 0;       // blocks that count only if the sink has them, and it was not asked
  uint64_t torn_bytes = 0;  // unfinished bytes behind the last block; cut unless read-only
  std::string torn_copy;    // where they were kept; empty: none were, or read-only
  uint64_t ids = 0;         // ids in all segments, some of them perhaps older than the window
  uint64_t segments = 0;
  uint64_t bytes = 0;  // of the segment files
};

}  // namespace semel
