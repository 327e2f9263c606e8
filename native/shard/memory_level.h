// `memory`: nothing outlives the process, and nothing is tried again. A commit is what the counters show.
#pragma once

#include "ring/ring.h"
#include "shard/level.h"

namespace semel {

class MemoryLevel final : public Level {
 public:
  explicit MemoryLevel(Ring& ring) : ring_(ring) {}

  uint64_t visible() const override { return ring_.tail(); }
  bool delivers_again() const override { return false; }
  bool may_park() const override { return false; }

  bool has_open_letter(uint64_t) const override { return false; }
  Result<uint64_t> write_letter(const DeadLetter&) override { return no_letters(); }
  Status resolve_letter(uint64_t, DeadLetters::How, uint64_t) override { return Status::ok(); }
  Status secure_letters() override { return Status::ok(); }

  bool has_room(AckBlock) const override { return true; }
  Result<Committed> append(AckBlock) override { return Committed::done; }
  Stage append_stage(Stage current) const override { return current; }
  void committed(uint64_t position) override { ring_.release(position); }

 private:
  static Status no_letters() {
    return {Code::invalid_argument, "a stream that keeps nothing has no dead letters"};
  }

  Ring& ring_;
};

}  // namespace semel
