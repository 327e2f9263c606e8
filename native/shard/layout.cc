#include "shard/layout.h"

#include "shard/commit_draft.h"
#include "shard/level.h"

namespace semel {
namespace {

// The bits of a frame's meta word that a commit has to look into: a source offset, or a retry.
constexpr uint64_t kTelling = 1u << 6 | static_cast<uint64_t>(FrameType::retry);

}  // namespace

uint32_t CompactLayout::fill(InFlight& in_flight, uint32_t max, uint64_t end) const {
  const Ring& ring = in_flight.ring();
  return in_flight.fill(max, end, [&](const uint8_t* frame, uint64_t position, uint32_t length,
                                      Slot& slot, Id&) -> uint64_t {
    slot = {static_cast<int32_t>(ring.offset(position) + kCompactHeaderBytes),
            static_cast<int32_t>(length - kCompactHeaderBytes),
            static_cast<int32_t>(compact_type(frame)), 0};
    return 0;
  });
}

uint32_t FullLayout::fill(InFlight& in_flight, uint32_t max, uint64_t end) const {
  const Ring& ring = in_flight.ring();
  return in_flight.fill(max, end, [&](const uint8_t* frame, uint64_t position, uint32_t length,
                                      Slot& slot, Id& id) -> uint64_t {
    const uint64_t meta = full_meta(frame);
    const FrameType type = meta_type(meta);
    if (semel::is_control(type)) {
      return type == FrameType::offset ? InFlight::kOffset : InFlight::kStop;
    }
    const uint64_t header = meta_header_bytes(meta);
    slot = {static_cast<int32_t>(ring.offset(position) + header),
            static_cast<int32_t>(length - header),
            static_cast<int32_t>(type) | static_cast<int32_t>(header << kHeaderShift), 0};
    id = full_id(frame, meta);
    if (load<uint64_t>(frame + 8) <= given_up_through_ && meta_has_source(meta) &&
        given_up_.is_given_up(full_source(frame, meta).partition)) {
      slot.outcome = static_cast<int32_t>(Outcome::given_up);
    }
    if (type == FrameType::retry && !level_.has_open_letter(id.low)) {
      // Sent again twice, perhaps longer ago than the index remembers.
      slot.outcome = static_cast<int32_t>(Outcome::duplicate);
    }
    return meta & kTelling;
  });
}

bool FullLayout::is_control(const uint8_t* frame) const {
  return semel::is_control(meta_type(full_meta(frame)));
}

uint64_t FullLayout::time_us(const uint8_t* frame) const { return meta_time_us(full_meta(frame)); }

void FullLayout::tell(const InFlight& in_flight, CommitDraft& draft) const {
  if (in_flight.telling() == 0) {
    // Nothing but the time, and the last frame's is the newest.
    draft.raise_time(time_us(in_flight.frame_of(draft.last())));
    return;
  }
  for (uint64_t sequence = draft.first(); sequence <= draft.last(); ++sequence) {
    const uint8_t* frame = in_flight.frame_of(sequence);
    const uint64_t meta = full_meta(frame);
    const Outcome outcome = in_flight.outcome(sequence);
    if (meta_has_source(meta)) {
      const FrameSource source = full_source(frame, meta);
      if (outcome == Outcome::given_up) {
        draft.give_up_source(source.partition);
      } else {
        draft.pass_source({source.partition, source.offset});
      }
    }
    if (meta_type(meta) == FrameType::retry && makes_seen(outcome) &&
        outcome != Outcome::dead_lettered) {
      draft.resolve_letter(full_id(frame, meta).low);
    }
    draft.raise_time(meta_time_us(meta));
  }
}

}  // namespace semel
