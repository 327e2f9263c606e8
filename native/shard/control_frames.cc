#include "shard/control_frames.h"

#include <algorithm>

namespace semel {

Status ControlFrames::apply() {
  if (in_flight_.count() > 0) return Status::ok();
  const Ring& ring = in_flight_.ring();
  const uint64_t end = level_.visible();
  for (uint64_t position = in_flight_.polled_position(); position < end;) {
    const uint8_t* frame = ring.at(position);
    if (!is_padding(frame)) {
      if (!layout_.is_control(frame)) break;
      SEMEL_TRY(apply(frame));
    }
    position += frame_span(frame);
    in_flight_.pass(position);
  }
  return Status::ok();
}

Status ControlFrames::apply(const uint8_t* frame) {
  const uint64_t meta = full_meta(frame);
  time_us_ = std::max(time_us_, meta_time_us(meta));
  is_pending_ = true;
  if (meta_type(meta) == FrameType::offset) {
    const FrameSource source = full_source(frame, meta);
    sources_.raise({source.partition, source.offset});
    return Status::ok();
  }
  const uint64_t number = load<uint64_t>(frame + meta_header_bytes(meta));
  SEMEL_TRY(level_.resolve_letter(number, DeadLetters::How::dropped, time_us_));
  return level_.secure_letters();
}

void ControlFrames::appended() {
  is_pending_ = false;
  sources_.clear();
}

}  // namespace semel
