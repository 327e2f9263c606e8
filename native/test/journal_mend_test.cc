// Journals with every kind of hole: whatever is damaged, what is left stays where it was, recovery
// accepts the result, and lost messages are exactly those that are said to be.
#include "repair/journal_mend.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace semel {
namespace {

constexpr uint64_t kCapacity = 64 << 10;
constexpr uint32_t kSeed = 0x12345678;

// A ring that has gone round a few times, with messages, control frames and padding.
struct Written {
  std::vector<uint8_t> ring = std::vector<uint8_t>(kCapacity);
  uint64_t position = 0;  // of the frame after `sequence`: the live part begins there
  uint64_t sequence = 0;
  uint64_t last = 0;
  uint64_t end = 0;
  struct Frame {
    uint64_t padding;  // where the frame before it ends: padding lies between, or nothing
    uint64_t position;
    uint64_t bytes;
    uint64_t sequence;
    bool counts;
  };
  std::vector<Frame> frames;  // of the live part
};

Written write_ring(std::mt19937_64& random, bool has_ids) {
  Written written;
  std::vector<Written::Frame> all;
  const uint64_t laps_end = kCapacity * (1 + random() % 3) + random() % kCapacity;
  uint64_t sequence = 0;
  uint64_t position = 0;
  while (position < laps_end) {
    FrameHeader header;
    const uint64_t kind = random() % 10;
    header.type = kind == 0 ? FrameType::offset : kind == 1 ? FrameType::drop : FrameType::message;
    header.has_source = header.type == FrameType::offset || random() % 2 == 0;
    if (random() % 4 == 0) header.source.offset = {random(), random()};
    if (has_ids && header.type == FrameType::message) {
      header.id_kind = random() % 2 == 0 ? IdKind::integer : IdKind::wide;
    }
    const uint64_t drawn = random();
    const uint64_t payload_max = random() % 20 == 0 ? 8000 : 60;
    const uint64_t payload = header.type == FrameType::drop ? 8 : drawn % payload_max;
    const uint64_t bytes =
        round_up(full_header_bytes(header) + payload, kFrameAlignment);
    const uint64_t padding = position;
    const uint64_t to_end = kCapacity - position % kCapacity;
    if (bytes > to_end) {
      write_padding(&written.ring[position % kCapacity], kSeed, position, to_end);
      position += to_end;
    }
    const bool counts = !is_control(header.type);
    header.sequence = sequence += counts ? 1 : 0;
    const std::vector<uint8_t> content(payload + 1, 7);
    write_full(&written.ring[position % kCapacity], kSeed, position, header, content.data(),
               static_cast<uint32_t>(payload));
    all.push_back({padding, position, bytes, sequence, counts});
    position += bytes;
  }
  written.end = position;
  written.last = sequence;
  std::size_t first = all.size() - 1;
  // At most a lap with its padding, as the ring gives room for no more (R4).
  const uint64_t live = random() % (kCapacity + 1);
  while (first > 0 && written.end - all[first - 1].padding <= live) --first;
  written.position = all[first].padding;
  written.sequence = all[first].sequence - (all[first].counts ? 1 : 0);
  written.frames.assign(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
  return written;
}

// Messages by sequence, with their type.
std::map<uint64_t, FrameType> scan(std::vector<uint8_t>& ring, const MendOrder& order) {
  std::map<uint64_t, FrameType> found;
  scan_journal(ring, kSeed, order.position, order.sequence,
               [&](const uint8_t* frame, uint64_t meta) {
                 if (!is_control(meta_type(meta))) found[load<uint64_t>(frame + 8)] = meta_type(meta);
               });
  return found;
}

// A consumer would wait for ever in front of padding that is longer than a frame can be.
void expect_padding_in_bounds(const std::vector<uint8_t>& ring, uint64_t from, uint64_t to) {
  while (from < to) {
    const uint8_t* at = &ring[from % kCapacity];
    if (is_padding(at)) {
      EXPECT_LT(frame_span(at), frame_bytes_max(kCapacity)) << from;
    }
    from += frame_span(at);
  }
  EXPECT_EQ(from, to);
}

class JournalMend : public testing::TestWithParam<bool> {};

TEST_P(JournalMend, KeepsWhatIsGoodAndPutsAFrameInThePlaceOfWhatIsNot) {
  std::mt19937_64 random(GetParam() ? 11 : 12);
  uint64_t kept_behind = 0;
  for (int round = 0; round < 400; ++round) {
    Written written = write_ring(random, GetParam());
    std::set<uint64_t> hit;
    for (uint64_t holes = 1 + random() % 3; holes > 0; --holes) {
      const std::size_t from = random() % written.frames.size();
      const std::size_t longest = random() % 8 == 0 ? 200 : 4;
      const std::size_t to = std::min(written.frames.size(), from + 1 + random() % longest);
      for (std::size_t at = from; at < to; ++at) {
        const Written::Frame& frame = written.frames[at];
        const bool spares_frame = frame.padding < frame.position && random() % 2 == 0;
        const uint64_t byte = spares_frame ? frame.padding + random() % 8 : frame.position + random() % 24;
        written.ring[byte % kCapacity] ^= static_cast<uint8_t>(1 + random() % 255);
        if (frame.counts && !spares_frame) hit.insert(frame.sequence);
      }
    }
    const MendOrder order{written.position, written.sequence, 5, written.last, false, GetParam()};
    const Mended plan = plan_mend(written.ring, kSeed, order);
    const Mended mended = mend_journal(written.ring, kSeed, order);
    EXPECT_EQ(plan.lost, mended.lost);
    ASSERT_EQ(mended.sequence, written.last) << round;
    const auto found = scan(written.ring, order);
    ASSERT_EQ(found.size(), written.last - written.sequence) << round;
    std::set<uint64_t> lost;
    for (const Range& one : mended.lost.all()) {
      for (uint64_t sequence = one.first; sequence <= one.last; ++sequence) lost.insert(sequence);
    }
    for (const auto& [sequence, type] : found) {
      ASSERT_EQ(type == FrameType::malformed, lost.contains(sequence)) << round;
      if (!hit.contains(sequence)) {
        ASSERT_FALSE(lost.contains(sequence)) << round << ": " << sequence << " was good";
      }
    }
    expect_padding_in_bounds(written.ring, order.position, mended.position);
    kept_behind += mended.kept.count();
    // Nothing of before lies behind the end.
    const auto behind =
        find_runs_in_any_lap(written.ring, kSeed, mended.position, mended.sequence);
    EXPECT_TRUE(behind.empty()) << round;
  }
  EXPECT_GT(kept_behind, 1000u);
}

TEST(JournalSurvey, FindsFramesOfALaterLapAndTheirPosition) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; ++round) {
    Written written = write_ring(random, true);
    const auto runs = find_runs_in_any_lap(written.ring, kSeed, 0, 0);
    ASSERT_FALSE(runs.empty());
    EXPECT_EQ(runs.back().end, written.end);
    EXPECT_EQ(runs.back().last, written.last);
  }
}

TEST(JournalSurvey, FindsNothingInBytesThatAreNoFrames) {
  std::mt19937_64 random(4);
  std::vector<uint8_t> ring(kCapacity);
  for (int round = 0; round < 20; ++round) {
    for (uint64_t at = 0; at < kCapacity; at += 8) {
      store<uint32_t>(&ring[at], static_cast<uint32_t>(random() % 9000));
      store<uint32_t>(&ring[at + 4], static_cast<uint32_t>(random()));
    }
    EXPECT_TRUE(find_runs_in_any_lap(ring, kSeed, 0, 0).empty());
    EXPECT_TRUE(find_runs(ring, kSeed, 0, 0).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Ids, JournalMend, testing::Bool(),
                         [](const auto& ids) { return ids.param ? "with" : "without"; });

}  // namespace
}  // namespace semel
