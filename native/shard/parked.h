// Messages that failed and wait for their next attempt, with their payloads: the ring has moved on.
// The ack log holds the same entries; this is the copy that the worker reads.
//
// Thread: the worker, and recovery before it; size() may be asked by anyone.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "acklog/ack_log.h"

namespace semel {

class ParkedSet {
 public:
  void put(Parked entry) {
    const uint64_t sequence = entry.sequence;
    entries_.insert_or_assign(sequence, std::move(entry));
    count();
  }
  void remove(uint64_t sequence) {
    entries_.erase(sequence);
    count();
  }
  const Parked* find(uint64_t sequence) const {
    const auto at = entries_.find(sequence);
    return at == entries_.end() ? nullptr : &at->second;
  }
  // The first entry behind `sequence`, in order; nullptr behind the last.
  const Parked* next(uint64_t sequence) const {
    const auto at = entries_.upper_bound(sequence);
    return at == entries_.end() ? nullptr : &at->second;
  }
  void collect(std::vector<const Parked*>& into) const {
    for (const auto& [sequence, entry] : entries_) into.push_back(&entry);
  }
  uint64_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  void count() { size_.store(entries_.size(), std::memory_order_relaxed); }

  std::map<uint64_t, Parked> entries_;
  std::atomic<uint64_t> size_{0};
};

}  // namespace semel
