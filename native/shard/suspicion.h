// Which of a shard's messages may have killed their worker, and how they are told apart.
//
// Whatever lay between poll and commit when a worker died may have done it. The next worker tries
// these again in ever smaller numbers, at last alone, and each death tells more. Deaths are rare, so
// nothing here is on a message's way: a poll looks at one number, a commit at one flag.
//
// Thread: the shard's worker; between two workers, who holds the inquest (shard/inquest.h).
// Invariants
//   N1  While messages in flight are suspect, at most `window` are between poll and commit.
//   N2  A death counts against a message only if that was alone, and either the first that its worker
//       tried or known to have killed before. So nothing that an earlier message has left behind (a
//       timer, a leak) is charged to an innocent one.
//   N3  A parked suspect is tried alone, at whatever time it is due; its outcome clears it.
// All of it is lost with the process.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <set>

namespace semel {

class Suspicion {
 public:
  // So many suspects are tried one by one; of more, a part at a time.
  static constexpr uint32_t kAloneMax = 64;

  static uint32_t window_of(uint32_t suspects) {
    return suspects <= kAloneMax ? 1 : suspects / kAloneMax;
  }

  bool is_clear() const {
    return window_ == 0 && tried_.empty() && alone_.empty() && accused_ == 0;
  }

  // How many more may be polled beside those under way.
  uint32_t room(uint32_t under_way) const {
    if (window_ == 0) return std::numeric_limits<uint32_t>::max();
    return window_ - std::min(window_, under_way);
  }

  // ---- the worker ----

  // A parked message is being tried, or was put back untried.
  void begin(uint64_t sequence) {
    tried_.insert(sequence);
    // Then the accused one is not the first any more.
    if (accused_ != sequence) accused_ = 0;
  }
  void put_back(uint64_t sequence) { tried_.erase(sequence); }

  // Messages `first`…`last` were committed; none where `last` is before `first`.
  void passed(uint64_t first, uint64_t last) {
    if (last < first) return;
    // It was among them, or others were tried before it.
    accused_ = 0;
    if (last >= through_) window_ = 0;
  }
  // A parked message's attempt has been committed, whatever came of it.
  void passed_parked(uint64_t sequence) {
    tried_.erase(sequence);
    alone_.erase(sequence);
    if (accused_ == sequence) accused_ = 0;
  }

  // ---- the inquest ----

  // Those in flight up to `last` are suspect. Returns whether fewer are tried together than before.
  bool suspect(uint64_t last, uint32_t window) {
    const bool narrower = window_ == 0 || window < window_;
    window_ = window;
    through_ = std::max(through_, last);
    accused_ = 0;
    return narrower;
  }
  // Those that are being tried are suspect. Returns whether one of them was not yet.
  bool suspect_tried() {
    bool narrower = false;
    for (uint64_t sequence : tried_) narrower |= alone_.emplace(sequence, false).second;
    accused_ = 0;
    return narrower;
  }
  // It was alone: the next worker tries it first.
  void accuse(uint64_t sequence) { accused_ = sequence; }
  // It has killed its worker, and has been parked.
  void convict(uint64_t sequence) { alone_[sequence] = true; }
  // Nothing is tried any more.
  void forget_tried() { tried_.clear(); }

  bool is_guilty(uint64_t sequence) const {
    const auto at = alone_.find(sequence);
    return accused_ == sequence || (at != alone_.end() && at->second);
  }
  bool is_alone(uint64_t sequence) const { return alone_.contains(sequence); }
  const std::set<uint64_t>& tried() const { return tried_; }
  uint64_t accused() const { return accused_; }
  // The last suspect among those in flight; 0: none.
  uint64_t through() const { return window_ == 0 ? 0 : through_; }

 private:
  uint32_t window_ = 0;   // 0: as many as there is room for
  uint64_t through_ = 0;
  uint64_t accused_ = 0;  // 0: none
  std::set<uint64_t> tried_;            // parked, between their attempt's begin and its commit
  std::map<uint64_t, bool> alone_;      // parked suspects; whether they have killed before
};

}  // namespace semel
