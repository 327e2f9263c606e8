// A journal's valid frames as a list, for whoever asks more of them than where they end.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "ring/journal.h"

namespace semel {

struct JournalFrame {
  uint64_t sequence = 0;  // of a control frame that of the message before
  uint64_t position = 0;
  uint64_t time_us = 0;
  std::optional<FrameSource> source;
  std::optional<Id> id;
  bool is_control = false;
};

// As scan_journal(); none of a ring without bytes, where there is no journal.
inline std::vector<JournalFrame> read_frames(std::span<uint8_t> ring, uint32_t seed, uint64_t position,
                                             uint64_t sequence, JournalScan* scan) {
  std::vector<JournalFrame> frames;
  *scan = {sequence, position, 0};
  if (ring.empty()) return frames;
  const uint64_t mask = ring.size() - 1;
  *scan = scan_journal(ring, seed, position, sequence, [&](const uint8_t* at, uint64_t meta) {
    const uint64_t offset = static_cast<uint64_t>(at - ring.data());
    JournalFrame& frame = frames.emplace_back();
    frame.sequence = load<uint64_t>(at + 8);
    frame.position = position + ((offset - position) & mask);
    frame.time_us = meta_time_us(meta);
    frame.is_control = is_control(meta_type(meta));
    if (meta_has_source(meta)) frame.source = full_source(at, meta);
    const bool has_id = !frame.is_control && meta_id_kind(meta) != IdKind::none;
    if (has_id) frame.id = full_id(at, meta);
  });
  return frames;
}

// Behind the message with that sequence, which is among them; control frames that follow it come then.
inline uint64_t position_behind(const std::vector<JournalFrame>& frames, const JournalScan& scan,
                                uint64_t sequence) {
  const auto own = std::find_if(frames.begin(), frames.end(), [&](const JournalFrame& one) {
    return !one.is_control && one.sequence == sequence;
  });
  return own == frames.end() || own + 1 == frames.end() ? scan.position : (own + 1)->position;
}

}  // namespace semel
