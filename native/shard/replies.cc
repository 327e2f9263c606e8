#include "shard/replies.h"

#include <bit>
#include <utility>

#include "ring/frame.h"

namespace semel {

static_assert(kReplyHeaderBytes % kFrameAlignment == 0);

Result<std::unique_ptr<Replies>> Replies::make(uint64_t ring_bytes, uint64_t frame_bytes,
                                                uint64_t next) {
  const uint64_t capacity = std::bit_ceil(ring_bytes / frame_bytes);
  auto marks = Region::anonymous(kMarksAt + capacity, Pages::lazy);
  if (!marks.is_ok()) return marks.status();
  auto memory = Region::anonymous(ring_bytes, Pages::lazy);
  if (!memory.is_ok()) return memory.status();
  return std::unique_ptr<Replies>(
      new Replies(std::move(marks.value()), std::move(memory.value()), capacity, next));
}

Replies::Replies(std::unique_ptr<Region> marks, std::unique_ptr<Region> memory, uint64_t capacity,
                 uint64_t next)
    : marks_(std::move(marks)),
      memory_(std::move(memory)),
      mask_(capacity - 1),
      ring_(memory_->memory(), 0, 0),
      unread_(next) {}

bool Replies::draft(uint64_t sequence, Outcome outcome, const Answer& answer) {
  const uint64_t length = kReplyHeaderBytes + answer.payload.size();
  Ring::Claim claim;
  if (!ring_.claim(length, &claim)) return false;
  if (claim.padding_bytes > 0) {
    const uint64_t position = claim.position - claim.padding_bytes;
    write_padding(ring_.at(position), 0, position, claim.padding_bytes);
  }
  uint8_t* at = ring_.at(claim.position);
  store<uint32_t>(at, static_cast<uint32_t>(length));
  store<uint32_t>(at + 4, static_cast<uint32_t>(outcome) | static_cast<uint32_t>(answer.kind) << 8);
  store<double>(at + 8, static_cast<double>(sequence));
  if (!answer.payload.empty()) {
    std::memcpy(at + kReplyHeaderBytes, answer.payload.data(), answer.payload.size());
  }
  drafted_.push_back(sequence);
  return true;
}

}  // namespace semel
