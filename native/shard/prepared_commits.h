// Commits of a shard with a transactional sink that are prepared and not confirmed: in the order of their
// numbers, each resting on the one before it. And what the chain of commits has come to.
//
// Thread: the shard's worker, and between two workers who holds the inquest.
// Invariants
//   T1  A block's parent is the newest commit before it that has outputs; an id is for one block.
//   T2  What is prepared shows nowhere, and nothing goes for it: not the ring's space, not an id, not an
//       outcome, not a letter. All of that is the confirmation's.
//   T3  Confirmed is what the sink has said, in order; what it did not take is thrown away with all behind
//       it, whether it was sent or not.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "acklog/commit_stamp.h"
#include "shard/commit_draft.h"
#include "shard/detail.h"
#include "shard/kept_levels.h"

namespace semel {

struct PreparedCommit {
  std::unique_ptr<CommitDraft> draft;
  CommitStamp stamp;
  uint64_t block = 0;
  std::span<const Id> ids;  // of the draft, or of the messages in flight
  uint64_t letters = 0;     // their length with it
  uint64_t position = 0;    // behind its messages
  std::vector<Detail> details;
  std::vector<std::vector<uint8_t>> histories;  // of the details

  uint64_t through() const { return draft->last(); }
};

class PreparedCommits {
 public:
  PreparedCommits(PreparedLevel& level, const InFlight& in_flight, const CommittedState& state,
                  const AckRecovered& recovered);

  PreparedLevel& level() { return level_; }
  bool empty() const { return commits_.empty(); }
  std::size_t size() const { return commits_.size(); }
  PreparedCommit& oldest() { return commits_.front(); }
  const PreparedCommit& newest() const { return commits_.back(); }
  // Messages in flight that a prepared commit ends.
  uint32_t messages() const;
  // How many of them, from the oldest on, are as safe as the level makes them.
  uint32_t reached() const;

  // For a commit to be drafted behind the newest.
  std::unique_ptr<CommitDraft> take_draft();
  CommitDraft::Base base(const Tallies& tallies) const;
  CommitStamp stamp(bool has_outputs);
  // Its block is appended. The details are copied.
  void push(std::unique_ptr<CommitDraft> draft, const CommitStamp& stamp, std::span<const Id> ids,
            std::span<const Detail> details);
  // How far each partition is stored with the newest, where all before it take effect. Valid until the next
  // call.
  const std::vector<SourceOffset>& sources();
  // A block whose stamp was not used.
  void give_back(std::unique_ptr<CommitDraft> draft);

  // The oldest has been shown: it is confirmed, and over.
  void pop();
  // What rests on the confirmed state alone: an opening, a closing, frames that are no messages.
  CommitStamp idle_stamp() const;
  // A block says so.
  void recorded(const CommitStamp& stamp) { recorded_ = stamp; }
  bool is_recorded() const { return recorded_ == idle_stamp(); }
  // Nothing is under way: what the file of letters has, counts, also what no commit has written.
  void keep_letters() { letters_ = level_.letters_length(); }
  uint64_t confirmed_letters() const { return letters_; }

  // The sink was asked: how many of the oldest took effect. Code::sink_ahead, Code::sink_behind.
  Result<uint32_t> ask(const SinkAnswer& answer);
  // None of them took effect.
  Status discard();

  // A worker died: its successor asks before it does anything else.
  bool must_ask = false;

 private:
  CommitNumber newest_with_outputs() const;

  PreparedLevel& level_;
  const InFlight& in_flight_;
  const CommittedState& state_;
  std::deque<PreparedCommit> commits_;
  std::vector<std::unique_ptr<CommitDraft>> drafts_;  // unused ones, for their memory
  CommitNumber confirmed_;
  uint64_t epoch_;
  uint64_t n_;        // the highest that was given
  uint64_t letters_;  // their length as of what is confirmed
  CommitStamp recorded_;
  SourceOffsets sources_;  // of the last sources(), for its memory
};

}  // namespace semel
