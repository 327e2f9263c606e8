#include "ring/journal_survey.h"

#include <algorithm>

#include "core/crc32c_reverse.h"

namespace semel {
namespace {

// As the ack log's reader: past this many times the ring, what is there was made to cost time.
constexpr uint64_t kWorkFactor = 64;
constexpr uint64_t kReservedMeta = 0xF80;  // bits 7…11
// A frame's checksum tells its position modulo this.
constexpr uint64_t kPositionSpan = 1ull << 35;
// The odd factor of frame_seed(), and its inverse modulo 2^32.
constexpr uint32_t kFactor = 0x9E3779B1u;

constexpr uint32_t inverse(uint32_t odd) {
  uint32_t x = odd;
  for (int round = 0; round < 5; ++round) x *= 2 - odd * x;
  return x;
}
static_assert(inverse(kFactor) * kFactor == 1);

class Search {
 public:
  Search(std::span<uint8_t> ring, uint32_t seed, uint64_t from, uint64_t sequence, Laps laps)
      : ring_(ring), seed_(seed), from_(from), sequence_(sequence), laps_(laps) {}

  std::vector<FrameRun> run() {
    std::vector<FrameRun> found;
    const uint64_t capacity = ring_.size();
    for (uint64_t place = 0; place < capacity && work_ < kWorkFactor * capacity;) {
      const std::optional<uint64_t> position = frame_at(place);
      if (!position.has_value()) {
        place += kFrameAlignment;
        continue;
      }
      const FrameRun one = walk(place, *position);
      found.push_back(one);
      if (one.end / capacity != one.position / capacity) break;  // it reached the ring's end
      place = one.end & (capacity - 1);
    }
    std::sort(found.begin(), found.end(),
              [](const FrameRun& a, const FrameRun& b) { return a.position < b.position; });
    return joined(found);
  }

 private:
  // The position of the frame at `place`, where one is there and checks.
  std::optional<uint64_t> frame_at(uint64_t place) {
    const uint64_t capacity = ring_.size();
    const uint8_t* at = ring_.data() + place;
    const uint64_t length = load<uint32_t>(at);
    if (length < kFullHeaderBytes || length > frame_bytes_max(capacity) ||
        round_up(length, kFrameAlignment) > capacity - place) {
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
    if (laps_ == Laps::this_one) {
      if (sequence > sequence_ + capacity / kFullHeaderBytes) return std::nullopt;
      const uint64_t position = from_ + ((place - from_) & (capacity - 1));
      return checks(at, position, length) ? std::optional(position) : std::nullopt;
    }
    const uint32_t start = crc32c_seed(load<uint32_t>(at + 4), {at + 8, length - 8});
    const uint32_t slot = (start ^ seed_ ^ static_cast<uint32_t>(length)) * inverse(kFactor);
    const uint64_t residue = uint64_t{slot} << 3;
    const uint64_t position = from_ + ((residue - from_) & (kPositionSpan - 1));
    // The far half of the span is what lies before `from`.
    if ((position & (capacity - 1)) != place || position - from_ >= kPositionSpan / 2) {
      return std::nullopt;
    }
    return checks(at, position, length) ? std::optional(position) : std::nullopt;
  }

  bool checks(const uint8_t* at, uint64_t position, uint64_t length) const {
    const uint32_t start = frame_seed(seed_, position, static_cast<uint32_t>(length));
    return crc32c(start, at + 8, length - 8) == load<uint32_t>(at + 4);
  }

  FrameRun walk(uint64_t place, uint64_t position) const {
    const uint8_t* at = ring_.data() + place;
    const bool counts = !is_control(meta_type(full_meta(at)));
    const uint64_t before = load<uint64_t>(at + 8) - (counts ? 1 : 0);
    const JournalScan scan = scan_journal(ring_, seed_, position, before, {});
    return {position, scan.position, before, scan.sequence, scan.time_us};
  }

  // A run that goes through the ring's end was found once from its start and once from place 0.
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
  const uint64_t from_;
  const uint64_t sequence_;
  const Laps laps_;
  uint64_t work_ = 0;
};

}  // namespace

std::vector<FrameRun> find_runs(std::span<uint8_t> ring, uint32_t seed, uint64_t from,
                                uint64_t sequence, Laps laps) {
  return Search(ring, seed, from, sequence, laps).run();
}

Result<JournalContent> read_journal(Storage& storage, const std::string& directory,
                                    const JournalIdentity& identity) {
  JournalContent content;
  const std::string path = directory + "/journal";
  const uint64_t bytes = kJournalHeaderBytes + identity.capacity;
  content.bytes.resize(bytes);
  auto exists = storage.exists(path);
  if (!exists.is_ok()) return exists.status();
  content.exists = exists.value();
  if (!content.exists) return content;
  auto file = storage.open(path, Open::read_only);
  if (!file.is_ok()) return file.status();
  auto size = file.value()->size();
  if (!size.is_ok()) return size.status();
  const uint64_t there = std::min(size.value(), bytes);
  SEMEL_TRY(file.value()->read(0, std::span(content.bytes).first(there)));
  const HeaderCheck header = check_journal_header(content.bytes, identity);
  if (!header.what.empty()) {
    content.fault = JournalFault{header.offset, header.what, header.code != Code::damaged};
  } else if (size.value() != bytes) {
    content.fault = JournalFault{there,
                                 "it has " + std::to_string(size.value()) + " bytes instead of " +
                                     std::to_string(bytes),
                                 false};
  }
  return content;
}

}  // namespace semel
