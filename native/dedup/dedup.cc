#include "dedup/dedup.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>

#include "core/faults.h"

namespace semel {
namespace {

using dedup::kReserved;
using dedup::Stamp;

constexpr uint32_t kSlicesMax = 4;  // and as many again that were sealed because they were full
constexpr uint64_t kWindow = 32;
// Groups of the table: a slice is swept within a quarter to a half of the next one's ids.
constexpr uint64_t kSweptPerCommit = 1;
constexpr uint64_t kSweptPerAdvance = 256;

constexpr uint64_t slice_us(const DedupOptions& options) {
  const uint64_t rest = options.window_us % options.slices;
  return options.window_us / options.slices + (rest > 0 ? 1 : 0);
}

constexpr uint64_t slice_ids(const DedupOptions& options) {
  if (!options.shorten_window_when_full) return UINT64_MAX;
  return std::max<uint64_t>(options.max_ids / (options.slices + 1), 1);
}

constexpr Stamp behind(Stamp stamp) {
  return stamp + 1 < dedup::kStampEnd ? static_cast<Stamp>(stamp + 1) : dedup::kSliceFirst;
}

}  // namespace

Dedup::Dedup(const DedupOptions& options)
    : options_(options),
      slice_us_(slice_us(options)),
      slice_ids_max_(slice_ids(options)),
      hash_(options.seed),
      table_(pool_, hash_, stamps_, options.max_ids) {
  assert(options.window_us > 0);
  assert(options.slices >= 1 && options.slices <= kSlicesMax);
  stamps_.live |= 1u << newest_;
  if (!table_.exists()) {
    std::fputs("semel: no memory for a dedup index\n", stderr);
    std::abort();
  }
}

template <typename Visit>
void Dedup::in_windows(std::span<const Id> ids, Visit visit) {
  uint64_t hashes[2][kWindow];
  // A window's first step is done while the one before is waited for.
  const auto begin = [&](uint64_t from, uint64_t* into) {
    const uint64_t to = std::min(from + kWindow, ids.size());
    for (uint64_t i = from; i < to; ++i) {
      into[i - from] = hash_(ids[i]);
      table_.prefetch_marks(into[i - from]);
    }
  };
  begin(0, hashes[0]);
  for (uint64_t from = 0, turn = 0; from < ids.size(); from += kWindow, turn ^= 1) {
    const uint64_t count = std::min(kWindow, ids.size() - from);
    table_.make_room(count);
    for (uint64_t i = 0; i < count; ++i) table_.prefetch_key(hashes[turn][i]);
    begin(from + kWindow, hashes[turn ^ 1]);
    for (uint64_t i = 0; i < count; ++i) visit(from + i, hashes[turn][i]);
  }
}

void Dedup::reserve(std::span<const Id> ids, Verdict* out) {
  in_windows(ids, [&](uint64_t i, uint64_t hash) {
    const Stamp stood = table_.reserve(ids[i], hash);
    out[i] = stood == 0           ? Verdict::fresh
             : stood == kReserved ? Verdict::in_flight
                                  : Verdict::seen;
  });
  shorten();
}

void Dedup::commit(std::span<const Id> ids, uint64_t time_us) {
  if (ids.empty()) return;
  note_time(time_us);
  in_windows(ids, [&](uint64_t i, uint64_t hash) {
    const Stamp stood = table_.see(ids[i], hash, newest_);
    if (stood <= kReserved) {
      ++seen_;
    } else {
      --slices_[stood].ids;
    }
    ++newest().ids;
  });
  table_.maintain(ids.size() * kSweptPerCommit);
  pool_.trim();
  newest().newest_us = time_us_;
  if (newest().ids >= slice_ids_max_) seal();
  shorten();
}

void Dedup::restore(std::span<const Id> ids, uint64_t time_us) { commit(ids, time_us); }

void Dedup::free(std::span<const Id> ids) {
  for (const Id& id : ids) table_.free(id, hash_(id));
}

void Dedup::free_all() { table_.free_reserved(); }

bool Dedup::contains(const Id& id) const { return table_.stamp(id, hash_(id)) > kReserved; }

bool Dedup::is_reserved(const Id& id) const { return table_.stamp(id, hash_(id)) == kReserved; }

void Dedup::advance(uint64_t now_us) {
  now_us_ = std::max(now_us_, now_us);
  note_time(now_us);
  expire();
  table_.maintain(kSweptPerAdvance);
  pool_.trim();
}

// The newest slice is sealed once its time is over.
void Dedup::note_time(uint64_t time_us) {
  time_us_ = std::max(time_us_, time_us);
  if (newest().ids > 0 && time_us_ - newest().first_us >= slice_us_) seal();
  if (newest().ids == 0) newest().first_us = time_us_;
}

void Dedup::seal() {
  const Stamp next = behind(newest_);
  // Without a stamp for another, this slice goes on: ids are remembered longer, never shorter.
  if (next == stamps_.oldest) return;
  if (!table_.is_unused(next)) table_.sweep_all();
  newest_ = next;
  newest() = {.ids = 0, .first_us = time_us_, .newest_us = time_us_};
  stamps_.live |= 1u << next;
}

void Dedup::expire() {
  const uint64_t window_us = options_.window_us / (planted(Bug::window_forgets_early) ? 2 : 1);
  while (stamps_.oldest != newest_ && now_us_ > slices_[stamps_.oldest].newest_us + window_us) {
    drop_oldest();
  }
}

void Dedup::drop_oldest() {
  const Stamp oldest = stamps_.oldest;
  stamps_.live &= ~(1u << oldest);
  stamps_.oldest = behind(oldest);
  seen_ -= slices_[oldest].ids;
  table_.forget(oldest, slices_[oldest].ids);
}

void Dedup::shorten() {
  if (!options_.shorten_window_when_full) return;
  while (seen_ + reserved() > options_.max_ids && stamps_.oldest != newest_) {
    has_forgotten_early_ = true;
    forgotten_newest_us_ = slices_[stamps_.oldest].newest_us;
    drop_oldest();
  }
}

bool Dedup::has_room(uint64_t ids) const {
  const uint64_t coming = reserved() + ids;
  // What is sealed can be forgotten, if it may be.
  const uint64_t kept = options_.shorten_window_when_full ? slices_[newest_].ids : seen_;
  return kept + coming <= options_.max_ids && table_.can_take(coming);
}

uint64_t Dedup::bytes() const { return pool_.bytes() + table_.heap_bytes(); }

uint64_t Dedup::effective_window_us() const {
  if (!has_forgotten_early_) return options_.window_us;
  return std::min(options_.window_us, time_us_ - forgotten_newest_us_);
}

uint64_t Dedup::slices() const {
  uint64_t count = 0;
  for (Stamp stamp = stamps_.oldest; stamp != behind(newest_); stamp = behind(stamp)) {
    count += slices_[stamp].ids > 0 ? 1 : 0;
  }
  return count;
}

}  // namespace semel
