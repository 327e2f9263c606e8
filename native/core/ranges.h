// Numbers as ranges: `4, 7–9`. For reports.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace semel {

struct Range {
  uint64_t first = 0;
  uint64_t last = 0;

  friend bool operator==(const Range&, const Range&) = default;
};

// Ranges that neither overlap nor touch, in order.
class Ranges {
 public:
  // Nothing where first > last.
  void add(uint64_t first, uint64_t last) {
    if (first > last) return;
    ranges_.push_back({first, last});
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.first < b.first; });
    std::vector<Range> merged;
    for (const Range& one : ranges_) {
      if (!merged.empty() && one.first <= merged.back().last + 1) {
        merged.back().last = std::max(merged.back().last, one.last);
      } else {
        merged.push_back(one);
      }
    }
    ranges_ = std::move(merged);
  }
  void add(const Ranges& others) {
    for (const Range& one : others.ranges_) add(one.first, one.last);
  }
  bool empty() const { return ranges_.empty(); }
  uint64_t count() const {
    uint64_t sum = 0;
    for (const Range& one : ranges_) sum += one.last - one.first + 1;
    return sum;
  }
  const std::vector<Range>& all() const { return ranges_; }

  friend bool operator==(const Ranges&, const Ranges&) = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace semel
