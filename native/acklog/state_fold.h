// Blocks in the order of the log → the state after those that count.
//
// Without a transactional sink every block counts. With one, a block counts if it lies on the chain of
// parents of the commit that the sink has: until that is known, from a later block or from the sink
// itself, its content is held back.
//
// Invariants
//  1. What has counted goes on counting: the state never takes anything back.
//  2. A snapshot comes where nothing before it is undecided (the log turns over only then), so what is
//     held back is no more than one process had under way.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "acklog/ack_types.h"
#include "acklog/block.h"
#include "core/status.h"

namespace semel::acklog {

class StateFold final : EntryVisitor {
 public:
  explicit StateFold(const IdVisitor& visitor) : visitor_(visitor) {}

  // Code::format for an entry of another version; Code::damaged where it rests on what is not there.
  Status take(const BlockView& block);
  // What the sink says decides on all that is held back. Code::sink_ahead, Code::sink_behind: it does not
  // fit the log.
  Status ask(const SinkAnswer& answer);

  // For whoever goes back: asked for before the first block.
  void look_for(const CommitNumber& commit);
  // The state while the sink had that commit as its newest; nothing where the log does not go back so far,
  // or it still has it.
  std::optional<AckRecovered>& sought() { return found_; }

  // After the newest block that counts.
  const AckHeader& header() const { return header_; }
  // Into what it has found.
  void finish(AckRecovered* into);

 private:
  struct Content {
    AckHeader header;
    bool is_snapshot = false;
    std::optional<CommitStamp> commit;
    std::vector<Id> ids;
    std::vector<Parked> parked;
    std::vector<uint64_t> resolved;
    std::vector<SourceOffset> sources;
  };

  void commit(const CommitStamp& stamp) override { content_.commit = stamp; }
  void parked(Parked&& parked) override { content_.parked.push_back(std::move(parked)); }
  void resolved(uint64_t sequence) override { content_.resolved.push_back(sequence); }
  void source(SourceOffset source) override { content_.sources.push_back(source); }
  void place(SinkPlace one) override { content_.header.sink_places.set(one.sink, one.place); }

  Status hold(Content& content);
  void note_sought(const Content& content);
  Status confirm(const CommitNumber& newest);
  void apply(Content& content);

  const IdVisitor& visitor_;
  Content content_;  // of the block that is read
  AckHeader header_;
  std::map<uint64_t, Parked> parked_;
  std::map<uint32_t, SourceOffset> sources_;  // the highest: a shard is also told where all of them are
  std::vector<Content> held_;
  CommitNumber confirmed_;
  uint64_t epoch_ = 0;  // the sink's newest
  uint64_t n_ = 0;      // the newest commit's
  bool has_commits_ = false;

  std::optional<CommitNumber> sought_;
  bool stands_at_sought_ = false;
  std::optional<AckRecovered> found_;
};

// Whether what a sink has lies behind what it is known to have had, and not before: it has lost commits.
// Of numbers that are not in the log.
constexpr bool is_behind(const CommitNumber& last, const CommitNumber& confirmed) {
  return last < confirmed;
}

Status sink_ahead(const CommitNumber& last);
Status sink_behind(const CommitNumber& last, const CommitNumber& confirmed);
// The epoch that the sink gave is not a new one.
Status sink_epoch_behind(uint64_t given, uint64_t known);

}  // namespace semel::acklog
