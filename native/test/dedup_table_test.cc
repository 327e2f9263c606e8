// The parts of the dedup index: hash, tables, growing sets, filters, reservations.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <set>
#include <vector>

#include "dedup/bloom_filter.h"
#include "dedup/id_set.h"
#include "dedup/reservations.h"
#include "dedup/table.h"

namespace semel::dedup {
namespace {

TEST(IdHash, SpreadsStructuredIdsEvenlyOverPlacesAndTags) {
  constexpr uint64_t kCount = 1 << 16;
  for (const uint64_t seed : {0ull, 1ull, 0x5EEDull, ~0ull}) {
    const IdHash hash(seed);
    const auto check = [&](auto id_of) {
      std::vector<int> places(1024);
      std::vector<int> tags(256);
      for (uint64_t n = 0; n < kCount; ++n) {
        const uint64_t h = hash(id_of(n));
        ++places[place(h, 1024)];
        ++tags[h & 255];
      }
      // 64 and 256 are expected: about seven standard deviations either side.
      EXPECT_LT(*std::max_element(places.begin(), places.end()), 64 + 64);
      EXPECT_GT(*std::min_element(places.begin(), places.end()), 64 - 56);
      EXPECT_LT(*std::max_element(tags.begin(), tags.end()), 256 + 120);
      EXPECT_GT(*std::min_element(tags.begin(), tags.end()), 256 - 120);
    };
    check([](uint64_t n) { return integer_id(n); });
    check([](uint64_t n) { return Id{n << 48, 0}; });
    check([](uint64_t n) { return Id{0, n}; });
    check([](uint64_t n) { return Id{n, n}; });
    check([](uint64_t n) { return Id{n * 0x9E3779B97F4A7C15ull, n}; });
    check([](uint64_t n) { return Id{~n, n}; });
  }
}

TEST(TagGroup, MatchesWhatALoopWouldMatch) {
  alignas(16) uint8_t tags[16] = {0, 1, 255, 1, 0, 128, 127, 1, 9, 9, 0, 200, 1, 2, 3, 0};
  const TagGroup group(tags);
  for (int tag = 0; tag < 256; ++tag) {
    uint32_t expected = 0;
    for (uint32_t i = 0; i < 16; ++i) expected |= uint32_t{tags[i] == tag} << i;
    EXPECT_EQ(group.match(static_cast<uint8_t>(tag)), expected);
  }
  EXPECT_EQ(group.empty() | group.occupied(), 0xFFFFu);
  EXPECT_NE(tag_of(0), 0) << "a tag is never the mark of an empty slot";
}

TEST(Table, KeepsIdsThatAllWantTheLastGroup) {
  ChunkPool pool;
  Table table(pool, 4);
  const uint64_t hash = ~uint64_t{0};  // one home, one tag: the worst that could be chosen
  for (uint64_t n = 0; n < 1000; ++n) {
    EXPECT_FALSE(table.contains({n, 7}, hash));
    table.insert({n, 7}, hash);
  }
  EXPECT_GT(table.spilled(), 0u);
  for (uint64_t n = 0; n < 1000; ++n) EXPECT_TRUE(table.contains({n, 7}, hash));
  EXPECT_FALSE(table.contains({1000, 7}, hash));
}

TEST(BloomFilter, SetsTheBitsOfTheParquetConstantsOneInEachWord) {
  constexpr uint32_t kSalts[8] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                  0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
  const IdHash hash(5);
  for (uint64_t n = 0; n < 100'000; ++n) {
    const uint64_t h = hash({n, 0});
    const BloomFilter::Pattern pattern(h);
    for (int i = 0; i < 8; ++i) {
      ASSERT_EQ(pattern.words[i], uint32_t{1} << (static_cast<uint32_t>(h) * kSalts[i] >> 27));
    }
  }
}

TEST(BloomFilter, NeverDeniesAnIdThatWasAdded) {
  ChunkPool pool;
  BloomFilter filter(pool, 3'000'000);  // several chunks
  const IdHash hash(5);
  for (uint64_t n = 0; n < 3'000'000; n += 3) ASSERT_TRUE(filter.add(hash({n, 0})));
  for (uint64_t n = 0; n < 3'000'000; n += 3) {
    ASSERT_TRUE(filter.maybe(hash({n, 0}), BloomFilter::Pattern(hash({n, 0}))));
  }
}

TEST(IdSet, MovesEveryIdWhateverTheStep) {
  for (const uint64_t step : {1ull, 3ull, 64ull, 1'000'000ull}) {
    ChunkPool pool;
    const IdHash hash(3);
    IdSet set(pool, hash);
    BloomFilter filter(pool, 20'000);
    for (uint64_t n = 0; n < 20'000; ++n) {
      set.make_room(1);
      set.insert({n, n}, hash({n, n}));
    }
    while (set.is_moving()) set.move(step);
    ASSERT_TRUE(set.fit(&filter));
    for (uint64_t moved = 0; set.is_moving(); ++moved) {
      set.move(step);
      if (moved % 100 != 0) continue;
      for (uint64_t n = 0; n < 20'000; n += 37) ASSERT_TRUE(set.contains({n, n}, hash({n, n})));
    }
    EXPECT_TRUE(set.is_filter_complete());
    for (uint64_t n = 0; n < 20'000; ++n) {
      ASSERT_TRUE(set.contains({n, n}, hash({n, n})));
      ASSERT_TRUE(filter.maybe(hash({n, n}), BloomFilter::Pattern(hash({n, n}))));
      ASSERT_FALSE(set.contains({n, n + 1}, hash({n, n + 1})));
    }
  }
}

TEST(IdSet, MovesWhatRanOverTheTablesEndToo) {
  ChunkPool pool;
  const IdHash hash(3);
  IdSet set(pool, hash);
  std::vector<Id> ids;  // all want the last of the first 1024 groups; it and the spares hold 144
  for (uint64_t n = 0; ids.size() < 400; ++n) {
    if (place(hash({n, 1}), 1024) == 1023) ids.push_back({n, 1});
  }
  for (const Id& id : ids) set.insert(id, hash(id));
  BloomFilter filter(pool, ids.size());
  ASSERT_TRUE(set.fit(&filter));
  while (set.is_moving()) set.move(1);
  for (const Id& id : ids) {
    ASSERT_TRUE(set.contains(id, hash(id)));
    ASSERT_TRUE(filter.maybe(hash(id), BloomFilter::Pattern(hash(id))));
  }
}

TEST(ChunkPool, GivesAChunkAgainAndZeroesItWhereAsked) {
  ChunkPool pool;
  uint8_t* first = pool.take(true);
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(std::all_of(first, first + kChunkBytes, [](uint8_t b) { return b == 0; }));
  std::fill(first, first + kChunkBytes, uint8_t{7});
  pool.give(first);
  EXPECT_EQ(pool.bytes(), kChunkBytes);
  uint8_t* again = pool.take(true);
  EXPECT_EQ(again, first);
  EXPECT_TRUE(std::all_of(again, again + kChunkBytes, [](uint8_t b) { return b == 0; }));
  pool.give(again);
  while (pool.bytes() > 0) pool.trim();
}

TEST(ChunkPool, TrimKeepsWhatWasPreallocated) {
  ChunkPool pool;
  pool.preallocate(5 * kChunkBytes - 1);
  EXPECT_EQ(pool.bytes(), 5 * kChunkBytes);
  for (int i = 0; i < 10; ++i) pool.trim();
  EXPECT_EQ(pool.bytes(), 5 * kChunkBytes);
}

TEST(Reservations, AgreeWithASetWhenGroupsOverflow) {
  const IdHash hash(9);
  Reservations reservations(hash);
  std::set<uint64_t> model;
  uint64_t state = 1;
  for (int i = 0; i < 300'000; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t n = (state >> 33) % 3'000;
    const Id id{n, ~n};
    // Hashes of few values: groups overflow into each other all the time.
    const uint64_t h = (n % 5) << 8 | n % 3;
    const bool is_add = state >> 63 != 0 && model.size() < 700;
    if (is_add) {
      ASSERT_EQ(reservations.add(id, h), model.insert(n).second);
    } else {
      ASSERT_EQ(reservations.remove(id, h), model.erase(n) == 1);
    }
    ASSERT_EQ(reservations.contains(id, h), model.count(n) == 1);
    ASSERT_EQ(reservations.size(), model.size());
  }
}

}  // namespace
}  // namespace semel::dedup
