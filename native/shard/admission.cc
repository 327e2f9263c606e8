#include "shard/admission.h"

#include <algorithm>

namespace semel {
namespace {

// What a parked entry takes in the ack log at most besides its payload: its fields and its history.
constexpr uint64_t kParkedOverheadMax = kHistoryBytesMax + 124;

// More than any count or position reaches, and small enough to be added to one.
constexpr uint64_t kUnbounded = uint64_t{1} << 62;

uint64_t what_is_left(uint64_t of, uint64_t taken) { return of - std::min(of, taken); }

}  // namespace

Bounds Bounds::of_segment(uint64_t segment_bytes, uint64_t parked_max) {
  return {.parked_max = parked_max,
          .parked_bytes_max = segment_bytes / 2,
          .in_flight_max = segment_bytes / 8 / kParkedOverheadMax,
          .in_flight_bytes_max = segment_bytes / 8};
}

Bounds Bounds::none() { return {kUnbounded, kUnbounded, kUnbounded, kUnbounded}; }

uint32_t Admission::room(uint32_t wanted) const {
  const uint64_t in_flight = in_flight_.count();
  const uint64_t room =
      std::min({uint64_t{wanted}, uint64_t{in_flight_.room()},
                what_is_left(bounds_.in_flight_max, in_flight),
                // All that is in flight may be parked by one commit.
                what_is_left(bounds_.parked_max - parked_.size(), in_flight)});
  if (suspicion_.is_clear()) return static_cast<uint32_t>(room);
  return std::min(static_cast<uint32_t>(room), suspicion_.room(under_way()));
}

}  // namespace semel
