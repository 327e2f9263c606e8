// What an ack log makes of bytes that are not what it wrote: torn tails are cut, damage is refused,
// and nothing is ever recovered that was not written.
#include "acklog_fixture.h"

namespace semel {
namespace {

using test::MemoryStorage;
using test::Owner;
using test::memory_options;
using test::segment_path;
using Image = MemoryStorage::Image;

struct Small {
  MemoryStorage disk;
  Owner owner;
  std::vector<uint64_t> block_at;  // offsets of the last segment's blocks, and its end
  uint64_t claimed = 0;            // the last block's claim

  explicit Small(bool synced, int blocks = 5, Writer writer = Writer::mapped)
      : owner(memory_options(disk, synced, writer)) {
    EXPECT_TRUE(owner.open().is_ok());
    for (int block = 0; block < blocks; ++block) {
      owner.must_append(3, block % 2 == 0, block % 2 == 1, block == 3 ? 6 : 0);
      if (synced && block < blocks - 1) {
        EXPECT_TRUE(owner.make_durable().is_ok());
        claimed = owner.log().durable_block();
      }
    }
    if (!synced) claimed = static_cast<uint64_t>(blocks) - 1;
    if (writer == Writer::direct) {
      EXPECT_TRUE(owner.make_durable().is_ok());
    }
    find_blocks(1);
  }
  // Fills the segment and goes on in the next.
  void rotate(int more, uint64_t segment = 2) {
    ASSERT_TRUE(owner.maintain_all().is_ok());
    const int before = owner.snapshots;
    for (int block = 0; block < 1000 && owner.snapshots == before; ++block) {
      owner.must_append(200);
      if (owner.options().synced) {
        EXPECT_TRUE(owner.make_durable().is_ok());
      }
    }
    for (int block = 0; block < more; ++block) {
      owner.must_append(3, true, true);
      if (owner.options().synced) {
        EXPECT_TRUE(owner.make_durable().is_ok());
      }
    }
    find_blocks(segment);
  }
  void find_blocks(uint64_t segment) {
    block_at.clear();
    const std::vector<uint8_t>& bytes = file(segment);
    uint64_t at = 4096;
    for (; load<uint32_t>(&bytes[at]) != 0; at += load<uint32_t>(&bytes[at])) block_at.push_back(at);
    block_at.push_back(at);
  }
  std::vector<uint8_t>& file(uint64_t segment) { return disk.files.at(segment_path(segment))->bytes; }

