// Good frames behind bytes that do not check. Recovery asks whether there are any, to tell damage from
// a torn tail; which ones they are, and what becomes of them, is the business of repair.
//
// A frame's checksum names its position (FORMAT.md), so a frame that checks is known to lie where it
// was written, in which lap of the ring, whatever lies around it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "ring/frame.h"

namespace semel {

// Frames that follow one another without a gap.
struct FrameRun {
  uint64_t position = 0;
  uint64_t end = 0;     // behind its last frame
  uint64_t before = 0;  // the sequence before its first message
  uint64_t last = 0;    // of its last message; `before` where it holds control frames alone
  uint64_t time_us = 0;
};

// All runs that begin at `from` or less than one lap behind it, by position: frames that recovery would
// accept. Messages in them are behind `sequence`. Work is bounded by a multiple of the ring's size: bytes
// made to look like frames end the search early.
std::vector<FrameRun> find_runs(std::span<uint8_t> ring, uint32_t seed, uint64_t from,
                                uint64_t sequence);

// The position at which the bytes at `offset` may be a frame; nothing: they are none.
using FrameLocator =
    std::function<std::optional<uint64_t>(uint64_t offset, std::span<const uint8_t> frame)>;
// The same, with another idea of where frames may lie.
std::vector<FrameRun> find_runs(std::span<uint8_t> ring, uint32_t seed, uint64_t sequence,
                                const FrameLocator& locate);

}  // namespace semel
