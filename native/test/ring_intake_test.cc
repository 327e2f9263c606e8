// The intake: sequences and times, and what it does when the ring is full.
#include "shard/intake.h"

#include <gtest/gtest.h>

#include <vector>

namespace semel {
namespace {

class IntakeTest : public testing::Test {
 protected:
  bool append(FrameType type, uint32_t length = 5) {
    FrameHeader header;
    header.type = type;
    return intake_.append_full(header, payload_.data(), length);
  }
  const uint8_t* frame(uint64_t position) { return ring_.at(position); }

  std::vector<uint8_t> memory_ = std::vector<uint8_t>(kRingBytesMin);
  std::vector<uint8_t> payload_ = std::vector<uint8_t>(kRingBytesMin, 'x');
  Ring ring_{memory_, 0, 0};
  Intake intake_{ring_, 1, 41, 1000};
};

TEST_F(IntakeTest, GivesSequencesWithoutGapsAndNoneToControlFrames) {
  const FrameType types[] = {FrameType::message, FrameType::offset, FrameType::retry,
                             FrameType::drop,    FrameType::offset, FrameType::malformed};
  const uint64_t sequences[] = {42, 42, 43, 43, 43, 44};
  for (const FrameType type : types) ASSERT_TRUE(append(type));
  intake_.publish();
  uint64_t position = 0;
  for (const uint64_t sequence : sequences) {
    EXPECT_EQ(load<uint64_t>(frame(position) + 8), sequence);
    position += frame_span(frame(position));
  }
  EXPECT_EQ(intake_.published_sequence(), 44u);
}

TEST_F(IntakeTest, ShowsSequencesOnlyOncePublished) {
  ASSERT_TRUE(append(FrameType::message));
  EXPECT_EQ(intake_.sequence(), 42u);
  EXPECT_EQ(intake_.published_sequence(), 41u);
  intake_.publish();
  EXPECT_EQ(intake_.published_sequence(), 42u);
}

TEST_F(IntakeTest, NeverGoesBackInTime) {
  intake_.begin(500);
  ASSERT_TRUE(append(FrameType::message));
  intake_.begin(2000);
  ASSERT_TRUE(append(FrameType::message));
  intake_.begin(1500);
  ASSERT_TRUE(append(FrameType::message));
  const uint64_t span = frame_span(frame(0));
  EXPECT_EQ(meta_time_us(full_meta(frame(0))), 1000u);
  EXPECT_EQ(meta_time_us(full_meta(frame(span))), 2000u);
  EXPECT_EQ(meta_time_us(full_meta(frame(2 * span))), 2000u);
}

TEST_F(IntakeTest, UsesNoSequenceWhenTheRingIsFull) {
  uint64_t appended = 0;
  while (append(FrameType::message, 4000)) ++appended;
  EXPECT_EQ(intake_.sequence(), 41 + appended);
  EXPECT_FALSE(append(FrameType::message, 4000));
  EXPECT_EQ(intake_.sequence(), 41 + appended);
  intake_.publish();
  ring_.release(ring_.tail());
  ASSERT_TRUE(append(FrameType::message, 4000));
  EXPECT_EQ(intake_.sequence(), 41 + appended + 1);
}

TEST_F(IntakeTest, LargestPayloadFitsWithTheLargestHeader) {
  FrameHeader header;
  header.id_kind = IdKind::wide;
  header.has_source = true;
  header.source.offset = {1, 0};
  const uint64_t largest = Intake::payload_bytes_max(ring_.capacity());
  EXPECT_EQ(kFullHeaderBytesMax + largest, frame_bytes_max(ring_.capacity()));
  EXPECT_TRUE(intake_.append_full(header, payload_.data(), static_cast<uint32_t>(largest)));
  EXPECT_EQ(frame_length(frame(0)), frame_bytes_max(ring_.capacity()));
}

TEST_F(IntakeTest, KeepsEveryFieldOfAFullFrame) {
  const Id ids[] = {{}, integer_id(~0ull), {1, 2}};
  uint64_t position = 0;
  const Offset narrow{0, (1ull << 48) - 1};
  const Offset offsets[] = {{}, narrow, {0, narrow.low + 1}, {~0ull, ~0ull}};
  for (const Offset offset : offsets) {
    const bool has_source = offset != Offset();
    for (const IdKind kind : {IdKind::none, IdKind::integer, IdKind::wide}) {
      FrameHeader header;
      header.type = FrameType::retry;
      header.id_kind = kind;
      header.id = ids[static_cast<int>(kind)];
      header.has_source = has_source;
      header.source = {0xFFFF, offset};
      ASSERT_TRUE(intake_.append_full(header, "", 0));
      const uint8_t* at = frame(position);
      const uint64_t meta = full_meta(at);
      EXPECT_EQ(meta_type(meta), FrameType::retry);
      EXPECT_EQ(meta_id_kind(meta), kind);
      EXPECT_EQ(meta_has_source(meta), has_source);
      EXPECT_EQ(full_id(at, meta), header.id);
      EXPECT_EQ(frame_length(at), meta_header_bytes(meta));
      if (has_source) {
        EXPECT_EQ(full_source(at, meta).partition, 0xFFFF);
        EXPECT_EQ(full_source(at, meta).offset, offset);
        EXPECT_EQ((meta & kWideOffsetBit) != 0, offset > narrow);
      }
      position += frame_span(at);
    }
  }
}

}  // namespace
}  // namespace semel
