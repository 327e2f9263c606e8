// Numbers as JavaScript gives them, in what crosses as bytes.
#pragma once

namespace semel {

// The largest whole number behind which a double leaves others out; also times in ms stay below it.
constexpr double kNumberMax = 9007199254740992.0;

// False also for what is no number.
constexpr bool is_number(double value) { return value >= 0 && value <= kNumberMax; }

}  // namespace semel
