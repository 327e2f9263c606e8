#include "shard/source_offsets.h"

#include <gtest/gtest.h>

namespace semel {
namespace {

TEST(SourceOffsets, KeepsTheHighestOffsetOfEachPartition) {
  SourceOffsets offsets({{3, 7}, {0, 0}});
  offsets.raise({3, 6});
  offsets.raise({0, 2});
  offsets.raise({65'535, 1});
  EXPECT_EQ(offsets.list(), (std::vector<SourceOffset>{{3, 7}, {0, 2}, {65'535, 1}}));
}

TEST(SourceOffsets, HoldsEveryPartitionOnceHoweverTheyAreMixed) {
  SourceOffsets offsets;
  for (uint64_t round = 1; round <= 3; ++round) {
    for (uint32_t partition = 0; partition < 65'536; ++partition) {
      offsets.raise({partition * 7919 % 65'536, round});
    }
  }
  ASSERT_EQ(offsets.list().size(), 65'536u);
  for (const SourceOffset& one : offsets.list()) EXPECT_EQ(one.offset, 3u);
}

TEST(SourceOffsets, BeginsAnewAfterAClear) {
  SourceOffsets offsets({{1, 5}, {2, 6}});
  offsets.clear();
  EXPECT_TRUE(offsets.empty());
  offsets.raise({2, 1});
  EXPECT_EQ(offsets.list(), (std::vector<SourceOffset>{{2, 1}}));
}

TEST(SourceOffsets, TakesAPartitionThatNoFrameCanNameWithoutATableOfThatSize) {
  SourceOffsets offsets({{0xFFFF'FFFF, 1}});
  offsets.raise({0xFFFF'FFFF, 2});
  EXPECT_EQ(offsets.list(), (std::vector<SourceOffset>{{0xFFFF'FFFF, 2}}));
  offsets.clear();
  EXPECT_TRUE(offsets.empty());
}

}  // namespace
}  // namespace semel
