// What a shard does with ids: the dedup index where the stream has one, and nothing where it has not.
// Chosen once, when the shard is opened; each call is one for a poll or a commit, and the loops over
// their messages are inside.
//
// Thread: the shard's worker, and recovery before it.
// Invariants
//   D1  An id is reserved when polled and seen when its effect is committed, in the same call as the ack
//       block (I3). A parked message's id stays reserved.
//   D2  The window is the time between two copies' being stored, however late the second is polled:
//       nothing is forgotten that a message which still waits may be a copy of (I4).
#pragma once

#include <cstdint>
#include <span>

#include "shard/commit_draft.h"
#include "shard/in_flight.h"
#include "shard/parked.h"
#include "shard/progress.h"
#include "shard/stages.h"

namespace semel {

class IdIndex {
 public:
  virtual ~IdIndex() = default;

  // The stage that its work belongs to; without an index what comes next goes on in `current`.
  virtual Stage stage(Stage current) const = 0;
  // Of `wanted` messages more, at least one, how many ids there is room for; what has left the window is
  // forgotten first.
  virtual uint32_t room(uint32_t wanted, const InFlight& in_flight, const ParkedSet& parked,
                        uint64_t now_us) = 0;
  // Decides on the newest `count` messages in flight: their slots tell which are duplicates, and which
  // wait for another of their id.
  virtual void reserve(InFlight& in_flight, uint32_t count) = 0;
  virtual void reserve(const Parked& entry) = 0;
  // What was in flight is polled again: its ids are free, and those of parked messages are not.
  virtual void give_back(const ParkedSet& parked) = 0;

  // The ids that a commit makes seen, and their becoming so.
  virtual std::span<const Id> seen_by(CommitDraft& draft) const = 0;
  virtual void see(std::span<const Id> ids, uint64_t time_us) = 0;
  // Those of a commit that were given up are free again.
  virtual void give_up(const InFlight& in_flight, const CommitDraft& draft) = 0;
  // At most once a copy of what was polled is a duplicate, whatever its worker made of it.
  virtual void see_all(const InFlight& in_flight, uint64_t time_us) = 0;

  virtual bool has_seen(const Id& id) const = 0;
  virtual IndexFigures figures() const = 0;
};

class NoIndex final : public IdIndex {
 public:
  Stage stage(Stage current) const override { return current; }
  uint32_t room(uint32_t wanted, const InFlight&, const ParkedSet&, uint64_t) override {
    return wanted;
  }
  void reserve(InFlight&, uint32_t) override {}
  void reserve(const Parked&) override {}
  void give_back(const ParkedSet&) override {}
  std::span<const Id> seen_by(CommitDraft&) const override { return {}; }
  void see(std::span<const Id>, uint64_t) override {}
  void give_up(const InFlight&, const CommitDraft&) override {}
  void see_all(const InFlight&, uint64_t) override {}
  bool has_seen(const Id&) const override { return false; }
  IndexFigures figures() const override { return {}; }
};

}  // namespace semel
