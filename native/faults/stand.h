// One shard on a simulated disk with its sink and its worker, as the runtime puts them together.
// Everything runs on the caller's thread; who comes first is the caller's choice.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "faults/simulated_storage.h"
#include "faults/worker.h"
#include "shard/doorbell.h"

namespace semel::faults {

struct Setting {
  Delivery delivery = Delivery::exactly_once;
  Durability durability = Durability::disk;
  SinkKind sink = SinkKind::rewindable;
  bool beside = false;  // a file that is cut back beside a transactional sink
  bool dedup = true;
  bool source = false;  // messages come from a source that can be read again, and not from senders
  bool journal = true;  // without, of a source alone
  uint32_t keys = 8;
  uint32_t history_bytes = 0;  // of each failure, so that segments fill

  bool syncs() const { return durability != Durability::process; }
  std::string name() const;
};

// Simulated time, so that a campaign passes windows without waiting for them.
constexpr uint64_t kWindowUs = 400'000;

StreamOptions stream_options(const Setting& setting);

class Stand {
 public:
  // Makes the directory or recovers it. `external` is the sink where that is not on this
  // disk; a transactional one is asked.
  static Result<std::unique_ptr<Stand>> open(SimulatedStorage& disk, const Setting& setting,
                                             const Ledger& ledger, External& external);
  // … and brings the sink to the committed place: work may begin.
  Status begin(uint64_t now_us);
  // The worker's thread has died; another takes over.
  Status replace_worker(uint64_t now_us);

  Shard& shard() { return *shard_; }
  Worker& worker() { return *worker_; }
  Sink& sink() { return *sink_; }
  // Null where the setting has none.
  Sink* beside() { return beside_.get(); }

  // What recovery found, for comparison with another recovery of the same bytes.
  std::string recovered() const;

  // Works until every stored message has its end; fails where that does not come.
  Status drain(uint64_t* now_us);
  Status sync(uint64_t now_us);

 private:
  Stand() = default;
  Worker::Rules rules() const;
  Status begin_worker(bool is_first, uint64_t now_us);

  Setting setting_;
  const Ledger* ledger_ = nullptr;
  External* external_ = nullptr;
  Doorbell doorbell_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<Sink> beside_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace semel::faults
