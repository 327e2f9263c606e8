// One segment file, however much of its header is left.
#include <algorithm>
#include <cstring>

#include "acklog/block.h"
#include "core/bytes.h"
#include "repair/ack_log_survey.h"
#include "repair/crc32c_reverse.h"

namespace semel::acklog {
namespace {

constexpr uint64_t kLinkBytes = 48;
constexpr uint64_t kSearchBytes = 1024 * 1024;  // a seed that is right shows itself within these

// Whether a block checks somewhere: then the seed is right.
bool proves(std::span<const uint8_t> bytes, uint32_t seed) {
  const uint64_t end = std::min<uint64_t>(bytes.size(), kSegmentHeaderBytes + kSearchBytes);
  uint64_t work = 0;
  for (uint64_t at = kSegmentHeaderBytes; at < end && work < 64 * kSearchBytes; at += 8) {
    BlockView block;
    if (check(bytes.subspan(at), seed, &block, &work) == BlockCheck::valid) return true;
  }
  return false;
}

uint32_t seed_of_salt(uint64_t salt) { return static_cast<uint32_t>(salt ^ (salt >> 32)); }

}  // namespace

Result<SurveyedSegment> survey_segment(Storage& storage, const std::string& directory,
                                       const std::string& name, uint64_t directory_salt) {
  SurveyedSegment segment;
  const std::string path = directory + "/" + name;
  auto file = storage.open(path, Open::read_only);
  if (!file.is_ok()) return file.status();
  auto size = file.value()->size();
  if (!size.is_ok()) return size.status();
  const auto fault = [&](uint64_t offset, std::string what,
                         FindingKind kind = FindingKind::damage) {
    segment.faults.push_back({kind, path, offset, std::move(what)});
  };
  segment.bytes.resize(std::min(size.value(), kSegmentBytesMax));
  SEMEL_TRY(file.value()->read(0, segment.bytes));
  const std::span<const uint8_t> bytes = segment.bytes;
  if (bytes.size() < kSegmentHeaderBytes) {
    fault(bytes.size(), "it ends within its header");
    return segment;
  }
  const auto page = bytes.first(kSegmentHeaderBytes);
  auto identity = check_identity(page, path, directory_salt);
  if (identity.is_ok()) {
    const Identity& one = identity.value();
    segment.readable = true;
    segment.seed = one.seed();
    segment.meant_bytes = one.bytes;
    if (one.number != segment_number(name)) {
      fault(16, "it holds segment " + std::to_string(one.number), FindingKind::foreign);
      segment.readable = false;
      return segment;
    }
    if (one.bytes != bytes.size()) {
      fault(std::min<uint64_t>(one.bytes, bytes.size()),
            "it has " + std::to_string(size.value()) + " bytes instead of " +
                std::to_string(one.bytes));
    }
    segment.linked = check_link(page, one, &segment.link) == LinkState::valid;
    return segment;
  }
  if (identity.status().code() == Code::format) {
    fault(8, identity.status().file_fault()->what, FindingKind::foreign);
    return segment;
  }
  fault(0, "its header does not check");
  // The salt as it is, or what the link's checksum began with: right where a block agrees.
  const uint32_t link_crc = load<uint32_t>(page.data() + kLinkAt + kLinkBytes);
  for (const uint32_t seed : {seed_of_salt(load<uint64_t>(page.data() + 32)),
                              crc32c_seed(link_crc, page.subspan(kLinkAt, kLinkBytes))}) {
    if (!proves(bytes, seed)) continue;
    segment.readable = true;
    segment.seed = seed;
    Identity guessed;
    guessed.salt = seed;  // its low half gives the seed, its high half is 0
    segment.linked = check_link(page, guessed, &segment.link) == LinkState::valid;
    break;
  }
  return segment;
}

}  // namespace semel::acklog
