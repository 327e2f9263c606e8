// A commit's answers as bytes: how they cross from JavaScript (src/native/answers.ts) in one piece.
//
// sequence f64, AnswerKind u32, payload length u32, payload, zeros to the next multiple of 8; one behind
// the other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shard/replies.h"

namespace semel {

// Adds what `bytes` hold to `answers`, whose payloads are borrowed from them. False where they hold
// anything else: a length, a kind or a number out of its bounds.
bool read_answers(std::span<const uint8_t> bytes, uint64_t payload_bytes_max,
                  std::vector<Answer>* answers);

}  // namespace semel
