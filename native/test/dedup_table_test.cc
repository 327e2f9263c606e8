// The parts of the dedup index: hash, groups of tags, tables, and how they grow and are swept.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "dedup/id_table.h"
#include "dedup/table.h"

namespace semel::dedup {
namespace {

TEST(IdHash, SpreadsStructuredIdsEvenlyOverGroupsAndTags) {
  constexpr uint64_t kCount = 1 << 16;
  for (const uint64_t seed : {0ull, 1ull, 0x5EEDull, ~0ull}) {
    const IdHash hash(seed);
    const auto check = [&](auto id_of) {
      std::vector<int> homes(1024);
      std::vector<int> tags(256);  // of their low bits
      for (uint64_t n = 0; n < kCount; ++n) {
        const uint64_t h = hash(id_of(n));
        ++homes[home_of(h, 1024)];
        ++tags[h & 255];
      }
      // 64 and 256 are expected: about seven standard deviations either side.
      EXPECT_LT(*std::max_element(homes.begin(), homes.end()), 64 + 64);
      EXPECT_GT(*std::min_element(homes.begin(), homes.end()), 64 - 56);
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

TEST(Group, MatchesWhatALoopWouldMatch) {
  Group group{};
  for (uint32_t i = 0; i < kSlots; ++i) group.tags[i] = i % 4 == 0 ? 0 : tag_of(i % 5 * 0x4321);
  group.passed = 0x4321'4321;  // the words behind the tags are no slots'
  group.positions[0] = 0x4321'4321;
  for (uint64_t hash = 0; hash < 0x10000; ++hash) {
    uint32_t expected = 0;
    for (uint32_t i = 0; i < kSlots; ++i) expected |= uint32_t{group.tags[i] == tag_of(hash)} << i;
    ASSERT_EQ(group.match(tag_of(hash)), expected);
  }
  EXPECT_EQ(group.empty(), 0x111u) << "and not the one whose hash is 0";
  EXPECT_EQ(group.occupied(), 0x3FFu & ~group.empty());
}

TEST(Group, AnAbsentIdRarelyMeetsItsTag) {
  const IdHash hash(5);
  uint64_t met = 0;
  constexpr uint64_t kProbes = 1'000'000;
  for (uint64_t n = 0; n < kProbes / 10; ++n) {
    Group group{};
    for (uint32_t i = 0; i < 8; ++i) group.tags[i] = tag_of(hash({n, i}));
    for (uint64_t i = 0; i < 10; ++i) met += group.match(tag_of(hash({n, ~i}))) != 0 ? 1 : 0;
  }
  EXPECT_GT(met, kProbes / 16384);
  EXPECT_LT(met, kProbes / 4096) << "8 of 65,536 are expected";
}

TEST(Group, IsPassedAsLongAsTheNewestWhoWentOnIsThere) {
  Group group{};
  EXPECT_FALSE(group.was_passed({1, 50}));
  group.pass(20, {10, 50});
  group.pass(15, {10, 50});
  EXPECT_TRUE(group.was_passed({20, 50})) << "the newer of them counts";
  EXPECT_FALSE(group.was_passed({21, 50}));
  group.pass(30, {25, 50});
  EXPECT_TRUE(group.was_passed({30, 50}));
  // Positions go round.
  group.pass(3, {4'000'000'000u, 10});
  group.pass(4'200'000'000u, {4'000'000'000u, 10});
  EXPECT_EQ(group.passed, 3u);
}

TEST(Group, IsClearedOfTheDeadAndOfNobodyElse) {
  Group group{};
  for (uint32_t i = 0; i < kSlots; ++i) {
    group.tags[i] = i == 4 ? 0 : tag_of(i + 1);
    group.positions[i] = 100 + i;
  }
  group.pass(104, {90, 200});
  const Group before = group;
  group.clear({105, 200});
  for (uint32_t i = 0; i < kSlots; ++i) EXPECT_EQ(group.tags[i], i < 5 ? 0 : before.tags[i]);
  EXPECT_FALSE(group.was_passed({105, 200}));
  EXPECT_FALSE(group.was_passed({90, 104}));
}

TEST(IdLog, KeepsWhatIsInItsSpanWhileChunksComeAndGo) {
  ChunkPool pool;
  const Position first = UINT32_MAX - 5'000'000;  // positions go round on the way
  IdLog log(pool, first);
  ASSERT_TRUE(log.exists());
  uint64_t written = 0;
  uint64_t released = 0;
  uint64_t bytes_max = 0;
  // Spans of up to twenty chunks, and of next to nothing.
  for (const uint64_t keep : {2'600'000, 100, 900'000, 1}) {
    for (const uint64_t end = written + 3'000'000; written < end;) {
      for (int i = 0; i < 1000; ++i, ++written) log.append({written, ~written});
      if (written - released > keep) released = written - keep;
      log.release_before(first + static_cast<Position>(released));
      ASSERT_EQ(log.span().size(), written - released);
      for (uint64_t n = released; n < written; n += 99'991) {
        ASSERT_EQ(log.at(first + static_cast<Position>(n)), (Id{n, ~n}));
      }
      bytes_max = std::max(bytes_max, pool.bytes() - pool.idle_bytes());
    }
  }
  EXPECT_LE(bytes_max, (20u + 3u) * kChunkBytes);
  EXPECT_LE(pool.bytes() - pool.idle_bytes(), 3 * kChunkBytes);
}

TEST(Table, KeepsIdsThatAllWantTheLastGroup) {
  ChunkPool pool;
  IdLog log(pool, 1);
  Table table(pool, 4);
  const uint64_t hash = ~uint64_t{0};  // one home, one tag: the worst that could be chosen
  for (uint64_t n = 0; n < 1000; ++n) {
    EXPECT_FALSE(table.find({n, 7}, hash, log).exists);
    const Position position = log.append({n, 7});
    table.insert(hash, position, log.span());
  }
  EXPECT_GT(table.spilled(), 0u);
  for (uint64_t n = 0; n < 1000; n += 4) {
    const Position position = log.append({n, 7});
    table.move_to(table.find({n, 7}, hash, log), hash, position, log.span());
    table.remove(table.find({n + 2, 7}, hash, log));
  }
  for (uint64_t n = 0; n < 1000; ++n) {
    const Table::Found found = table.find({n, 7}, hash, log);
    ASSERT_EQ(found.exists, n % 4 != 2) << n;
    if (!found.exists) continue;
    ASSERT_EQ(log.at(found.position), (Id{n, 7}));
  }
  EXPECT_FALSE(table.find({1000, 7}, hash, log).exists);
  log.release_before(log.span().end);
  for (uint64_t group = 0; group < table.groups_total(); ++group) {
    table.clear_group(group, log.span());
  }
  table.clear_spill(log.span());
  EXPECT_EQ(table.spilled(), 0u);
}

// Against a map, in a table that is too small, so that groups run over into each other all the time.
TEST(IdTable, AgreesWithAMapWhileIdsComeAndGo) {
  ChunkPool pool;
  const IdHash hash(9);
  const Position first = UINT32_MAX - 100'000;  // positions go round on the way
  IdTable table(pool, hash, 60'000, first);
  std::map<uint64_t, Position> model;  // how far behind the first one an id stands
  std::map<Position, uint64_t> by_position;
  uint64_t state = 1;
  const auto forget = [&](std::map<uint64_t, Position>::iterator entry) {
    by_position.erase(entry->second);
    model.erase(entry);
  };
  for (int i = 0; i < 600'000; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t n = (state >> 33) % 70'000;
    const Id id{n, ~n};
    const uint64_t h = hash(id);
    table.make_room(1);
    const Table::Found found = table.find(id, h);
    const auto known = model.find(n);
    ASSERT_EQ(found.exists, known != model.end()) << i;
    const uint64_t choice = state >> 13 & 15;
    if (!found.exists) {
      if (model.size() < 58'000) by_position[model[n] = table.add(id, h) - first] = n;
    } else {
      ASSERT_EQ(found.position - first, known->second);
      if (choice < 4) {
        table.remove(found, h);
        forget(known);
      } else if (choice < 8) {
        by_position.erase(known->second);
        by_position[known->second = table.renew(found, id, h) - first] = n;
      }
    }
    if (i % 30'000 == 29'999) {  // the older half, or all of them
      const LogSpan span = table.log().span();
      const Position to = i % 90'000 == 29'999 ? span.end : span.oldest + span.size() / 2;
      uint64_t ids = 0;
      while (!by_position.empty() && by_position.begin()->first < to - first) {
        forget(model.find(by_position.begin()->second));
        ++ids;
      }
      table.leave_behind(to, ids);
    }
    if (i % 3 == 0) table.maintain(1);
  }
  while (!table.is_swept()) table.maintain(100);
}

TEST(IdTable, MovesEveryIdWhateverTheStep) {
  for (const uint64_t step : {1ull, 3ull, 64ull, 1'000'000ull}) {
    ChunkPool pool;
    const IdHash hash(3);
    IdTable table(pool, hash, 200'000);
    for (uint64_t n = 0; n < 100'000; ++n) {
      table.make_room(1);
      const Id id{n, n};
      ASSERT_EQ(table.add(id, hash(id)), n + 1);
      if (n % 8 == 0) table.maintain(step);
      for (uint64_t old = n % 997; old < n; old += 9973) {
        const Table::Found found = table.find({old, old}, hash({old, old}));
        ASSERT_TRUE(found.exists) << old << " of " << n;
        ASSERT_EQ(found.position, old + 1);
      }
    }
    for (uint64_t n = 0; n < 100'000; ++n) {
      ASSERT_FALSE(table.find({n, ~n}, hash({n, ~n})).exists);
    }
  }
}

TEST(IdTable, MovesWhatRanOverTheTablesEndToo) {
  ChunkPool pool;
  const IdHash hash(3);
  IdTable table(pool, hash, 100'000);
  uint64_t count = 0;  // all of the last homes of any size, more than the spares hold
  for (uint64_t n = 0; count < 400; ++n) {
    const Id id{n, 1};
    if (hash(id) >> 32 < 0xFFF8'0000) continue;
    table.add(id, hash(id));
    ++count;
  }
  for (uint64_t n = 0; n < 90'000; ++n) {
    table.make_room(1);
    table.add({n, 2}, hash({n, 2}));
  }
  while (!table.is_swept()) table.maintain(1);
  for (uint64_t n = 0; count > 0; ++n) {
    const Id id{n, 1};
    if (hash(id) >> 32 < 0xFFF8'0000) continue;
    ASSERT_TRUE(table.find(id, hash(id)).exists);
    --count;
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

}  // namespace
}  // namespace semel::dedup
