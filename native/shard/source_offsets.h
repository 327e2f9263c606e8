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
    for (const SourceOffset& one : offsets) merge(one);
  }

  // An offset only grows: an earlier one changes nothing.
  void raise(SourceOffset to) {
    SourceOffset& known = at(to.partition);
    known.offset = std::max(known.offset, to.offset);
  }
  // The same, and whether it is given up is what `to` says.
  void merge(SourceOffset to) {
    SourceOffset& known = at(to.partition);
    known.offset = std::max(known.offset, to.offset);
    known.given_up = to.given_up;
  }
  bool is_given_up(uint32_t partition) const {
    const SourceOffset* known = find(partition);
    return known != nullptr && known->given_up;
  }

  // Null where nothing is known of it.
  const SourceOffset* find(uint32_t partition) const {
    if (partition < kIndexedMax) {
      const uint32_t index = partition < indices_.size() ? indices_[partition] : 0;
      return index == 0 ? nullptr : &list_[index - 1];
    }
    const auto known = std::find_if(list_.begin(), list_.end(), [&](const SourceOffset& one) {
      return one.partition == partition;
    });
    return known == list_.end() ? nullptr : &*known;
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

  SourceOffset& at(uint32_t partition) {
    if (SourceOffset* known = const_cast<SourceOffset*>(find(partition))) return *known;
    list_.push_back({partition, {}, false});
    if (partition < kIndexedMax) {
      if (partition >= indices_.size()) indices_.resize(partition + 1);
      indices_[partition] = static_cast<uint32_t>(list_.size());
    }
    return list_.back();
  }

  std::vector<SourceOffset> list_;
  std::vector<uint32_t> indices_;  // by partition: its index in the list, from 1; 0: none
};

}  // namespace semel
