// The stages of one call of a shard's worker. What comes behind the call is the handling of what is in
// flight then; no clock is read where it has been so before, and the call has entered no stage.
#pragma once

#include "shard/in_flight.h"
#include "shard/stages.h"

namespace semel {

class StagedCall {
 public:
  StagedCall(Stages& stages, const InFlight& in_flight) : stages_(stages), in_flight_(in_flight) {}
  ~StagedCall() { enter(in_flight_.count() > 0 ? Stage::handle : Stage::none); }
  StagedCall(const StagedCall&) = delete;
  StagedCall& operator=(const StagedCall&) = delete;

  void enter(Stage stage) {
    if (stages_.stage() != stage) stages_.enter(stage);
  }

 private:
  Stages& stages_;
  const InFlight& in_flight_;
};

}  // namespace semel
