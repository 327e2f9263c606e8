// The door: what it takes of rows and raw frames that JavaScript has staged, and what it refuses.
#include "shard/door.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace semel {
namespace {

// Any bytes as rows come: from memory that is aligned to 8.
using Rows = std::vector<uint64_t>;

class DoorTest : public testing::Test {
 protected:
  void open(uint32_t shards, bool has_ids = true) {
    StreamOptions options;
    options.name = "test";
    options.shards = shards;
    options.ring_bytes = kRingBytesMin;
    options.dedup = has_ids;
    options.window_us = 1'000'000;
    auto opened = Stream::open(Storage::real(), options);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    stream_ = std::move(opened.value());
    door_ = std::make_unique<Door>(*stream_);
  }

  // A message that can be taken, with the next integer as its id.
  static Row row(uint32_t shard, uint32_t bytes = 8, uint32_t at = 0) {
    static uint32_t next = 0;
    return {at, bytes, shard, static_cast<uint32_t>(IdForm::positive) << 8, {++next, 0}, 0};
  }
  void stage(const std::vector<Row>& rows) {
    rows_.assign(rows.size() * kRowBytes / sizeof(uint64_t), 0);
    std::memcpy(rows_.data(), rows.data(), rows.size() * kRowBytes);
    const Status staged = door_->stage(memory_, staged_rows());
    ASSERT_TRUE(staged.is_ok()) << staged.message();
  }
  std::span<uint8_t> staged_rows() {
    return {reinterpret_cast<uint8_t*>(rows_.data()), rows_.size() * sizeof(uint64_t)};
  }
  double sequence_over(uint32_t index) {
    return load<double>(staged_rows().data() + index * kRowBytes);
  }
  Result<uint32_t> append(const std::vector<Row>& rows) {
    stage(rows);
    return door_->append(0, static_cast<uint32_t>(rows.size()));
  }
  Code refusal_of(const Row& row) {
    const uint32_t shard = row.shard < stream_->shard_count() ? row.shard : 0;
    const uint64_t before = stored(shard);
    const auto taken = append({row});
    EXPECT_EQ(stored(shard), before);
    return taken.is_ok() ? Code::ok : taken.status().code();
  }
  uint32_t taken(const std::vector<Row>& rows) {
    const auto appended = append(rows);
    EXPECT_TRUE(appended.is_ok()) << appended.status().message();
    return appended.is_ok() ? appended.value() : 0;
  }
  uint64_t stored(uint32_t shard) { return stream_->shard(shard).intake().published_sequence(); }
  // The frames of a shard that are published.
  std::vector<const uint8_t*> frames(uint32_t shard) {
    const Ring& ring = stream_->shard(shard).ring();
    std::vector<const uint8_t*> found;
    FrameCursor cursor(ring, ring.released(), ring.tail());
    for (const uint8_t* at; (at = cursor.frame()) != nullptr; cursor.pass()) found.push_back(at);
    return found;
  }
  void release(uint32_t shard) {
    Ring& ring = stream_->shard(shard).ring();
    ring.release(ring.tail());
  }

