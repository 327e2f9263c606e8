#include "dedup/dedup.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>

#include "core/faults.h"

namespace semel {
namespace {

using dedup::BloomFilter;
using dedup::Generation;

// Sealed generations alive at once: those that time sealed (generations + 2), and as many that were
// sealed because they were full.
constexpr uint64_t kGenerationsMax = 16;
constexpr uint64_t kSealedMax = 2 * kGenerationsMax + 4;
// A sealed generation settles within 1/14 of a slice's ids.
constexpr uint64_t kSettledPerInsert = 1;
constexpr uint64_t kSettledPerAdvance = 512;  // groups: about 7,000 ids
constexpr uint64_t kBytesPreallocatedPerId = 24;

constexpr uint64_t slice_us(const DedupOptions& options) {
  const uint64_t rest = options.window_us % options.generations;
  return options.window_us / options.generations + (rest > 0 ? 1 : 0);
}

constexpr uint64_t slice_ids(const DedupOptions& options) {
  if (!options.shorten_window_when_full) return UINT64_MAX;
  return std::max<uint64_t>(options.max_ids / (options.generations + 1), 1);
}

}  // namespace

Dedup::Dedup(const DedupOptions& options)
    : options_(options),
      slice_us_(slice_us(options)),
      slice_ids_max_(slice_ids(options)),
      hash_(options.seed),
      reservations_(hash_),
      active_(std::make_unique<Generation>(pool_, hash_, 0)) {
  assert(options.window_us > 0);
  assert(options.generations >= 1 && options.generations <= kGenerationsMax);
  if (!active_->ids.exists()) {
    std::fputs("semel: no memory for a dedup index\n", stderr);
    std::abort();
  }
}

Dedup::~Dedup() = default;

void Dedup::preallocate(uint64_t ids) { pool_.preallocate(ids * kBytesPreallocatedPerId); }

// Hashes a window and fetches what its first step reads, so that it can be done a window ahead.
void Dedup::begin_window(std::span<const Id> ids, uint64_t from, uint64_t* hashes) const {
  const uint64_t to = std::min(from + kWindow, ids.size());
  for (uint64_t i = from; i < to; ++i) {
    const uint64_t hash = hash_(ids[i]);
    hashes[i - from] = hash;
    active_->ids.prefetch_tags(hash);
    reservations_.prefetch(hash);
  }
}

void Dedup::reserve(std::span<const Id> ids, Verdict* out) {
  uint64_t hashes[2][kWindow];
  begin_window(ids, 0, hashes[0]);
  for (uint64_t from = 0, turn = 0; from < ids.size(); from += kWindow, turn ^= 1) {
    begin_window(ids, from + kWindow, hashes[turn ^ 1]);
    const uint64_t count = std::min(kWindow, ids.size() - from);
    const Id* window = ids.data() + from;
    const uint32_t seen = seen_in_window(window, hashes[turn], count);
    for (uint64_t i = 0; i < count; ++i) {
      if (seen >> i & 1) {
        out[from + i] = Verdict::seen;
      } else {
        const bool is_new = reservations_.add(window[i], hashes[turn][i]);
        out[from + i] = is_new ? Verdict::fresh : Verdict::in_flight;
      }
    }
  }
  shorten();
}

// Bit i: ids[i] was seen. Tags of the active generation have been fetched. Each step goes over the
// whole window, and over those ids only that the step before could not decide.
uint32_t Dedup::seen_in_window(const Id* ids, const uint64_t* hashes, uint64_t count) {
  // Generation × kWindow + index, in one word: two bytes stored apart can't be loaded at once soon.
  uint16_t candidates[kSealedMax * kWindow];
  uint8_t active_candidates[kWindow];
  uint64_t candidate_count = 0;
  uint64_t active_count = 0;
  uint32_t seen = 0;

  for (const auto& generation : sealed_) {
    if (generation->is_filtered()) {
      for (uint64_t i = 0; i < count; ++i) generation->filter.prefetch(hashes[i]);
    } else {
      for (uint64_t i = 0; i < count; ++i) generation->ids.prefetch_tags(hashes[i]);
    }
  }
  for (uint64_t i = 0; i < count; ++i) {
    active_candidates[active_count] = static_cast<uint8_t>(i);
    active_count += active_->ids.prefetch_key(hashes[i]);
  }
  if (!sealed_.empty()) {
    BloomFilter::Pattern patterns[kWindow];
    for (uint64_t i = 0; i < count; ++i) patterns[i] = BloomFilter::Pattern(hashes[i]);
    for (uint64_t g = 0; g < sealed_.size(); ++g) {
      const Generation& generation = *sealed_[g];
      const uint64_t first = candidate_count;
      const bool is_filtered = generation.is_filtered();
      for (uint64_t i = 0; i < count; ++i) {
        candidates[candidate_count] = static_cast<uint16_t>(g * kWindow + i);
        const bool maybe = !is_filtered || generation.filter.maybe(hashes[i], patterns[i]);
        candidate_count += maybe;
        if (planted(Bug::bloom_maybe_taken_as_yes)) seen |= uint32_t{maybe && is_filtered} << i;
      }
      if (!is_filtered) continue;
      statistics_.probes += count;
      statistics_.maybes += candidate_count - first;
      statistics_.false_maybes += candidate_count - first;  // until the exact set has spoken
      for (uint64_t c = first; c < candidate_count; ++c) {
        generation.ids.prefetch_tags(hashes[candidates[c] % kWindow]);
      }
    }
  }
  for (uint64_t a = 0; a < active_count; ++a) {
    const uint64_t i = active_candidates[a];
    seen |= uint32_t{active_->ids.contains(ids[i], hashes[i])} << i;
  }
  uint64_t possible_count = 0;
  for (uint64_t c = 0; c < candidate_count; ++c) {
    const uint16_t candidate = candidates[c];
    candidates[possible_count] = candidate;
    const Generation& generation = *sealed_[candidate / kWindow];
    possible_count += generation.ids.prefetch_key(hashes[candidate % kWindow]);
  }
  for (uint64_t c = 0; c < possible_count; ++c) {
    const Generation& generation = *sealed_[candidates[c] / kWindow];
    const uint64_t i = candidates[c] % kWindow;
    if (!generation.ids.contains(ids[i], hashes[i])) continue;
    seen |= uint32_t{1} << i;
    statistics_.false_maybes -= generation.is_filtered();
  }
  return seen;
}

void Dedup::commit(std::span<const Id> ids, uint64_t time_us) {
  if (ids.empty()) return;
  note_time(time_us);
  uint64_t hashes[2][kWindow];
  begin_window(ids, 0, hashes[0]);
  for (uint64_t from = 0, turn = 0; from < ids.size(); from += kWindow, turn ^= 1) {
    const uint64_t count = std::min(kWindow, ids.size() - from);
    active_->ids.make_room(count);
    for (uint64_t i = 0; i < count; ++i) active_->ids.prefetch_insert(hashes[turn][i]);
    begin_window(ids, from + kWindow, hashes[turn ^ 1]);
    insert_window(ids.data() + from, hashes[turn], count);
    maintain(count * kSettledPerInsert);
  }
  end_insert();
}

void Dedup::insert_window(const Id* ids, const uint64_t* hashes, uint64_t count) {
  // In a loop of its own: a group whose byte was just stored can't be loaded until that store has
  // left the queue, and there it must not stand behind stores that wait for memory (measured: 130 ns
  // an id, against 35).
  uint32_t was_reserved = 0;
  for (uint64_t i = 0; i < count; ++i) {
    was_reserved |= uint32_t{reservations_.remove(ids[i], hashes[i])} << i;
  }
  for (uint64_t i = 0; i < count; ++i) {
    // What was reserved is not among the seen: no key needs to be compared.
    if (!(was_reserved >> i & 1) && active_->ids.contains(ids[i], hashes[i])) continue;
    active_->ids.insert(ids[i], hashes[i]);
    ++seen_;
  }
}

void Dedup::restore(std::span<const Id> ids, uint64_t time_us) { commit(ids, time_us); }

void Dedup::free(std::span<const Id> ids) {
  for (const Id& id : ids) reservations_.remove(id, hash_(id));
}

void Dedup::free_all() { reservations_.clear(); }

bool Dedup::contains(const Id& id) const {
  const uint64_t hash = hash_(id);
  if (active_->ids.contains(id, hash)) return true;
  const BloomFilter::Pattern pattern(hash);
  return std::any_of(sealed_.begin(), sealed_.end(), [&](const auto& generation) {
    if (generation->is_filtered() && !generation->filter.maybe(hash, pattern)) return false;
    return generation->ids.contains(id, hash);
  });
}

bool Dedup::is_reserved(const Id& id) const { return reservations_.contains(id, hash_(id)); }

void Dedup::advance(uint64_t now_us) {
  now_us_ = std::max(now_us_, now_us);
  note_time(now_us);
  expire();
  maintain(kSettledPerAdvance);
}

// The active generation is sealed once its slice is over.
void Dedup::note_time(uint64_t time_us) {
  time_us_ = std::max(time_us_, time_us);
  if (active_->ids.size() > 0 && time_us_ - active_->first_us >= slice_us_) seal();
  if (active_->ids.size() == 0) active_->first_us = time_us_;
}

void Dedup::end_insert() {
  active_->newest_us = time_us_;
  if (active_->ids.size() >= slice_ids_max_) seal();
  shorten();
}

void Dedup::seal() {
  // A little more than the last slice had; but no more than may still come.
  const uint64_t expected = std::min(active_->ids.size() / 16 * 17, options_.max_ids);
  auto next = std::make_unique<Generation>(pool_, hash_, expected);
  // Without memory for another, the active one goes on: ids are remembered longer, never shorter.
  if (!next->ids.exists() || sealed_.size() == kSealedMax) return;
  next->first_us = next->newest_us = time_us_;
  sealed_.push_back(std::move(active_));
  active_ = std::move(next);
}

void Dedup::expire() {
  const uint64_t window_us = options_.window_us / (planted(Bug::window_forgets_early) ? 2 : 1);
  while (!sealed_.empty() && now_us_ > sealed_.front()->newest_us + window_us) {
    drop_oldest();
  }
}

void Dedup::drop_oldest() {
  seen_ -= sealed_.front()->ids.size();
  sealed_.pop_front();
}

void Dedup::shorten() {
  if (!options_.shorten_window_when_full) return;
  while (seen_ + reserved() > options_.max_ids && !sealed_.empty()) {
    has_forgotten_early_ = true;
    forgotten_newest_us_ = sealed_.front()->newest_us;
    drop_oldest();
  }
}

void Dedup::maintain(uint64_t groups) {
  for (const auto& generation : sealed_) {
    if (groups == 0) break;
    groups = generation->settle(groups);
  }
  pool_.trim();
}

bool Dedup::has_room(uint64_t ids) const {
  const uint64_t coming = reserved() + ids;
  // What is sealed can be forgotten, if it may be.
  const uint64_t kept = options_.shorten_window_when_full ? active_->ids.size() : seen_;
  return kept + coming <= options_.max_ids && active_->ids.can_take(coming);
}

uint64_t Dedup::bytes() const {
  uint64_t total = pool_.bytes() + reservations_.bytes() + active_->heap_bytes();
  for (const auto& generation : sealed_) total += generation->heap_bytes();
  return total;
}

uint64_t Dedup::effective_window_us() const {
  if (!has_forgotten_early_) return options_.window_us;
  return std::min(options_.window_us, time_us_ - forgotten_newest_us_);
}

bool Dedup::is_settled() const {
  return std::all_of(sealed_.begin(), sealed_.end(),
                     [](const auto& generation) { return generation->is_settled(); });
}

}  // namespace semel
