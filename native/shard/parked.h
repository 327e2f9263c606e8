// Messages that failed and wait for their next attempt, with their payloads: the ring has moved on.
// The ack log holds the same entries; this is the copy that the worker reads.
//
// Thread: the worker, and recovery before it; size() and first() may be asked by anyone.
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
    remove(entry.sequence);
    bytes_ += AckLog::parked_bytes(entry);
    entries_.emplace(entry.sequence, std::move(entry));
    count();
  }
  void remove(uint64_t sequence) {
    const auto at = entries_.find(sequence);
    if (at == entries_.end()) return;
    bytes_ -= AckLog::parked_bytes(at->second);
    entries_.erase(at);
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
  // What a snapshot of them takes in the ack log.
  uint64_t bytes() const { return bytes_; }
  uint64_t size() const { return size_.load(std::memory_order_relaxed); }
  // The oldest one's sequence; 0 where there is none.
  uint64_t first() const { return first_.load(std::memory_order_relaxed); }

 private:
  void count() {
    size_.store(entries_.size(), std::memory_order_relaxed);
    first_.store(entries_.empty() ? 0 : entries_.begin()->first, std::memory_order_relaxed);
  }

  std::map<uint64_t, Parked> entries_;
  uint64_t bytes_ = 0;
  std::atomic<uint64_t> size_{0};
  std::atomic<uint64_t> first_{0};
};

}  // namespace semel