  std::vector<uint8_t> memory_ = std::vector<uint8_t>(kRingBytesMin, 'x');
  Rows rows_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Door> door_;
};

TEST_F(DoorTest, WritesEachSequenceOverItsRow) {
  open(2);
  EXPECT_EQ(taken({row(0), row(1), row(0)}), 3u);
  EXPECT_EQ(sequence_over(0), 1);
  EXPECT_EQ(sequence_over(1), 1);
  EXPECT_EQ(sequence_over(2), 2);
  EXPECT_EQ(stored(0), 2u);
  EXPECT_EQ(stored(1), 1u);
}

TEST_F(DoorTest, RefusesRowsThatPointOutsideOfWhatIsStaged) {
  open(1);
  const auto size = static_cast<uint32_t>(memory_.size());
  EXPECT_EQ(refusal_of(row(0, 8, size - 7)), Code::invalid_argument);
  EXPECT_EQ(refusal_of(row(0, 1, size)), Code::invalid_argument);
  EXPECT_EQ(refusal_of(row(0, ~0u, ~0u)), Code::invalid_argument);
  Row text = row(0);
  text.kind = static_cast<uint32_t>(IdForm::text) << 8;
  text.id[0] = size - 3;
  text.id[1] = 4;
  EXPECT_EQ(refusal_of(text), Code::invalid_argument);
  text.id[0] = text.id[1] = ~0u;
  EXPECT_EQ(refusal_of(text), Code::invalid_argument);
  EXPECT_EQ(taken({row(0, 8, size - 8)}), 1u) << "the last bytes are staged too";
}

TEST_F(DoorTest, RefusesShardsTypesAndIdsThatThereAreNot) {
  open(2);
  EXPECT_EQ(refusal_of(row(2)), Code::invalid_argument);
  EXPECT_EQ(refusal_of(row(~0u)), Code::invalid_argument);
  for (const FrameType control : {FrameType::offset, FrameType::drop}) {
    Row typed = row(0);
    typed.kind |= static_cast<uint32_t>(control);
    EXPECT_EQ(refusal_of(typed), Code::invalid_argument) << "control frames are the door's own";
  }
  Row formed = row(0);
  formed.kind = (static_cast<uint32_t>(IdForm::internal) + 1) << 8;
  EXPECT_EQ(refusal_of(formed), Code::invalid_argument);
}

TEST_F(DoorTest, RefusesRowsThatAreNotAlignedAndKeepsThoseItHas) {
  open(1);
  stage({row(0), row(0)});
  EXPECT_EQ(door_->stage(memory_, staged_rows().subspan(4, kRowBytes)).code(),
            Code::invalid_argument);
  EXPECT_EQ(door_->row_count(), 2u);
}

TEST_F(DoorTest, TakesWhatComesBeforeARowThatItRefuses) {
  open(1);
  EXPECT_EQ(taken({row(0), row(0), row(7), row(0)}), 2u);
  EXPECT_EQ(stored(0), 2u) << "what was taken is published";
  EXPECT_EQ(door_->append(2, 2).status().code(), Code::invalid_argument);
  EXPECT_EQ(door_->append(3, 1).value(), 1u);
}

TEST_F(DoorTest, TakesTheLargestMessageIntoTheSmallestRing) {
  for (const bool has_ids : {true, false}) {
    open(1, has_ids);
    const auto largest = static_cast<uint32_t>(Intake::payload_bytes_max(kRingBytesMin));
    EXPECT_EQ(refusal_of(row(0, largest + 1)), Code::too_large);
    EXPECT_EQ(taken({row(0, largest)}), 1u);
    uint32_t more = 0;
    while (taken({row(0, largest)}) == 1) ++more;
    EXPECT_GE(more, 6u) << "an eighth of the ring each, with some padding";
    release(0);
    EXPECT_EQ(taken({row(0, largest)}), 1u);
  }
}

TEST_F(DoorTest, RefusesWhatIsLargerThanTheRing) {
  open(1);
  memory_.resize(3 * kRingBytesMin);
  EXPECT_EQ(refusal_of(row(0, 2 * kRingBytesMin)), Code::too_large);
  const RawFrames frames{memory_, static_cast<uint32_t>(memory_.size()), 0, ~0u};
  EXPECT_EQ(door_->append(frames).status().code(), Code::too_large);
  EXPECT_EQ(stored(0), 0u);
}

TEST_F(DoorTest, StopsWhereAShardIsFullInTheMiddleOfABatch) {
  open(2);
  while (taken({row(0, 4000)}) == 1) {
  }
  const uint64_t full = stored(0);
  EXPECT_EQ(taken({row(1), row(1), row(0, 4000), row(1)}), 2u);
  EXPECT_EQ(stored(1), 2u) << "those before it are published";
  EXPECT_EQ(stored(0), full);
  EXPECT_EQ(door_->append(2, 2).value(), 0u) << "full is no error";
  release(0);
  EXPECT_EQ(door_->append(2, 2).value(), 2u);
  EXPECT_EQ(stored(0), full + 1);
  EXPECT_EQ(stored(1), 3u);
}

TEST_F(DoorTest, ReadsTheBufferThatWasStagedLast) {
  open(1);
  memory_.assign(64, 'a');
  stage({row(0, 8)});
  EXPECT_EQ(door_->append(0, 1).value(), 1u);
  EXPECT_EQ(refusal_of(row(0, 8, 64)), Code::invalid_argument);
}

TEST_F(DoorTest, ReadsABufferThatHasGrown) {
  open(1);
  memory_.assign(64, 'a');
  stage({row(0, 8), row(0, 8)});
  ASSERT_EQ(door_->append(0, 1).value(), 1u);
  // Grown elsewhere, as JavaScript does it: more rows, of which the first has been taken.
  std::vector<uint8_t> grown(4096, 'b');
  const std::vector<Row> more = {row(0, 8), row(0, 8), row(0, 100, 3996)};
  Rows rows(more.size() * kRowBytes / sizeof(uint64_t));
  std::memcpy(rows.data(), more.data(), more.size() * kRowBytes);
  ASSERT_TRUE(door_->stage(grown, {reinterpret_cast<uint8_t*>(rows.data()),
                                   more.size() * kRowBytes}).is_ok());
  memory_.assign(64, 'z');
  ASSERT_EQ(door_->row_count(), 3u);
  EXPECT_EQ(door_->append(1, 2).value(), 2u);
  const auto found = frames(0);
  ASSERT_EQ(found.size(), 3u);
  const auto first_byte = [](const uint8_t* frame) {
    return frame[meta_header_bytes(full_meta(frame))];
  };
  EXPECT_EQ(first_byte(found[0]), 'a');
  EXPECT_EQ(first_byte(found[1]), 'b');
  EXPECT_EQ(first_byte(found[2]), 'b');
}

TEST_F(DoorTest, GivesFramesTheIdsThatRowsTellOf) {
  open(1);
  const std::string text = "order-1";
  std::memcpy(memory_.data() + 100, text.data(), text.size());
  std::vector<Row> rows(5, row(0));
  const IdForm forms[] = {IdForm::none, IdForm::positive, IdForm::negative, IdForm::text,
                          IdForm::internal};
  for (int i = 0; i < 5; ++i) {
    rows[i].kind = static_cast<uint32_t>(forms[i]) << 8;
    rows[i].id[0] = 7;
    rows[i].id[1] = 1;
  }
  rows[3].id[0] = 100;
  rows[3].id[1] = static_cast<uint32_t>(text.size());
  ASSERT_EQ(taken(rows), 5u);
  const uint64_t integer = uint64_t{1} << 32 | 7;
  const Id expected[] = {{},
                         integer_id(integer),
                         {integer, kNegativeIntegerHigh},
                         string_id(stream_->hash_key(), text.data(), text.size()),
                         {integer, kInternalHigh}};
  const auto found = frames(0);
  ASSERT_EQ(found.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(full_id(found[i], full_meta(found[i])), expected[i]) << i;
  EXPECT_EQ(meta_id_kind(full_meta(found[0])), IdKind::none);
}

TEST_F(DoorTest, GivesFramesTheOffsetInTheirSource) {
  open(1);
  Row last = row(0);
  last.kind |= 0xFFFFu << 16;  // partition 65,534
  last.offset = 281474976710655.0;  // 2^48 - 1
  ASSERT_EQ(taken({row(0), last}), 2u);
  const auto found = frames(0);
  EXPECT_FALSE(meta_has_source(full_meta(found[0])));
  ASSERT_TRUE(meta_has_source(full_meta(found[1])));
  const FrameSource source = full_source(found[1], full_meta(found[1]));
  EXPECT_EQ(source.partition, 65534u);
  EXPECT_EQ(source.offset, (uint64_t{1} << 48) - 1);
}

TEST_F(DoorTest, NotesWhoWaitsForAMessage) {
  open(1);
  Row awaited = row(0);
  awaited.kind |= kWantsResult;
  ASSERT_EQ(taken({row(0), awaited}), 2u);
  EXPECT_FALSE(stream_->shard(0).replies().is_awaited(1));
  EXPECT_TRUE(stream_->shard(0).replies().is_awaited(2));
  EXPECT_EQ(meta_type(full_meta(frames(0)[1])), FrameType::message);
}

TEST_F(DoorTest, SendsRawFramesWithOneKeyToOneShard) {
  open(4);
  std::vector<uint64_t> words(200);
  std::iota(words.begin(), words.end(), 0);
  for (std::size_t i = 1; i < words.size(); i += 2) words[i] = i % 10;
  const RawFrames frames{{reinterpret_cast<uint8_t*>(words.data()), words.size() * 8}, 16, 0, 8};
  ASSERT_EQ(door_->append(frames).value(), 100u);
  uint64_t found = 0;
  for (uint32_t shard = 0; shard < 4; ++shard) {
    for (const uint8_t* frame : this->frames(shard)) {
      const uint64_t meta = full_meta(frame);
      const uint64_t key = load<uint64_t>(frame + meta_header_bytes(meta) + 8);
      EXPECT_EQ(stream_->shard_of(integer_id(key)), shard);
      EXPECT_EQ(full_id(frame, meta), integer_id(load<uint64_t>(frame + meta_header_bytes(meta))));
      ++found;
    }
  }
  EXPECT_EQ(found, 100u);
}

TEST_F(DoorTest, SpreadsRawFramesThatHaveNeitherKeyNorId) {
  open(2, false);
  const RawFrames frames{std::span(memory_).first(6400), 64, ~0u, ~0u};
  ASSERT_EQ(door_->append(frames).value(), 100u);
  EXPECT_GT(stored(0), 20u);
  EXPECT_GT(stored(1), 20u);
}

TEST_F(DoorTest, TakesTheRawFramesThatFitAndGoesOnBehindThem) {
  for (const bool has_ids : {true, false}) {
    open(1, has_ids);
    memory_.resize(2 * kRingBytesMin);
    const RawFrames all{memory_, 64, has_ids ? 0 : ~0u, ~0u};
    const uint64_t first = door_->append(all).value();
    EXPECT_GT(first, 0u);
    EXPECT_LT(first, 2 * kRingBytesMin / 64);
    EXPECT_EQ(stored(0), first);
    EXPECT_EQ(door_->append(all).value(), 0u);
    release(0);
    EXPECT_GT(door_->append({all.bytes.subspan(first * 64), 64, all.id_at, ~0u}).value(), 0u);
  }
}

TEST_F(DoorTest, KnowsRawFramesThatAreNotWhole) {
  const auto frames = [this](std::size_t bytes, uint32_t size, uint32_t id_at, uint32_t key_at) {
    return RawFrames{std::span(memory_).first(bytes), size, id_at, key_at};
  };
  EXPECT_TRUE(frames(128, 64, 56, 64).is_whole());
  EXPECT_TRUE(frames(128, 64, 56, 64).holds_integers());
  EXPECT_FALSE(frames(100, 64, 0, 0).is_whole());
  EXPECT_FALSE(frames(0, 0, 0, 0).is_whole());
  EXPECT_FALSE(frames(128, 64, 57, ~0u).holds_integers());
  EXPECT_FALSE(frames(128, 64, ~0u, 63).holds_integers());
  EXPECT_FALSE(frames(128, ~0u, ~0u - 1, ~0u).holds_integers());
}

TEST_F(DoorTest, GivesAnOffsetNoSequence) {
  open(1);
  EXPECT_TRUE(door_->append_offset(0, {3, 99}));
  ASSERT_EQ(frames(0).size(), 1u);
  EXPECT_EQ(meta_type(full_meta(frames(0)[0])), FrameType::offset);
  EXPECT_EQ(stored(0), 0u);
  uint64_t offsets = 1;
  while (door_->append_offset(0, {3, 99 + offsets})) ++offsets;
  EXPECT_EQ(offsets, kRingBytesMin / 32);
  EXPECT_EQ(stored(0), 0u);
  open(1, false);
  EXPECT_TRUE(door_->append_offset(0, {3, 99})) << "there is nothing to recover";
  EXPECT_TRUE(frames(0).empty());
}

TEST_F(DoorTest, HasTheRoomOfItsFullestRing) {
  open(2);
  EXPECT_EQ(door_->room(), kRingBytesMin);
  ASSERT_EQ(taken({row(1, 4000), row(0, 8)}), 2u);
  const uint64_t span = frame_span(frames(1)[0]);
  EXPECT_EQ(door_->room(), kRingBytesMin - span);
  release(1);
  EXPECT_EQ(door_->room(), kRingBytesMin - frame_span(frames(0)[0]));
}

TEST_F(DoorTest, HasNoDeadLettersToEndWhereNothingIsKept) {
  open(1);
  EXPECT_EQ(door_->end_letter(0, 1, DeadLetters::How::retried).status().code(),
            Code::invalid_argument);
}

}  // namespace
}  // namespace semel
