#include "dedup/dedup.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>

#include "core/faults.h"

namespace semel {
namespace {

constexpr uint64_t kWindow = 32;
// Groups of the table: a slice is swept within a quarter to a half of the next one's ids.
constexpr uint64_t kSweptPerCommit = 1;
constexpr uint64_t kSweptPerAdvance = 256;
// Freed reservations that may wait for their turn behind one that is not decided.
constexpr std::size_t kHolesMax = 4096;

constexpr uint64_t slice_us(const DedupOptions& options) {
  const uint64_t rest = options.window_us % options.slices;
  return options.window_us / options.slices + (rest > 0 ? 1 : 0);
}

constexpr uint64_t slice_ids(const DedupOptions& options) {
  if (!options.shorten_window_when_full) return UINT64_MAX;
  return std::max<uint64_t>(options.max_ids / (options.slices + 1), 1);
}

}  // namespace

Dedup::Dedup(const DedupOptions& options)
    : options_(options),
      slice_us_(slice_us(options)),
      slice_ids_max_(slice_ids(options)),
      hash_(options.seed),
      table_(pool_, hash_, options.max_ids),
      next_(log().span().end),
      slices_{{.begin = next_}},
      held_(0, hash_) {
  assert(options.window_us > 0);
  assert(options.slices >= 1);
  if (!table_.exists()) {
    std::fputs("semel: no memory for a dedup index\n", stderr);
    std::abort();
  }
}

template <typename Visit>
void Dedup::in_windows(std::span<const Id> ids, Visit visit) {
  uint64_t hashes[2][kWindow];
  // A window's groups are fetched while the one before is dealt with.
  const auto begin = [&](uint64_t from, uint64_t* into) {
    const uint64_t to = std::min(from + kWindow, ids.size());
    for (uint64_t i = from; i < to; ++i) {
      into[i - from] = hash_(ids[i]);
      table_.prefetch(into[i - from]);
    }
  };
  begin(0, hashes[0]);
  for (uint64_t from = 0, turn = 0; from < ids.size(); from += kWindow, turn ^= 1) {
    const uint64_t count = std::min(kWindow, ids.size() - from);
    table_.make_room(count);
    if (has_hits_) {
      for (uint64_t i = 0; i < count; ++i) table_.prefetch_id(hashes[turn][i]);
      has_hits_ = false;
    }
    begin(from + kWindow, hashes[turn ^ 1]);
    for (uint64_t i = 0; i < count; ++i) visit(from + i, hashes[turn][i]);
  }
}

void Dedup::reserve(std::span<const Id> ids, Verdict* out) {
  in_windows(ids, [&](uint64_t i, uint64_t hash) {
    const dedup::Table::Found found = table_.find(ids[i], hash);
    if (found.exists) {
      out[i] = is_seen(found.position) ? Verdict::seen : Verdict::in_flight;
      has_hits_ = true;
    } else if (!held_.empty() && held_.contains(ids[i])) {
      out[i] = Verdict::in_flight;
    } else {
      table_.add(ids[i], hash);
      out[i] = Verdict::fresh;
    }
  });
  shorten();
}

bool Dedup::is_seen(Position position) const {
  const Position oldest = log().span().oldest;
  return position - oldest < next_ - oldest || early_.contains(position);
}

void Dedup::commit(std::span<const Id> ids, uint64_t time_us) {
  if (ids.empty()) return;
  note_time(time_us);
  const std::span<const Id> rest = ids.subspan(see_in_order(ids));
  in_windows(rest, [&](uint64_t i, uint64_t hash) { see(rest[i], hash); });
  table_.maintain(ids.size() * kSweptPerCommit);
  pool_.trim();
  slices_.back().newest_us = time_us_;
  slices_.back().told_us = std::max(slices_.back().told_us, time_us);
  if (slices_.back().ids >= slice_ids_max_) seal();
  shorten();
}

// As many as are the next in the log; how many those are.
uint64_t Dedup::see_in_order(std::span<const Id> ids) {
  if (!early_.empty() || !holes_.empty()) return 0;
  const uint64_t count_max = std::min<uint64_t>(ids.size(), log().span().end - next_);
  uint64_t count = 0;
  while (count < count_max && log().at(next_ + static_cast<Position>(count)) == ids[count]) ++count;
  next_ += static_cast<Position>(count);
  count_seen(count);
  return count;
}

void Dedup::see(const Id& id, uint64_t hash) {
  const dedup::Table::Found found = table_.find(id, hash);
  if (found.exists && !is_seen(found.position)) {
    hold_before(found.position);
    ++next_;
  } else {
    Position position;
    if (found.exists) {
      // Once more, from an overlapping block: remembered from now on.
      --slice_of(found.position).ids;
      --seen_;
      if (early_.erase(found.position) > 0) holes_.insert(found.position);
      position = table_.renew(found, id, hash);
    } else {
      held_.erase(id);
      position = table_.add(id, hash);
    }
    if (position == next_) {
      ++next_;
    } else {
      early_.insert(position);
    }
  }
  count_seen(1);
  skip_what_is_done();
}

void Dedup::count_seen(uint64_t ids) {
  seen_ += ids;
  slices_.back().ids += ids;
}

// What is still reserved before the position stays so, aside.
void Dedup::hold_before(Position position) {
  for (; next_ != position; ++next_) {
    if (holes_.erase(next_) > 0 || early_.erase(next_) > 0) continue;
    const Id& id = log().at(next_);
    const uint64_t hash = hash_(id);
    table_.remove(table_.find(id, hash), hash);
    held_.insert(id);
  }
}

void Dedup::skip_what_is_done() {
  if (early_.empty() && holes_.empty()) return;
  while (holes_.erase(next_) > 0 || early_.erase(next_) > 0) ++next_;
}

void Dedup::restore(std::span<const Id> ids, uint64_t time_us) { commit(ids, time_us); }

void Dedup::free(std::span<const Id> ids) {
  for (const Id& id : ids) {
    const uint64_t hash = hash_(id);
    const dedup::Table::Found found = table_.find(id, hash);
    if (!found.exists) {
      held_.erase(id);
    } else if (!is_seen(found.position)) {
      table_.remove(found, hash);
      holes_.insert(found.position);
    }
  }
  skip_what_is_done();
  if (holes_.size() > kHolesMax) hold_before(log().span().end);
  leave_behind(0);
}

void Dedup::free_all() {
  hold_before(log().span().end);
  held_.clear();
  leave_behind(0);
}

bool Dedup::contains(const Id& id) const {
  const dedup::Table::Found found = table_.find(id, hash_(id));
  return found.exists && is_seen(found.position);
}

bool Dedup::is_reserved(const Id& id) const {
  const dedup::Table::Found found = table_.find(id, hash_(id));
  return found.exists ? !is_seen(found.position) : held_.contains(id);
}

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
  if (slices_.back().ids > 0 && time_us_ - slices_.back().first_us >= slice_us_) seal();
  if (slices_.back().ids == 0) slices_.back().first_us = time_us_;
}

