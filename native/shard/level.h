// What a stream's durability makes of a commit: up to where the worker may see the ring, what a block
// leaves behind, and who reclaims the ring's space. Chosen once, when the shard is opened; each call is
// one for a poll or a commit, never one for a message.
//
// Thread: the shard's worker; visible() also whoever waits for messages on its behalf, and before and
// behind all workers the opening and the closing thread.
// Invariants
//   L1  Dead letters are written before the block that acknowledges their messages (I7), and only where
//       the block is sure to have room. A failure in between ends the shard: a later block would count
//       letters whose messages are delivered again.
//   L2  Ring space is reclaimed only behind a block that has itself reached the level (I2).
#pragma once

#include <cstdint>

#include "acklog/ack_types.h"
#include "core/status.h"
#include "deadletters/dead_letters.h"
#include "shard/stages.h"

namespace semel {

enum class Committed {
  done,
  full,  // nothing has changed: there is no room yet, and the same call is to be made again
};

class Level {
 public:
  virtual ~Level() = default;

  // The worker sees the frames before this position.
  virtual uint64_t visible() const = 0;
  // Whether what was in flight when a worker died is delivered again; else it was acknowledged when it
  // was polled.
  virtual bool delivers_again() const = 0;
  // Whether messages may be parked, or become dead letters.
  virtual bool may_park() const = 0;

  virtual bool has_open_letter(uint64_t number) const = 0;
  virtual Result<uint64_t> write_letter(const DeadLetter& letter) = 0;
  // Nothing where it is not open any more.
  virtual Status resolve_letter(uint64_t number, DeadLetters::How how, uint64_t time_us) = 0;
  // What was written and resolved is as safe as a block that tells of it must find it.
  virtual Status secure_letters() = 0;

  // Fills in what the level knows: what is durable, the letters' length, the epoch.
  virtual bool has_room(AckBlock block) const = 0;
  virtual Result<Committed> append(AckBlock block) = 0;
  // As append() and a snapshot would have it, of a block that is not appended.
  virtual AckHeader completed(AckHeader header) const { return header; }
  // The stage in which append() spends its time; a level that appends nothing goes on in `current`.
  virtual Stage append_stage(Stage current) const = 0;
  // The block up to `position` is appended, and all that it changes shows.
  virtual void committed(uint64_t position) = 0;
};

}  // namespace semel
