// A commit's details as bytes: how they cross from JavaScript (src/native/details.ts) in one piece.
//
// sequence f64, due (ms since 1970) f64, action u32, attempts u32, outcome u32, history length u32,
// history, zeros to the next multiple of 8; one behind the other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shard/detail.h"

namespace semel {

// Adds what `bytes` hold to `details`, whose histories are borrowed from them. False where they hold
// anything else: a length, an action, an outcome or a number out of its bounds.
bool read_details(std::span<const uint8_t> bytes, std::vector<Detail>* details);

}  // namespace semel
