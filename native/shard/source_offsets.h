// How far each partition has been stored: of a source, of which there are few, or of producers, of
// which there may be 65,535.
//
// Thread: its owner's alone.
// Invariant: each partition is in the list once, so an ack block or a snapshot takes 32 bytes for it at most.
#pragma once

#include <algorithm>
#include <vector>

#include "acklog/ack_types.h"

namespace semel {

class SourceOffsets {
 public:
  SourceOffsets() = default;
  explicit SourceOffsets(std::vector<SourceOffset> offsets) {
    for (const SourceOffset& one : offsets) raise(one);
  }

  // An offset only grows: an earlier one changes nothing.
  void raise(SourceOffset to) {
    if (SourceOffset* known = find(to.partition); known != nullptr) {
      known->offset = std::max(known->offset, to.offset);
      return;
    }
    list_.push_back(to);
    if (to.partition >= kIndexedMax) return;
    if (to.partition >= indices_.size()) indices_.resize(to.partition + 1);
    indices_[to.partition] = static_cast<uint32_t>(list_.size());
  }

  const std::vector<SourceOffset>& list() const { return list_; }
  bool empty() const { return list_.empty(); }

  // Keeps its memory.
  void clear() {
    for (const SourceOffset& one : list_) {
      if (one.partition < kIndexedMax) indices_[one.partition] = 0;
    }
    list_.clear();
  }

 private:
  // A frame's partition has 16 bits. One of an ack log that is larger is none of ours, and is looked for
  // instead of making the table as large.
  static constexpr uint32_t kIndexedMax = 1u << 16;

  SourceOffset* find(uint32_t partition) {
    if (partition < kIndexedMax) {
      const uint32_t index = partition < indices_.size() ? indices_[partition] : 0;
      return index == 0 ? nullptr : &list_[index - 1];
    }
    const auto known = std::find_if(list_.begin(), list_.end(), [&](const SourceOffset& one) {
      return one.partition == partition;
    });
    return known == list_.end() ? nullptr : &*known;
  }

  std::vector<SourceOffset> list_;
  std::vector<uint32_t> indices_;  // by partition: its index in the list, from 1; 0: none
};

}  // namespace semel
