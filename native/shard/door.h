// Where messages come into a stream: what JavaScript has staged, or holds as raw frames, is checked and
// appended to the intakes of its shards, and published once a call.
//
// Thread: the ingest thread.
// Ownership: the stream and the staged memory are the caller's; stage() borrows until the next one.
// Invariants
//   O1  What is taken is a prefix of what was given: the first message that can't be taken, or that its
//       shard has no room for, ends the call. So a sender goes on behind what was taken.
//   O2  Whatever was appended is published before a call returns, also where it ends with a fault.
//   O3  Rows are not trusted: whatever they hold, nothing outside of the staged memory is read.
#pragma once

#include <cstdint>
#include <span>

#include "core/status.h"
#include "shard/row.h"
#include "shard/stream.h"

namespace semel {

// Raw frames of one size, side by side. `id_at` and `key_at` are offsets in a frame of 8-byte integers;
// where there is none, they are not inside it.
struct RawFrames {
  std::span<const uint8_t> bytes;
  uint32_t size;
  uint32_t id_at;
  uint32_t key_at;

  bool has_id() const { return id_at < size; }
  bool has_key() const { return key_at < size; }
  // A whole number of frames, and of each the integers inside it.
  bool is_whole() const { return size > 0 && bytes.size() % size == 0; }
  bool holds_integers() const {
    return (!has_id() || uint64_t{id_at} + 8 <= size) && (!has_key() || uint64_t{key_at} + 8 <= size);
  }
};

class Door {
 public:
  explicit Door(Stream& stream) : stream_(stream) {}

  // Rows are taken from here from now on; `rows` begins at a multiple of 8.
  Status stage(std::span<const uint8_t> memory, std::span<uint8_t> rows);
  uint64_t row_count() const { return rows_.size() / kRowBytes; }

  // Takes rows from `from` on, `count` at most, all of them staged; how many it has taken. It fails
  // where the first one can't be taken, and where the stream has failed.
  Result<uint32_t> append(uint32_t from, uint32_t count);
  // Takes raw frames that are whole and hold their integers; how many.
  Result<uint64_t> append(const RawFrames& frames);

  // A control frame that says how far a source has been read; false where the shard has no room. A
  // stream that recovers nothing has no need of it.
  bool append_offset(uint32_t shard, FrameSource source);
  // Sends a dead letter's message again, or drops the letter; false where the shard has no room. Both go
  // through the ring, so that the worker does them in turn and the ack log with them. A letter goes once:
  // it stays open until its frame is committed, and true is the answer until then, without another frame.
  Result<bool> end_letter(uint32_t shard, uint64_t number, DeadLetters::How how);

  // Bytes that are free in the fullest ring.
  uint64_t room() const;

 private:
  void begin();
  void end(uint64_t taken);
  const char* fault_of(const Row& row) const;
  Status refusal_of(const Row& row, uint64_t payload_max) const;
  Id id_of(const Row& row) const;
  Offset offset_of(const Row& row) const;
  FrameHeader header_of(const Row& row) const;
  // Both append what `put` appends; templates, so that the stream's kind is asked once a call and a
  // message costs no call.
  template <typename Put>
  uint32_t take_rows(uint32_t from, uint32_t count, Put put, Status* fault);
  template <typename ShardOf, typename Put>
  uint64_t take_frames(const RawFrames& frames, ShardOf shard_of, Put put);
  template <typename Put>
  uint64_t take_frames(const RawFrames& frames, Put put);
  Result<bool> append_retry(Shard& shard, uint64_t number);
  bool append_drop(Shard& shard, uint64_t number);

  Stream& stream_;
  std::span<const uint8_t> memory_;
  std::span<uint8_t> rows_;
};

}  // namespace semel
