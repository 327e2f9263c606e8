#include "fuzz/repair.h"

#include <algorithm>

#include "acklog/block.h"
#include "acklog/segment_header.h"
#include "core/bytes.h"
#include "core/crc32c.h"
#include "deadletters/record.h"
#include "ring/frame.h"

namespace semel::fuzz {
namespace {

// As in acklog/FORMAT.md and deadletters/FORMAT.md.
constexpr uint64_t kHeaderCrcAt = 48;
constexpr uint64_t kLinkAt = 512;
constexpr uint64_t kLinkBytes = 48;

struct Walked {
  uint64_t end = acklog::kSegmentHeaderBytes;
  uint64_t next_block = 0;
};

Walked repair_blocks(std::vector<uint8_t>& bytes, uint32_t seed, uint64_t first_block,
                     uint8_t what) {
  Walked walked{acklog::kSegmentHeaderBytes, first_block};
  while (walked.end + acklog::kBlockHeaderBytes <= bytes.size()) {
    uint8_t* at = bytes.data() + walked.end;
    const uint64_t length = load<uint32_t>(at);
    if (length < acklog::kBlockHeaderBytes || length % 8 != 0 ||
        length > bytes.size() - walked.end) {
      break;
    }
    const uint64_t ids = load<uint32_t>(at + 84) * uint64_t{at[88]};
    if (ids <= length - acklog::kBlockHeaderBytes) {
      store<uint32_t>(at + 92,
                      static_cast<uint32_t>(length - acklog::kBlockHeaderBytes - ids));
    }
    if ((what & kOrder) != 0) store<uint64_t>(at + 8, walked.next_block);
    store<uint32_t>(at + 4, crc32c(seed, at + 8, length - 8));
    walked.end += length;
    ++walked.next_block;
  }
  return walked;
}

}  // namespace

void repair_ack_log(std::map<uint64_t, std::vector<uint8_t>*>& segments, uint64_t directory_salt,
                    uint8_t what) {
  const uint8_t* previous = nullptr;
  Walked walked;
  for (auto& [number, file] : segments) {
    std::vector<uint8_t>& bytes = *file;
    if (bytes.size() < acklog::kSegmentHeaderBytes) return;
    uint8_t* page = bytes.data();
    if ((what & kIdentity) != 0) {
      store<uint64_t>(page + 16, number);
      store<uint64_t>(page + 24, bytes.size());
      store<uint64_t>(page + 40, directory_salt);
    }
    if ((what & kChecksums) == 0) continue;
    store<uint32_t>(page + kHeaderCrcAt, crc32c(0, page, kHeaderCrcAt));
    const acklog::Identity identity{number, bytes.size(), load<uint64_t>(page + 32), 0};
    uint8_t* link = page + kLinkAt;
    const bool linked =
        std::any_of(link, link + kLinkBytes + 4, [](uint8_t byte) { return byte != 0; });
    if (linked && previous != nullptr && (what & kOrder) != 0) {
      store<uint64_t>(link, walked.next_block);
      store<uint64_t>(link + 8, walked.end);
      store<uint64_t>(link + 16, walked.next_block - 1);
      store<uint64_t>(link + 24, load<uint64_t>(previous + 32));
    }
    if (linked) store<uint32_t>(link + kLinkBytes, crc32c(identity.seed(), link, kLinkBytes));
    walked = repair_blocks(bytes, identity.seed(), load<uint64_t>(link), what);
    previous = page;
  }
}

void repair_dead_letters(std::vector<uint8_t>& file, uint64_t directory_salt, uint8_t what) {
  using deadletters::kHeaderBytes;
  using deadletters::kRecordHeaderBytes;
  if (file.size() < kHeaderBytes) return;
  uint8_t* page = file.data();
  if ((what & kIdentity) != 0) store<uint64_t>(page + 24, directory_salt);
  if ((what & kChecksums) == 0) return;
  store<uint32_t>(page + kHeaderCrcAt, crc32c(0, page, kHeaderCrcAt));
  const uint32_t seed = deadletters::FileHeader{.salt = load<uint64_t>(page + 16)}.seed();
  for (uint64_t at = kHeaderBytes; at + kRecordHeaderBytes <= file.size();) {
    const std::span<uint8_t> rest(file.data() + at, file.size() - at);
    const uint64_t length = deadletters::record_length(rest, rest.size());
    if (length == 0) return;
    store<uint32_t>(rest.data() + 4, crc32c(seed, rest.data() + 8, length - 8));
    at += length;
  }
}

void repair_ring(std::span<uint8_t> ring, uint32_t seed, uint64_t position, uint64_t sequence,
                 uint8_t what) {
  if ((what & kChecksums) == 0) return;
  const uint64_t capacity = ring.size();
  for (uint64_t used = 0; used + kFullHeaderBytes <= capacity;) {
    const uint64_t offset = (position + used) & (capacity - 1);
    const uint64_t room = std::min(capacity - offset, capacity - used);
    if (room < kFullHeaderBytes) return;
    uint8_t* at = ring.data() + offset;
    uint64_t length = frame_length(at);
    if (is_padding(at)) {
      length = capacity - offset;
      write_padding(at, seed, position + used, length);
      used += length;
      continue;
    }
    if (length < kFullHeaderBytes || round_up(length, kFrameAlignment) > room) return;
    if ((what & kOrder) != 0) {
      sequence += is_control(meta_type(full_meta(at))) ? 0 : 1;
      store<uint64_t>(at + 8, sequence);
    }
    store<uint32_t>(at + 4, crc32c(frame_seed(seed, position + used, static_cast<uint32_t>(length)),
                                   at + 8, length - 8));
    used += round_up(length, kFrameAlignment);
  }
}

}  // namespace semel::fuzz
