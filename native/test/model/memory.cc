#include "memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace semel::model {
namespace {

constexpr uint64_t kGranuleBytes = 8;

void fold(uint64_t (&key)[2], uint64_t word) {
  key[0] = (key[0] ^ word) * 0x9E3779B97F4A7C15ull;
  key[0] ^= key[0] >> 29;
  key[1] = (key[1] + word) * 0xC2B2AE3D27D4EB4Full;
  key[1] ^= key[1] >> 31;
}

void fold(uint64_t (&key)[2], const View& view) {
  uint64_t word = 0;
  for (int i = 0; i < kLocationsMax; ++i) {
    word = word << 8 | view.at[i];
    if (i % 8 == 7) fold(key, word);
  }
  word = 0;
  for (const uint16_t clock : view.clock) word = word << 16 | clock;
  fold(key, word);
}

}  // namespace

void View::join_indices(const View& other) {
  for (int i = 0; i < kLocationsMax; ++i) at[i] = std::max(at[i], other.at[i]);
}

void View::join(const View& other) {
  join_indices(other);
  for (int i = 0; i < kThreadsMax; ++i) clock[i] = std::max(clock[i], other.clock[i]);
}

void Memory::reset(int threads) {
  thread_count_ = threads;
  for (auto& history : history_) history.clear();
  threads_ = {};
  global_ = {};
  std::fill(granules_.begin(), granules_.end(), Granule{});
  // A thread's clock begins at 1: 0 stands for what happened before all threads.
  for (int i = 0; i < threads; ++i) threads_[i].view.clock[i] = 1;
}

int Memory::location(uintptr_t address, uint64_t initial) {
  const auto found = std::find(addresses_.begin(), addresses_.end(), address);
  const auto location = static_cast<int>(found - addresses_.begin());
  if (found == addresses_.end()) {
    if (location == kLocationsMax) {
      std::fputs("more atomics than the model has room for: raise kLocationsMax\n", stderr);
      std::abort();
    }
    addresses_.push_back(address);
  }
  if (history_[location].empty()) history_[location].push_back({initial, {}, false});
  return location;
}

uint32_t Memory::oldest_for(int thread, int location, Order order) const {
  const uint8_t own = threads_[thread].view.at[location];
  return order == Order::seq_cst ? std::max(own, global_.at[location]) : own;
}

void Memory::take_view(Thread& thread, const View& view, Order order) {
  (acquires(order) ? thread.view : thread.until_acquire_fence).join(view);
}

View Memory::carried(const Thread& thread, Order order) const {
  return releases(order) ? thread.view : thread.at_release_fence;
}

uint64_t Memory::load(int thread, int location, Order order) {
  auto& history = history_[location];
  const uint32_t oldest = oldest_for(thread, location, order);
  const auto newest = static_cast<uint32_t>(history.size() - 1);
  // The newest first: what a machine does most of the time is tried first.
  const uint32_t at = newest - choose_(newest - oldest + 1);
  Thread& self = threads_[thread];
  self.view.at[location] = static_cast<uint8_t>(at);
  self.loaded.at[location] = static_cast<uint8_t>(at);
  take_view(self, history[at].view, order);
  return history[at].value;
}

void Memory::insert(int location, uint32_t at, Message message) {
  auto& history = history_[location];
  if (history.size() == UINT8_MAX) {
    std::fputs("a location has more stores than the model has room for\n", stderr);
    std::abort();
  }
  if (at < history.size()) {
    const auto shift = [&](View& view) {
      if (view.at[location] >= at) ++view.at[location];
    };
    shift(global_);
    for (Thread& thread : threads_) {
      shift(thread.view);
      shift(thread.at_release_fence);
      shift(thread.until_acquire_fence);
      shift(thread.loaded);
    }
    for (auto& others : history_) {
      for (Message& other : others) shift(other.view);
    }
  }
  history.insert(history.begin() + at, message);
}

