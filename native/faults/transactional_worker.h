// A worker whose sink has the last word, as the runtime has it (src/runtime/loop/transactional-committer.ts),
// but with several commits under way: prepare → the block reaches the level → send → confirm. What the sink
// refuses is discarded with all behind it; an answer that does not come, a refused commit and a predecessor
// take one way: raise, ask, confirm what took effect, discard the rest, write it down.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "faults/external.h"
#include "faults/worker.h"

namespace semel::faults {

class TransactionalWorker final : public Worker {
 public:
  // `beside`: a file that has the same outputs; null: there is none.
  TransactionalWorker(Shard& shard, Sink& sink, Sink* beside, External& external,
                      const Ledger& ledger, const Rules& rules)
      : Worker(shard, sink, ledger, rules), beside_(beside), external_(external) {}

  Status begin(bool is_first) override;
  Status poll(uint32_t max, uint64_t now_us) override;
  Status finish(uint32_t max, uint64_t now_us) override;
  bool has_commit_waiting() const override { return is_asking_; }
  bool is_at_rest() const override { return !is_asking_ && under_way_.empty() && is_recorded_; }

 private:
  // In the order of the consumer's.
  struct UnderWay {
    CommitStamp stamp;
    std::vector<External::Row> rows;
    std::vector<uint64_t> owners;   // of the rows, as sequences
    std::vector<uint64_t> decided;  // sequences that have a detail
    std::set<uint32_t> keys;        // of these
    bool is_sent = false;
  };

  bool fails(const Message& message, uint64_t sequence, uint32_t attempt, bool again) override;
  bool waits(const Slot& slot) const override;

  Status cut_back();
  Status prepare_places();
  Result<Committed> prepare_written();
  Status ask(bool takes_over);
  Status go_on_asking();
  Status take_answers();
  Status discard();
  void send_reached();
  Status prepare(uint32_t max, uint64_t now_us);
  Result<Committed> confirm_oldest();
  Status record();
  void hold_back_keys();

  Sink* const beside_;
  External& external_;
  uint64_t connection_ = 0;
  std::deque<UnderWay> under_way_;
  std::set<uint64_t> bad_;      // sequences of this draft whose rows the sink will refuse
  std::set<uint64_t> refused_;  // … and of which it has said so, until a commit that takes note is confirmed
  bool is_recorded_ = false;

  bool is_asking_ = false;
  bool takes_over_ = false;
  std::optional<uint32_t> found_;  // to be confirmed, once the sink has answered
};

}  // namespace semel::faults
