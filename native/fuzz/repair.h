// Puts the checksums of damaged files right, and what else a fuzzer would never guess, so that the
// checks behind them are reached. Whoever breaks a file this way must be refused too, or be read
// without a step outside its bytes: a checksum is no proof of good will.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace semel::fuzz {

enum Repair : uint8_t {
  kChecksums = 1,  // CRCs, and the lengths that they need
  kIdentity = 2,   // whose file it is: number, size, salt of the directory
  kOrder = 4,      // numbers that count up: blocks, sequences; links between segments
};

// The segments of an ack log, by number.
void repair_ack_log(std::map<uint64_t, std::vector<uint8_t>*>& segments, uint64_t directory_salt,
                    uint8_t what);
void repair_dead_letters(std::vector<uint8_t>& file, uint64_t directory_salt, uint8_t what);
// The frames of a ring from `position` on, where the message after `sequence` is expected.
void repair_ring(std::span<uint8_t> ring, uint32_t seed, uint64_t position, uint64_t sequence,
                 uint8_t what);

}  // namespace semel::fuzz
