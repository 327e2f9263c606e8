#include "shard/control_frames.h"

#include <algorithm>

namespace semel {

Status ControlFrames::apply() {
  if (in_flight_.count() > 0) return Status::ok();
  FrameCursor cursor = in_flight_.unpolled(level_.visible());
  for (const uint8_t* frame; (frame = cursor.frame()) != nullptr && layout_.is_control(frame);) {
    SEMEL_TRY(apply(frame));
    cursor.pass();
  }
  in_flight_.pass(cursor);
  return Status::ok();
}

Status ControlFrames::apply(const uint8_t* frame) {
  const uint64_t meta = full_meta(frame);
  time_us_ = std::max(time_us_, meta_time_us(meta));
  is_pending_ = true;
  if (meta_type(meta) == FrameType::offset) {
    const FrameSource source = full_source(frame, meta);
    sources_.merge({source.partition, source.offset, committed_.is_given_up(source.partition)});
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
