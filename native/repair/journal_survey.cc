#include "repair/journal_survey.h"

#include <algorithm>

#include "repair/crc32c_reverse.h"

namespace semel {
namespace {

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

}  // namespace

std::vector<FrameRun> find_runs_in_any_lap(std::span<uint8_t> ring, uint32_t seed, uint64_t from,
                                           uint64_t sequence) {
  return find_runs(
      ring, seed, sequence,
      [&](uint64_t offset, std::span<const uint8_t> frame) -> std::optional<uint64_t> {
        const auto length = static_cast<uint32_t>(frame.size());
        const uint32_t start = crc32c_seed(load<uint32_t>(frame.data() + 4), frame.subspan(8));
        const uint32_t slot = (start ^ seed ^ length) * inverse(kFactor);
        const uint64_t residue = uint64_t{slot} << 3;
        const uint64_t position = from + ((residue - from) & (kPositionSpan - 1));
        // The far half of the span is what lies before `from`.
        if ((position & (ring.size() - 1)) != offset || position - from >= kPositionSpan / 2) {
          return std::nullopt;
        }
        return position;
      });
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
  const Status header = check_journal_header(content.bytes, path, identity);
  if (!header.is_ok()) {
    content.fault = Finding{header.code() == Code::damaged ? FindingKind::damage : FindingKind::foreign,
                            path, header.file_fault()->offset.value(), header.file_fault()->what};
  } else if (size.value() != bytes) {
    content.fault = Finding{FindingKind::damage, path, there,
                            "it has " + std::to_string(size.value()) + " bytes instead of " +
                                std::to_string(bytes)};
  }
  return content;
}

}  // namespace semel
