// How a block stands to a transactional sink: which commit it is, which one it rests on, and which one the
// sink is known to have. All numbers are within one lineage, the directory's history; who asks the sink
// compares that (docs/internals/models.md, "Commits across a boundary").
#pragma once

#include <compare>
#include <cstdint>

namespace semel {

// `epoch` is the sink's, raised with every asking; `n` grows with every commit.
struct CommitNumber {
  uint64_t epoch = 0;
  uint64_t n = 0;  // 0: none; the root of the chain

  bool is_none() const { return n == 0; }
  friend auto operator<=>(const CommitNumber&, const CommitNumber&) = default;
};

struct CommitStamp {
  uint64_t epoch = 0;      // the newest that the sink has given
  uint64_t n = 0;          // with it, the block's own number; 0: it has no outputs and counts with its parent
  CommitNumber parent;     // the sink has that one before it
  CommitNumber confirmed;  // the newest that the sink is known to have
  // How far that one came, with the blocks without outputs that rest on it: what may go.
  uint64_t through = 0;
  uint64_t journal_position = 0;
  uint64_t dead_letter_bytes = 0;

  CommitNumber own() const { return {n == 0 ? 0 : epoch, n}; }
  friend bool operator==(const CommitStamp&, const CommitStamp&) = default;
};

// What a transactional sink says when it is asked: its new epoch, and the newest commit that it has.
struct SinkAnswer {
  uint64_t epoch = 0;
  CommitNumber last;
};

}  // namespace semel
