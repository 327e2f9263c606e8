#include "repair/crc32c_reverse.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/crc32c.h"

namespace semel {
namespace {

TEST(Crc32cReverse, FindsTheStartOfAChecksum) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint8_t> bytes(random() % 100);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    const auto seed = static_cast<uint32_t>(random());
    EXPECT_EQ(crc32c_seed(crc32c(seed, bytes.data(), bytes.size()), bytes), seed);
  }
}

TEST(Crc32cReverse, NamesTheOneByteThatWasChanged) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 500; ++round) {
    std::vector<uint8_t> bytes(1 + random() % 4000);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    const uint32_t stored = crc32c(0, bytes.data(), bytes.size());
    const std::size_t at = random() % bytes.size();
    const auto with = static_cast<uint8_t>(1 + random() % 255);
    bytes[at] ^= with;
    const auto fix = one_byte_fix(crc32c(0, bytes.data(), bytes.size()), stored, bytes.size());
    ASSERT_TRUE(fix.has_value());
    EXPECT_EQ(fix->at, at);
    EXPECT_EQ(fix->xor_with, with);
  }
}

TEST(Crc32cReverse, NamesNoneWhereMoreIsWrong) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 10'000; ++round) {
    const auto found = static_cast<uint32_t>(random());
    EXPECT_FALSE(one_byte_fix(found, found ^ static_cast<uint32_t>(random() | 1), 160).has_value());
  }
}

}  // namespace
}  // namespace semel
