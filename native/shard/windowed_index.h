// The dedup index at work in a shard.
#pragma once

#include <vector>

#include "dedup/dedup.h"
#include "shard/id_index.h"

namespace semel {

class WindowedIndex final : public IdIndex {
 public:
  // A poll brings no more than `in_flight_max` messages.
  WindowedIndex(Dedup& dedup, uint32_t in_flight_max) : dedup_(dedup), verdicts_(in_flight_max) {}

  Stage stage(Stage) const override { return Stage::index; }
  uint32_t room(uint32_t wanted, const InFlight& in_flight, const ParkedSet& parked,
                uint64_t now_us) override;
  void reserve(InFlight& in_flight, uint32_t count) override;
  void reserve(const Parked& entry) override;
  void give_back(const ParkedSet& parked) override;
  std::span<const Id> seen_by(CommitDraft& draft) const override { return draft.seen_ids(); }
  void see(std::span<const Id> ids, uint64_t time_us) override { dedup_.commit(ids, time_us); }
  void give_up(const InFlight& in_flight, const CommitDraft& draft) override;
  void see_all(const InFlight& in_flight, uint64_t time_us) override;
  bool has_seen(const Id& id) const override { return dedup_.contains(id); }
  IndexFigures figures() const override;

 private:
  Dedup& dedup_;
  std::vector<Verdict> verdicts_;  // of one poll
};

}  // namespace semel