  // Opens a copy of the disk, twice; the state must be one that was written, and stay.
  Result<AckLog::Recovered> open_twice() {
    MemoryStorage copy;
    copy.restore(disk.image());
    AckLog::Options options = owner.options();
    options.storage = &copy;
    AckLog::Recovered first;
    AckLog::Recovered second;
    {
      auto log = AckLog::open(options, &first, {});
      if (!log.is_ok()) return log.status();
    }
    {
      auto log = AckLog::open(options, &second, {});
      if (!log.is_ok()) return log.status();
    }
    EXPECT_EQ(second.header, first.header);
    EXPECT_EQ(second.block_number, first.block_number);
    EXPECT_EQ(second.parked, first.parked);
    EXPECT_EQ(second.clean, first.clean);
    EXPECT_EQ(second.torn_bytes, 0u);
    EXPECT_EQ(owner.wrong_with(first), "");
    return first;
  }
};

bool refused(const Status& status) {
  return (status.code() == Code::damaged || status.code() == Code::format) &&
         status.message().find("ack-") != std::string::npos;
}

TEST(AckLogDamage, every_truncation_is_refused_or_a_state_that_was_written) {
  for (const bool synced : {false, true}) {
    Small small(synced);
    const std::vector<uint8_t> whole = small.file(1);
    const uint64_t end = small.block_at.back();
    // Files that are cut, which no crash does to a preallocated file.
    for (uint64_t bytes = 0; bytes < end + 64; bytes += 1 + bytes / 512) {
      small.file(1).resize(bytes);
      auto read = AckLog::inspect(small.owner.options(), {});
      ASSERT_TRUE(!read.is_ok() && refused(read.status())) << bytes;
      small.file(1) = whole;
    }
    // Files whose tail was never written.
    for (uint64_t bytes = 4096; bytes < end; ++bytes) {
      std::fill(small.file(1).begin() + static_cast<std::ptrdiff_t>(bytes), small.file(1).end(), 0);
      auto read = bytes % 16 == 0 ? small.open_twice() : AckLog::inspect(small.owner.options(), {});
      ASSERT_TRUE(read.is_ok()) << bytes << ": " << read.status().message();
      ASSERT_EQ(small.owner.wrong_with(read.value()), "") << bytes;
      uint64_t blocks = 0;
      while (blocks + 1 < small.block_at.size() && small.block_at[blocks + 1] <= bytes) ++blocks;
      // A block may end in zeros, and then it is whole without them.
      ASSERT_GE(read.value().block_number, blocks);
      ASSERT_LE(read.value().block_number, blocks + 1);
      small.file(1) = whole;
    }
  }
}

void flip_every_bit(Small& small, uint64_t segment, uint64_t first_block, uint64_t stride) {
  const uint64_t end = small.block_at.back();
  const uint64_t last_block = first_block + small.block_at.size() - 2;
  for (uint64_t bit = 0; bit < (end + 256) * 8; bit += stride) {
    const uint64_t at = bit / 8;
    small.file(segment)[at] ^= static_cast<uint8_t>(1 << bit % 8);
    auto read = bit % 97 == 0 ? small.open_twice() : AckLog::inspect(small.owner.options(), {});
    small.file(segment)[at] ^= static_cast<uint8_t>(1 << bit % 8);
    if (!read.is_ok()) {
      ASSERT_TRUE(refused(read.status())) << bit << ": " << read.status().message();
      continue;
    }
    ASSERT_EQ(small.owner.wrong_with(read.value()), "") << bit;
    if (at >= end) {
      ASSERT_EQ(read.value().block_number, last_block);
      ASSERT_EQ(read.value().torn_bytes > 0, true);
      continue;
    }
    ASSERT_GE(at, 512u) << "a header of another making was taken";
    // Nothing that a block claims to be complete may be lost.
    ASSERT_GE(read.value().block_number, small.claimed) << bit;
    ASSERT_LT(read.value().block_number, last_block) << bit;
  }
}

TEST(AckLogDamage, every_flipped_bit_is_refused_or_a_state_that_was_written) {
  for (const bool synced : {false, true}) {
    Small small(synced);
    flip_every_bit(small, 1, 1, 1);
  }
}

TEST(AckLogDamage, every_flipped_bit_behind_a_rotation_is_refused_or_a_state_that_was_written) {
  for (const bool synced : {false, true}) {
    Small small(synced);
    small.rotate(2);
    auto read = AckLog::inspect(small.owner.options(), {});
    ASSERT_TRUE(read.is_ok());
    small.claimed = read.value().block_number - 1;
    flip_every_bit(small, 2, read.value().block_number + 2 - small.block_at.size(), 3);
  }
}

TEST(AckLogDamage, every_flipped_bit_of_an_earlier_segment_is_refused) {
  for (const bool synced : {false, true}) {
    Small small(synced);
    small.rotate(3);
    for (uint64_t bit = 0; bit < small.file(1).size() * 8; bit += 211) {
      small.file(1)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      auto read = AckLog::inspect(small.owner.options(), {});
      ASSERT_TRUE(!read.is_ok() && refused(read.status())) << bit;
      small.file(1)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(AckLogDamage, refusal_names_file_and_offset_and_leaves_everything_as_it_is) {
  Small small(true);
  small.file(1)[small.block_at[1] + 40] ^= 1;
  const Image before = small.disk.image();
  EXPECT_EQ(small.owner.open().code(), Code::damaged);
  const Status status = small.owner.open();
  EXPECT_NE(status.message().find(segment_path(1)), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("offset " + std::to_string(small.block_at[1])),
            std::string::npos)
      << status.message();
  // The prepared segment is no loss; the rest must be untouched.
  for (const auto& [path, bytes] : before) EXPECT_EQ(small.disk.image().at(path), bytes) << path;
}

TEST(AckLogDamage, a_torn_tail_is_kept_cut_and_written_over) {
  Small small(true);
  const uint64_t end = small.block_at[4];
  std::fill(small.file(1).begin() + static_cast<std::ptrdiff_t>(end + 100), small.file(1).end(), 0);
  ASSERT_TRUE(small.owner.open().is_ok());
  EXPECT_EQ(small.owner.recovered().block_number, 4u);
  EXPECT_GT(small.owner.recovered().torn_bytes, 8u);
  EXPECT_EQ(small.owner.recovered().torn_copy, segment_path(1) + ".torn-1");
  EXPECT_EQ(small.disk.files.at(segment_path(1) + ".torn-1")->bytes.size(),
            small.owner.recovered().torn_bytes);
  for (uint64_t at = end; at < small.file(1).size(); ++at) ASSERT_EQ(small.file(1)[at], 0);
  small.owner.must_append(9);
  ASSERT_TRUE(small.owner.make_durable().is_ok());
  ASSERT_TRUE(small.owner.open().is_ok());
  EXPECT_EQ(small.owner.recovered().block_number, 5u);
  EXPECT_EQ(small.owner.wrong_with(small.owner.recovered()), "");
}

TEST(AckLogDamage, copies_of_torn_tails_do_not_pile_up) {
  Small small(false);
  for (int crash = 0; crash < 20; ++crash) {
    small.find_blocks(1);
    small.file(1)[small.block_at.back() + 50] = 1;
    ASSERT_TRUE(small.owner.open().is_ok());
    EXPECT_EQ(small.owner.recovered().torn_copy,
              segment_path(1) + ".torn-" + std::to_string(crash + 1));
    small.owner.must_append(1);
  }
  std::size_t copies = 0;
  for (const auto& [path, content] : small.disk.files) copies += path.find(".torn-") != path.npos;
  EXPECT_EQ(copies, 8u);
}

TEST(AckLogDamage, blocks_of_another_segment_never_check) {
  Small small(false);
  Small other(false, 9);
  const uint64_t end = small.block_at.back();
  const std::vector<uint8_t> whole = small.file(1);
  // The other log has the same blocks and, behind them, those that would come next.
  ASSERT_EQ(other.block_at[5], end);
  std::copy(other.file(1).begin() + static_cast<std::ptrdiff_t>(end), other.file(1).end(),
            small.file(1).begin() + static_cast<std::ptrdiff_t>(end));
  auto read = small.open_twice();
  ASSERT_TRUE(read.is_ok()) << read.status().message();
  EXPECT_EQ(read.value().block_number, 5u);
  EXPECT_GT(read.value().torn_bytes, 0u);
  // And over its own blocks.
  std::copy(other.file(1).begin() + 4096, other.file(1).end(), small.file(1).begin() + 4096);
  auto over = small.open_twice();
  ASSERT_TRUE(over.is_ok());
  EXPECT_TRUE(over.value().empty);
}

TEST(AckLogDamage, a_windows_former_bytes_never_reach_the_file) {
  Small small(true, 5, Writer::direct);
  for (int round = 0; round < 6; ++round) {
    small.rotate(0);
    ASSERT_TRUE(small.owner.maintain_all().is_ok());
    const uint64_t last = 2 + static_cast<uint64_t>(round);
    small.find_blocks(last);
    const auto& bytes = small.file(last);
    for (uint64_t at = small.block_at.back(); at < bytes.size(); ++at) ASSERT_EQ(bytes[at], 0) << at;
  }
  auto read = small.open_twice();
  ASSERT_TRUE(read.is_ok()) << read.status().message();
  EXPECT_EQ(read.value().header.through, small.owner.through());
}

TEST(AckLogDamage, foreign_and_swapped_and_missing_segments_are_refused) {
  for (const bool synced : {false, true}) {
    Small small(synced);
    small.rotate(1);
    small.rotate(1);
    const Image image = small.disk.image();
    const auto open_with = [&](const std::function<void(Image&)>& change) {
      MemoryStorage disk;
      Image changed = image;
      change(changed);
      disk.restore(changed);
      AckLog::Options options = small.owner.options();
      options.storage = &disk;
      AckLog::Recovered recovered;
      auto log = AckLog::open(options, &recovered, {});
      return log.is_ok() ? Code::ok : log.status().code();
    };
    EXPECT_EQ(open_with([](Image&) {}), Code::ok);
    for (const uint64_t number : {1, 2, 3}) {
      EXPECT_EQ(open_with([&](Image& changed) { changed.erase(segment_path(number)); }),
                Code::damaged)
          << number;
    }
    EXPECT_EQ(open_with([&](Image& changed) {
                std::swap(changed[segment_path(1)], changed[segment_path(2)]);
              }),
              Code::damaged);
    // Of a log made the same way, number and all; its header checks, its place in the chain does not.
    Small other(synced);
    other.rotate(1);
    other.rotate(1);
    for (const uint64_t number : {1, 2, 3}) {
      EXPECT_EQ(open_with([&](Image& changed) {
                  changed[segment_path(number)] = other.file(number);
                }),
                Code::damaged)
          << number;
    }
    AckLog::Options elsewhere = small.owner.options();
    elsewhere.directory_salt = 5;
    EXPECT_EQ(AckLog::inspect(elsewhere, {}).status().code(), Code::format);
  }
}

TEST(AckLogDamage, a_crash_anywhere_in_a_rotation_loses_nothing_before_it) {
  for (const bool synced : {false, true}) {
    // Fill the first segment up to the block that will not fit.
    Small small(synced);
    Image before = small.disk.image();
    const int snapshots = small.owner.snapshots;
    uint64_t through = 0;
    for (int block = 0; block < 1000 && small.owner.snapshots == snapshots; ++block) {
      before = small.disk.image();
      through = small.owner.through();
      small.owner.must_append(200);
    }
    const Image after = small.disk.image();
    const std::vector<uint8_t>& first = after.at(segment_path(1));
    const std::vector<uint8_t>& second = after.at(segment_path(2));
    small.find_blocks(1);
    const uint64_t seal = small.block_at[small.block_at.size() - 2];
    small.find_blocks(2);
    const uint64_t snapshot_end = small.block_at[1];
    const uint64_t end = small.block_at.back();

    // How far the stores had come: into the seal, the link, the snapshot, the block.
    struct Cut {
      uint64_t first_bytes;
      uint64_t second_bytes;
    };
    std::vector<Cut> cuts;
    for (uint64_t at = 0; at < 144; at += 3) cuts.push_back({seal + at, 0});
    for (uint64_t at = 512; at < 576; ++at) cuts.push_back({seal + 144, at});
    for (uint64_t at = 4096; at + 16 <= end; at += 5) cuts.push_back({seal + 144, at});
    cuts.push_back({seal + 144, end});
    for (const Cut& cut : cuts) {
      Image image = before;
      std::copy_n(first.begin(), cut.first_bytes, image[segment_path(1)].begin());
      std::copy_n(second.begin(), cut.second_bytes, image[segment_path(2)].begin());
      small.disk.restore(image);
      auto read = small.open_twice();
      ASSERT_TRUE(read.is_ok()) << cut.first_bytes << " " << cut.second_bytes << ": "
                                << read.status().message();
      // The block ends in a few zeros: without them it is whole all the same.
      const bool whole = cut.second_bytes + 8 >= end;
      ASSERT_EQ(read.value().header.through, whole ? through + 200 : through) << cut.second_bytes;
    }
    ASSERT_LT(snapshot_end, end);

    // From the state in the middle the log goes on, through the same rotation.
    Image image = before;
    std::copy_n(first.begin(), seal + 144, image[segment_path(1)].begin());
    std::copy_n(second.begin(), 4096 + 60, image[segment_path(2)].begin());
    small.disk.restore(image);
    ASSERT_TRUE(small.owner.open().is_ok());
    for (int block = 0; block < 10; ++block) small.owner.must_append(200);
    ASSERT_TRUE(small.owner.open().is_ok());
    EXPECT_EQ(small.owner.recovered().header.through, through + 2000);
    EXPECT_EQ(small.owner.wrong_with(small.owner.recovered()), "");
  }
}

TEST(AckLogDamage, a_crash_while_a_segment_is_made_is_forgotten) {
  Small small(true);
  small.disk.files[segment_path(3) + ".new"] =
      std::make_shared<MemoryStorage::Content>(MemoryStorage::Content{{1, 2, 3}, {}});
  small.disk.files.erase(segment_path(2));
  ASSERT_TRUE(small.owner.open().is_ok());
  EXPECT_FALSE(small.disk.files.contains(segment_path(3) + ".new"));
  EXPECT_TRUE(small.disk.files.contains(segment_path(2)));
}

// Of what no sync has covered any part may be missing, in any order; of what one has, nothing.
TEST(AckLogDamage, power_loss_costs_nothing_that_a_sync_has_covered) {
  std::mt19937_64 random(20261121);
  for (const Writer writer : {Writer::mapped, Writer::direct}) {
    for (int run = 0; run < 150; ++run) {
      MemoryStorage disk;
      Owner owner(memory_options(disk, true, writer));
      ASSERT_TRUE(owner.open().is_ok());
      owner.options().window_us = 50'000;
      const int crashes = 4;
      for (int crash = 0; crash < crashes; ++crash) {
        const uint64_t blocks = random() % 120;
        for (uint64_t block = 0; block < blocks; ++block) {
          owner.time_us += 100;
          auto appended = owner.append(1 + random() % 300, true, random() % 4 == 0);
          ASSERT_TRUE(appended.is_ok()) << appended.status().message();
          if (appended.value() == AckLog::Appended::full || random() % 16 == 0) {
            ASSERT_TRUE(owner.make_durable().is_ok());
          }
          if (random() % 4 == 0) {
            ASSERT_TRUE(owner.log().maintain(owner.time_us).is_ok());
          }
          if (random() % 8 == 0) {
            ASSERT_TRUE(owner.log().write().is_ok());
          }
          if (owner.now().parked.size() > 100) break;
        }
        const uint64_t durable = owner.log().durable_through();
        const Image image = disk.power_loss(random, random() % 2 == 0 ? 512 : 4096);
        owner.close();
        disk.restore(image);
        const Status opened = owner.open();
        ASSERT_TRUE(opened.is_ok()) << opened.message();
        ASSERT_GE(owner.recovered().header.through, durable);
        ASSERT_EQ(owner.wrong_with(owner.recovered()), "");
      }
    }
  }
}

TEST(AckLogDamage, garbage_is_refused_or_cut_and_never_believed) {
  std::mt19937_64 random(7);
  Small small(false);
  const std::vector<uint8_t> whole = small.file(1);
  for (int round = 0; round < 100; ++round) {
    const uint64_t from = random() % 2 == 0 ? 4096 : random() % small.block_at.back();
    for (uint64_t at = from; at < whole.size(); ++at) {
      small.file(1)[at] = static_cast<uint8_t>(random());
    }
    auto read = AckLog::inspect(small.owner.options(), {});
    if (read.is_ok()) {
      ASSERT_EQ(small.owner.wrong_with(read.value()), "");
    } else {
      ASSERT_TRUE(refused(read.status()));
    }
    small.file(1) = whole;
  }
}

// Bytes that look like long blocks at every offset, so that each would be checksummed to the end.
TEST(AckLogDamage, garbage_made_to_be_slow_is_given_up_on) {
  MemoryStorage disk;
  AckLog::Options options = memory_options(disk, false);
  options.segment_bytes = 16 * 1024 * 1024;
  Owner owner(options);
  ASSERT_TRUE(owner.open().is_ok());
  owner.must_append(1);
  std::vector<uint8_t>& bytes = disk.files.at(segment_path(1))->bytes;
  // Every word, read as a length or as a count of entry bytes, comes out plausible somewhere.
  for (uint64_t at = 8192; at + 152 < bytes.size(); at += 152) {
    const uint64_t length = round_down(bytes.size() - at, 8);
    store<uint32_t>(&bytes[at], static_cast<uint32_t>(length));
    store<uint32_t>(&bytes[at + 84], 0);
    bytes[at + 88] = 0;
    store<uint32_t>(&bytes[at + 92], static_cast<uint32_t>(length - 144));
  }
  auto read = AckLog::inspect(options, {});
  EXPECT_EQ(read.status().code(), Code::damaged);
}

}  // namespace
}  // namespace semel