void Memory::store(int thread, int location, uint64_t value, Order order) {
  const auto& history = history_[location];
  std::array<uint32_t, UINT8_MAX> indices;
  uint32_t count = 0;
  for (auto at = static_cast<uint32_t>(history.size()); at > oldest_for(thread, location, order);
       --at) {
    if (at == history.size() || !history[at].is_update) indices[count++] = at;
  }
  const uint32_t at = indices[choose_(count)];
  insert(location, at, {value, {}, false});
  Thread& self = threads_[thread];
  self.view.at[location] = static_cast<uint8_t>(at);
  View& view = history_[location][at].view;
  view = carried(self, order);
  view.at[location] = static_cast<uint8_t>(at);
  if (order == Order::seq_cst) global_.at[location] = std::max<uint8_t>(global_.at[location], at);
}

uint64_t Memory::update(int thread, int location, Order order, const Update& make) {
  auto& history = history_[location];
  std::array<uint32_t, UINT8_MAX> indices;
  uint32_t count = 0;
  for (auto at = static_cast<uint32_t>(history.size()); at > oldest_for(thread, location, order);
       --at) {
    if (at == history.size() || !history[at].is_update) indices[count++] = at;
  }
  const uint32_t at = indices[choose_(count)];
  Thread& self = threads_[thread];
  const Message before = history[at - 1];
  take_view(self, before.view, order);
  insert(location, at, {make(before.value), {}, true});
  self.view.at[location] = static_cast<uint8_t>(at);
  View& view = history_[location][at].view;
  view = carried(self, order);
  view.join(before.view);
  view.at[location] = static_cast<uint8_t>(at);
  if (order == Order::seq_cst) global_.at[location] = std::max<uint8_t>(global_.at[location], at);
  return before.value;
}

void Memory::fence(int thread, Order order) {
  Thread& self = threads_[thread];
  if (acquires(order)) self.view.join(self.until_acquire_fence);
  if (order == Order::seq_cst) {
    self.view.join_indices(global_);
    global_.join_indices(self.view);
  }
  if (releases(order)) self.at_release_fence = self.view;
}

uint64_t Memory::seen(int thread, int location) const {
  return history_[location][threads_[thread].loaded.at[location]].value;
}

bool Memory::has_newer(int thread, int location) const {
  return threads_[thread].loaded.at[location] + 1u < history_[location].size();
}

void Memory::advance(int thread, int location) {
  Thread& self = threads_[thread];
  const auto next = static_cast<uint8_t>(self.loaded.at[location] + 1);
  self.view.at[location] = std::max(self.view.at[location], next);
}

void Memory::track(uintptr_t begin, uintptr_t end) {
  tracked_begin_ = begin;
  tracked_end_ = end;
  granules_.assign((end - begin + kGranuleBytes - 1) / kGranuleBytes, {});
}

bool Memory::plain(int thread, uintptr_t address, uint64_t bytes, bool is_write) {
  if (address < tracked_begin_ || address >= tracked_end_ || bytes == 0) return true;
  const View& view = threads_[thread].view;
  const uint64_t first = (address - tracked_begin_) / kGranuleBytes;
  const uint64_t last = (address + bytes - 1 - tracked_begin_) / kGranuleBytes;
  for (uint64_t at = first; at <= last && at < granules_.size(); ++at) {
    Granule& granule = granules_[at];
    if (granule.write_clock > view.clock[granule.writer]) return false;
    if (!is_write) {
      granule.read_clock[thread] = view.clock[thread];
      continue;
    }
    for (int other = 0; other < thread_count_; ++other) {
      if (granule.read_clock[other] > view.clock[other]) return false;
    }
    granule.writer = static_cast<uint8_t>(thread);
    granule.write_clock = view.clock[thread];
  }
  return true;
}

void Memory::fold_into(uint64_t (&key)[2]) const {
  for (const auto& history : history_) {
    fold(key, history.size());
    for (const Message& message : history) {
      fold(key, message.value);
      fold(key, message.is_update);
      fold(key, message.view);
    }
  }
  for (int i = 0; i < thread_count_; ++i) {
    fold(key, threads_[i].view);
    fold(key, threads_[i].at_release_fence);
    fold(key, threads_[i].until_acquire_fence);
    fold(key, threads_[i].loaded);
  }
  fold(key, global_);
}

}  // namespace semel::model
