// Where the sinks of a shard that can be cut back stand, each in its own count.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace semel {

// Sinks are numbered from 0, and so is this many of them at most.
constexpr uint32_t kSinksMax = 64;

struct SinkPlace {
  uint32_t sink = 0;
  int64_t place = -1;

  friend bool operator==(const SinkPlace&, const SinkPlace&) = default;
};

// Of most shards there is one sink, and nothing is allocated.
struct SinkPlaces {
  SinkPlaces(int64_t of_first = -1) : first(of_first) {}  // NOLINT(google-explicit-constructor)

  // -1: it has no place.
  int64_t of(uint32_t sink) const {
    if (sink == 0) return first;
    const auto found = at(sink);
    return found != others.end() && found->sink == sink ? found->place : -1;
  }
  bool of_any() const { return first >= 0 || !others.empty(); }
  // A negative place leaves the sink's as it is.
  void set(uint32_t sink, int64_t place) {
    if (place < 0) return;
    if (sink == 0) {
      first = place;
      return;
    }
    const auto found = others.begin() + (at(sink) - others.begin());
    if (found != others.end() && found->sink == sink) {
      found->place = place;
    } else {
      others.insert(found, {sink, place});
    }
  }
  void merge(const SinkPlaces& newer) {
    set(0, newer.first);
    for (const SinkPlace& one : newer.others) set(one.sink, one.place);
  }

  friend bool operator==(const SinkPlaces&, const SinkPlaces&) = default;

  int64_t first;                  // the sink 0
  std::vector<SinkPlace> others;  // by sink, those that have a place

 private:
  std::vector<SinkPlace>::const_iterator at(uint32_t sink) const {
    return std::lower_bound(others.begin(), others.end(), sink,
                            [](const SinkPlace& one, uint32_t number) { return one.sink < number; });
  }
};

}  // namespace semel
