#include "ring/frame_runs.h"

#include <algorithm>

#include "ring/journal.h"

namespace semel {
namespace {

// As the ack log's reader: past this many times the ring, what is there was made to cost time.
constexpr uint64_t kWorkFactor = 64;
constexpr uint64_t kReservedMeta = 0xF00;  // bits 8…11

class Search {
 public:
  Search(std::span<uint8_t> ring, uint32_t seed, uint64_t sequence, const FrameLocator& locate)
      : ring_(ring), seed_(seed), sequence_(sequence), locate_(locate) {}

  std::vector<FrameRun> run() {
    std::vector<FrameRun> found;
    const uint64_t capacity = ring_.size();
    for (uint64_t offset = 0; offset < capacity && work_ < kWorkFactor * capacity;) {
      const std::optional<uint64_t> position = frame_at(offset);
      if (!position.has_value()) {
        offset += kFrameAlignment;
        continue;
      }
      const FrameRun one = walk(offset, *position);
      found.push_back(one);
      if (one.end / capacity != one.position / capacity) break;  // it reached the ring's end
      offset = one.end & (capacity - 1);
    }
    std::sort(found.begin(), found.end(),
              [](const FrameRun& a, const FrameRun& b) { return a.position < b.position; });
    return joined(found);
  }

 private:
  // The position of the frame at `offset`, where one is there and checks.
  std::optional<uint64_t> frame_at(uint64_t offset) {
    const uint64_t capacity = ring_.size();
    const uint8_t* at = ring_.data() + offset;
    const uint64_t length = load<uint32_t>(at);
    if (length < kFullHeaderBytes || length > frame_bytes_max(capacity) ||
        round_up(length, kFrameAlignment) > capacity - offset) {
      return std::nullopt;
    }
    const uint64_t meta = full_meta(at);
    const uint64_t sequence = load<uint64_t>(at + 8);
    const bool counts = !is_control(meta_type(meta));
    if (meta_type(meta) > FrameType::drop || meta_id_kind(meta) > IdKind::wide ||
        (meta & kReservedMeta) != 0 || meta_header_bytes(meta) > length ||
        sequence < sequence_ + (counts ? 1 : 0)) {
      return std::nullopt;
    }
    work_ += length;
    const std::optional<uint64_t> position = locate_(offset, {at, length});
    if (!position.has_value()) return std::nullopt;
    const uint32_t start = frame_seed(seed_, *position, static_cast<uint32_t>(length));
    const bool checks = crc32c(start, at + 8, length - 8) == load<uint32_t>(at + 4);
    return checks ? position : std::nullopt;
  }

  FrameRun walk(uint64_t offset, uint64_t position) const {
    const uint8_t* at = ring_.data() + offset;
    const bool counts = !is_control(meta_type(full_meta(at)));
    const uint64_t before = load<uint64_t>(at + 8) - (counts ? 1 : 0);
    const JournalScan scan = scan_journal(ring_, seed_, position, before, {});
    return {position, scan.position, before, scan.sequence, scan.time_us};
  }

  // A run that goes through the ring's end was found once from its start and once from offset 0.
  static std::vector<FrameRun> joined(const std::vector<FrameRun>& found) {
    std::vector<FrameRun> runs;
    for (const FrameRun& one : found) {
      if (!runs.empty() && one.position < runs.back().end) continue;
      if (!runs.empty() && one.before < runs.back().last) continue;  // of another life of the ring
      runs.push_back(one);
    }
    return runs;
  }

  const std::span<uint8_t> ring_;
  const uint32_t seed_;
  const uint64_t sequence_;
  const FrameLocator& locate_;
  uint64_t work_ = 0;
};

}  // namespace

std::vector<FrameRun> find_runs(std::span<uint8_t> ring, uint32_t seed, uint64_t sequence,
                                const FrameLocator& locate) {
  return Search(ring, seed, sequence, locate).run();
}

std::vector<FrameRun> find_runs(std::span<uint8_t> ring, uint32_t seed, uint64_t from,
                                uint64_t sequence) {
  const uint64_t sequence_max = sequence + ring.size() / kFullHeaderBytes;
  return find_runs(
      ring, seed, sequence,
      [&](uint64_t offset, std::span<const uint8_t> frame) -> std::optional<uint64_t> {
        if (load<uint64_t>(frame.data() + 8) > sequence_max) return std::nullopt;
        return from + ((offset - from) & (ring.size() - 1));
      });
}

}  // namespace semel
