#include "shard/windowed_index.h"

#include <algorithm>

#include "core/faults.h"
#include "shard/intake.h"

namespace semel {
namespace {

// No message that is still to be polled was stored before.
uint64_t next_time_us(const InFlight& in_flight, uint64_t now_us) {
  const uint8_t* frame = in_flight.unpolled(in_flight.ring().tail()).frame();
  return frame != nullptr ? std::min(now_us, meta_time_us(full_meta(frame)))
                          : now_us - std::min(now_us, kUnpublishedUs);
}

}  // namespace

uint32_t WindowedIndex::room(uint32_t wanted, const InFlight& in_flight, const ParkedSet& parked,
                             uint64_t now_us) {
  uint64_t time_us = next_time_us(in_flight, now_us);
  if (const Parked* first = parked.next(0); first != nullptr) {
    time_us = std::min(time_us, first->time_us);
  }
  dedup_.advance(time_us);
  uint64_t room = dedup_.room(wanted);
  if (room == 0) {
    // The window is full: only what has left it by now makes room for more.
    dedup_.advance(now_us);
    room = dedup_.room(wanted);
  }
  return static_cast<uint32_t>(room);
}

void WindowedIndex::reserve(InFlight& in_flight, uint32_t count) {
  if (count == 0) return;
  const uint64_t first = in_flight.last() + 1 - count;
  const std::span<const Id> ids = in_flight.ids(first, in_flight.last());
  dedup_.reserve(ids, verdicts_.data());
  Slot* slots = &in_flight.slot(first);
  const bool may_retry = in_flight.telling() != 0;
  for (uint32_t i = 0; i < count; ++i) {
    switch (verdicts_[i]) {
      case Verdict::fresh:
        // A letter that was dealt with before: nothing will come of this copy.
        if (may_retry && slots[i].outcome == static_cast<int32_t>(Outcome::duplicate)) {
          dedup_.free(ids.subspan(i, 1));
        }
        break;
      case Verdict::seen: slots[i].outcome = static_cast<int32_t>(Outcome::duplicate); break;
      case Verdict::in_flight: slots[i].kind |= kInFlightBit; break;
    }
  }
  if (planted(Bug::id_seen_at_poll)) dedup_.commit(ids, 0);
}

void WindowedIndex::reserve(const Parked& entry) {
  if (!entry.has_id) return;
  Verdict verdict;
  dedup_.reserve({&entry.id, 1}, &verdict);
}

void WindowedIndex::give_back(const ParkedSet& parked) {
  dedup_.free_all();
  for (const Parked* entry = parked.next(0); entry != nullptr;
       entry = parked.next(entry->sequence)) {
    reserve(*entry);
  }
}

void WindowedIndex::give_up(const InFlight& in_flight, const CommitDraft& draft) {
  for (uint64_t sequence = draft.first(); sequence <= draft.last(); ++sequence) {
    const Slot& slot = in_flight.slot(sequence);
    // A copy of an earlier message has reserved nothing.
    const bool is_own = (slot.kind & kInFlightBit) == 0;
    if (in_flight.outcome(sequence) != Outcome::given_up || !is_own) continue;
    dedup_.free({&in_flight.id(sequence), 1});
  }
}

void WindowedIndex::see_all(const InFlight& in_flight, uint64_t time_us) {
  std::vector<Id> seen;
  for (uint64_t sequence = in_flight.first(); sequence <= in_flight.last(); ++sequence) {
    const Slot& slot = in_flight.slot(sequence);
    const bool is_copy = slot.outcome == static_cast<int32_t>(Outcome::duplicate) ||
                         (slot.kind & kInFlightBit) != 0;
    if (!is_copy) seen.push_back(in_flight.id(sequence));
  }
  dedup_.commit(seen, time_us);
}

IndexFigures WindowedIndex::figures() const {
  return {.ids = dedup_.size(),
          .bytes = dedup_.bytes(),
          .window_us = dedup_.effective_window_us(),
          .forgotten_us = dedup_.forgotten_us()};
}

}  // namespace semel