// What was seen before its turn is this slice's all the same: so all turns are taken, where there is such.
void Dedup::seal() {
  if (!early_.empty()) hold_before(log().span().end);
  slices_.push_back({.begin = next_, .first_us = time_us_, .newest_us = time_us_,
                     .told_us = slices_.back().told_us});
}

Dedup::Slice& Dedup::slice_of(Position position) {
  const Position oldest = log().span().oldest;
  const auto behind = std::partition_point(
      slices_.begin() + 1, slices_.end(),
      [&](const Slice& slice) { return slice.begin - oldest <= position - oldest; });
  return *(behind - 1);
}

void Dedup::expire() {
  const uint64_t window_us = options_.window_us / (planted(Bug::window_forgets_early) ? 2 : 1);
  while (slices_.size() > 1 && now_us_ > slices_.front().newest_us + window_us) drop_oldest();
}

void Dedup::drop_oldest() {
  const uint64_t ids = slices_.front().ids;
  slices_.pop_front();
  seen_ -= ids;
  leave_behind(ids);
}

// What is before the oldest slice; where there is none but an empty one, all before next_.
void Dedup::leave_behind(uint64_t ids) {
  if (slices_.size() == 1 && slices_.front().ids == 0) slices_.front().begin = next_;
  if (slices_.front().begin != log().span().oldest) table_.leave_behind(slices_.front().begin, ids);
}

void Dedup::shorten() {
  if (!options_.shorten_window_when_full) return;
  while (seen_ + reserved() > options_.max_ids && slices_.size() > 1) {
    has_forgotten_early_ = true;
    forgotten_newest_us_ = slices_.front().newest_us;
    forgotten_told_us_ = slices_.front().told_us;
    drop_oldest();
  }
}

uint64_t Dedup::room(uint64_t wanted) const {
  const uint64_t reservations = reserved();
  // What is sealed can be forgotten, if it may be.
  const uint64_t kept = options_.shorten_window_when_full ? slices_.back().ids : seen_;
  const uint64_t taken = kept + reservations;
  uint64_t room = std::min(wanted, options_.max_ids - std::min(options_.max_ids, taken));
  // Memory is short: for fewer there may be some.
  while (room > 0 && !table_.can_take(reservations + room)) room /= 2;
  return room;
}

uint64_t Dedup::bytes() const { return pool_.bytes() + table_.heap_bytes(); }

uint64_t Dedup::effective_window_us() const {
  if (!has_forgotten_early_) return options_.window_us;
  return std::min(options_.window_us, time_us_ - forgotten_newest_us_);
}

uint64_t Dedup::slices() const {
  return static_cast<uint64_t>(std::count_if(slices_.begin(), slices_.end(),
                                             [](const Slice& slice) { return slice.ids > 0; }));
}

}  // namespace semel
