// Ack blocks as bytes: the layout of FORMAT.md, written into memory that the caller supplies and read
// back from bytes that nobody vouches for.
//
// Invariants:
//  1. put() stores the block's length last, with release: a block that shows its length is complete,
//     and so is every block before it. A process killed between two stores leaves at most one
//     unfinished block, at the tail.
//  2. check() touches nothing outside the bytes it is given, allocates nothing, and says `valid` only
//     of a block whose checksum under this segment's seed and whose inner lengths all agree.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "acklog/ack_types.h"
#include "core/status.h"

namespace semel::acklog {

constexpr uint64_t kBlockHeaderBytes = 144;

enum BlockFlag : uint8_t {
  kSnapshot = 1,    // first of a segment: its entries are all there is, not a change
  kCleanClose = 2,  // the stream was closed in order behind it
  kSealed = 4,      // last of a segment: the next segment must be there
  kSynced = 8,      // written under a level that syncs, so that only ack_durable is a claim
};

enum class EntryType : uint16_t {
  parked = 1,
  resolved = 2,
  source = 3,
  state = 4,   // reserved for state blocks; this version refuses it
  commit = 5,  // before all others
  place = 6,
};

// What the log adds to the caller's block.
struct BlockStamp {
  uint64_t number = 0;
  uint64_t oldest_segment = 0;  // first segment that must still be there
  uint8_t flags = 0;
  uint32_t seed = 0;  // of the segment's checksums
};

// 8 where every id is a non-negative integer, so that half of each needs no bytes; else 16; 0: none.
uint8_t id_width(std::span<const Id> ids);
uint64_t parked_entry_bytes(const Parked& parked);
uint64_t block_bytes(const AckBlock& block, uint8_t width);

// Writes the block to `to`, where block_bytes() bytes are free. No allocation.
void put(uint8_t* to, const AckBlock& block, uint8_t width, uint64_t length,
         const BlockStamp& stamp);

// A block's fixed part and where its variable parts are.
struct BlockView {
  AckHeader header;
  uint64_t number = 0;
  uint64_t oldest_segment = 0;
  uint32_t length = 0;
  uint8_t flags = 0;
  uint8_t width = 0;
  uint32_t id_count = 0;
  const uint8_t* ids = nullptr;
  std::span<const uint8_t> entries;

  // The highest block number that this block, by being there, says was complete before it. Under a
  // level that syncs that is what had been synced: blocks behind the last sync reach the disk in any
  // order. Under a level that only survives the process, stores land in order.
  uint64_t claims() const { return flags & kSynced ? header.ack_durable : number - 1; }
};

// Reads the fixed part without checking it. For a block that this process wrote.
BlockView view(const uint8_t* at);

// The commit stamp of a block that this process wrote; nothing where it has none.
std::optional<CommitStamp> commit_of(const uint8_t* at);

enum class BlockCheck { valid, zero, invalid };
// `rest`: from the block's first byte to the end of the segment. `zero`: the length is zero.
// `work`, where given, grows by the bytes that were checksummed.
BlockCheck check(std::span<const uint8_t> rest, uint32_t seed, BlockView* into,
                 uint64_t* work = nullptr);

// Hands on a valid block's entries in order. A malformed or unknown one is Code::format: its checksum
// held, so another version wrote it.
class EntryVisitor {
 public:
  virtual ~EntryVisitor() = default;
  virtual void commit(const CommitStamp& stamp) = 0;
  virtual void parked(Parked&& parked) = 0;
  virtual void resolved(uint64_t sequence) = 0;
  virtual void source(SourceOffset source) = 0;
  virtual void place(SinkPlace place) = 0;
};
Status visit_entries(const BlockView& block, EntryVisitor& visitor);

}  // namespace semel::acklog
