// The parts of the dedup index: hash, groups of marks, tables, and how they grow and are swept.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "dedup/id_table.h"
#include "dedup/table.h"

namespace semel::dedup {
namespace {

TEST(IdHash, SpreadsStructuredIdsEvenlyOverPlacesAndTags) {
  constexpr uint64_t kCount = 1 << 16;
  for (const uint64_t seed : {0ull, 1ull, 0x5EEDull, ~0ull}) {
    const IdHash hash(seed);
    const auto check = [&](auto id_of) {
      std::vector<int> places(1024);
      std::vector<int> tags(256);  // of their low bits
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

Stamps slices(Stamp oldest, Stamp newest) {
  Stamps stamps;
  stamps.oldest = oldest;
  for (Stamp stamp = oldest; stamp <= newest; ++stamp) stamps.live |= 1u << stamp;
  return stamps;
}

TEST(MarkGroup, MatchesWhatALoopWouldMatch) {
  MarkGroup group{};
  for (uint32_t i = 0; i < kSlots; ++i) {
    group.lanes[i] = i % 4 == 0 ? Mark{0} : mark_of(i % 5 * 0x321, static_cast<Stamp>(1 + i));
  }
  group.lanes[kSlots] = mark_of(0x321, 3);  // no slot's
  for (uint64_t hash = 0; hash < 4096; ++hash) {
    uint32_t expected = 0;
    for (uint32_t i = 0; i < kSlots; ++i) {
      const bool is_like = (group.lanes[i] & kTagMask) == (mark_of(hash, 0) & kTagMask);
      expected |= uint32_t{group.lanes[i] != 0 && is_like} << i;
    }
    EXPECT_EQ(group.match(mark_of(hash, 0)), expected);
  }
  EXPECT_EQ(group.empty(), 0x1111u);
  EXPECT_NE(mark_of(0, 0), 0) << "a tag is never the mark of an empty slot";
}

TEST(MarkGroup, AnAbsentIdRarelyMeetsItsTag) {
  const IdHash hash(5);
  uint64_t met = 0;
  constexpr uint64_t kProbes = 1'000'000;
  for (uint64_t n = 0; n < kProbes / 10; ++n) {
    MarkGroup group{};
    for (uint32_t i = 0; i < 12; ++i) group.lanes[i] = mark_of(hash({n, i}), 2);
    for (uint64_t i = 0; i < 10; ++i) met += group.match(mark_of(hash({n, ~i}), 0)) != 0 ? 1 : 0;
  }
  EXPECT_GT(met, kProbes / 1000);
  EXPECT_LT(met, kProbes / 250) << "12 of 4,096 are expected";
}

TEST(MarkGroup, IsPassedAsLongAsSomebodyWhoWentOnIsThere) {
  Stamps stamps = slices(3, 5);
  MarkGroup group{};
  EXPECT_FALSE(group.was_passed(stamps));
  group.pass(4, stamps);
  group.pass(3, stamps);
  stamps = slices(4, 5);
  EXPECT_TRUE(group.was_passed(stamps)) << "the newer of them counts";
  stamps = slices(5, 5);
  EXPECT_FALSE(group.was_passed(stamps));
  group.pass(kReserved, stamps);
  group.pass(kReserved, stamps);
  group.pass(5, stamps);
  stamps = slices(6, 6);
  EXPECT_TRUE(group.was_passed(stamps)) << "what is reserved never expires";
  group.unpass_reserved();
  EXPECT_TRUE(group.was_passed(stamps));
  group.unpass_reserved();
  EXPECT_FALSE(group.was_passed(stamps));
  for (int i = 0; i < 5000; ++i) group.pass(kReserved, stamps);
  for (int i = 0; i < 5000; ++i) group.unpass_reserved();
  EXPECT_TRUE(group.was_passed(stamps)) << "too many to have been counted";
  group.clear(kReserved);
  EXPECT_FALSE(group.was_passed(stamps));
}

TEST(MarkGroup, ASlicesEndEmptiesItsSlotsAndNoOthers) {
  const Stamps stamps = slices(2, 4);
  MarkGroup group{};
  for (uint32_t i = 0; i < kSlots; ++i) {
    group.lanes[i] = mark_of(i, static_cast<Stamp>(1 + i % 4));
  }
  group.pass(3, stamps);
  group.pass(kReserved, stamps);
  const MarkGroup before = group;
  group.clear(3);
  for (uint32_t i = 0; i < kSlots; ++i) {
    EXPECT_EQ(group.lanes[i], stamp_of(before.lanes[i]) == 3 ? 0 : before.lanes[i]);
  }
  EXPECT_EQ(group.lanes[kSlots], 1 << 4) << "who is reserved has still gone past";
}

TEST(Table, KeepsIdsThatAllWantTheLastGroup) {
  ChunkPool pool;
  Table table(pool, 4);
  const Stamps stamps = slices(2, 2);
  const uint64_t hash = ~uint64_t{0};  // one home, one tag: the worst that could be chosen
  for (uint64_t n = 0; n < 1000; ++n) {
    EXPECT_FALSE(table.find({n, 7}, hash, stamps).exists());
    table.insert({n, 7}, hash, n % 2 == 0 ? kReserved : Stamp{2}, stamps);
  }
  EXPECT_GT(table.spilled(), 0u);
  for (uint64_t n = 0; n < 1000; n += 4) {
    table.restamp(table.find({n, 7}, hash, stamps), hash, 2, stamps);
    table.remove_reserved(table.find({n + 2, 7}, hash, stamps), hash);
  }
  for (uint64_t n = 0; n < 1000; ++n) {
    EXPECT_EQ(table.find({n, 7}, hash, stamps).exists(), n % 4 != 2) << n;
  }
  EXPECT_FALSE(table.find({1000, 7}, hash, stamps).exists());
  for (uint64_t group = 0; group < table.groups_total(); ++group) table.clear_group(group, 2);
  table.clear_spill(2);
  EXPECT_EQ(table.spilled(), 0u);
}

// Against a map, with hashes of few values, so that groups run over into each other all the time.
TEST(IdTable, AgreesWithAMapWhileSlicesComeAndGo) {
  ChunkPool pool;
  Stamps stamps = slices(2, 2);
  Stamp newest = 2;
  IdTable table(pool, IdHash(9), stamps, 4'000);
  std::map<uint64_t, Stamp> model;
  std::vector<uint64_t> counts(kStampEnd);
  uint64_t state = 1;
  const auto next = [](Stamp stamp) {
    return stamp + 1 < kStampEnd ? static_cast<Stamp>(stamp + 1) : kSliceFirst;
  };
  for (int i = 0; i < 500'000; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t n = (state >> 33) % 3'000;
    const Id id{n, ~n};
    const uint64_t h = (n % 50) * 0x0102'0304'0506'0708ull << 8 | n % 7;
    const auto found = model.find(n);
    const Stamp stood = found == model.end() ? Stamp{0} : found->second;
    table.make_room(1);
    const uint64_t choice = state >> 13 & 15;
    ASSERT_EQ(table.stamp(id, h), stood) << i;
    if (choice < 7) {
      ASSERT_EQ(table.reserve(id, h), stood);
      if (stood == 0) model[n] = kReserved;
    } else if (choice < 12) {
      ASSERT_EQ(table.see(id, h, newest), stood);
      if (stood > kReserved) --counts[stood];
      ++counts[newest];
      model[n] = newest;
    } else {
      ASSERT_EQ(table.free(id, h), stood == kReserved);
      if (stood == kReserved) model.erase(n);
    }
    if (i % 7'000 == 6'999) {
      if (!table.is_unused(next(newest))) table.sweep_all();
      newest = next(newest);
      counts[newest] = 0;
      stamps.live |= 1u << newest;
    }
    if (i % 7'000 == 3'000 && stamps.oldest != newest) {
      const Stamp oldest = stamps.oldest;
      stamps.live &= ~(1u << oldest);
      stamps.oldest = next(oldest);
      table.forget(oldest, counts[oldest]);
      std::erase_if(model, [&](const auto& entry) { return entry.second == oldest; });
    }
    if (i % 50'000 == 49'999) {
      table.free_reserved();
      std::erase_if(model, [](const auto& entry) { return entry.second == kReserved; });
    }
    if (i % 3 == 0) table.maintain(1);
  }
}

TEST(IdTable, MovesEveryIdWhateverTheStep) {
  for (const uint64_t step : {1ull, 3ull, 64ull, 1'000'000ull}) {
    ChunkPool pool;
    const IdHash hash(3);
    const Stamps stamps = slices(2, 3);
    IdTable table(pool, hash, stamps, 200'000);
    for (uint64_t n = 0; n < 100'000; ++n) {
      table.make_room(1);
      const Id id{n, n};
      if (n % 3 == 0) table.reserve(id, hash(id));
      else table.see(id, hash(id), 2 + n % 2);
      if (n % 8 == 0) table.maintain(step);
      for (uint64_t old = n % 997; old < n; old += 9973) {
        const uint64_t stamp = old % 3 == 0 ? 1 : 2 + old % 2;
        ASSERT_EQ(table.stamp({old, old}, hash({old, old})), stamp) << old << " of " << n;
      }
    }
    for (uint64_t n = 0; n < 100'000; ++n) ASSERT_EQ(table.stamp({n, ~n}, hash({n, ~n})), 0);
  }
}

TEST(IdTable, MovesWhatRanOverTheTablesEndToo) {
  ChunkPool pool;
  const IdHash hash(3);
  const Stamps stamps = slices(2, 2);
  IdTable table(pool, hash, stamps, 20'000);
  uint64_t count = 0;  // all of the last homes of any size: the spares hold 120
  for (uint64_t n = 0; count < 400; ++n) {
    const Id id{n, 1};
    if (hash(id) >> 32 < 0xFFF0'0000) continue;
    table.see(id, hash(id), 2);
    ++count;
  }
  for (uint64_t n = 0; n < 15'000; ++n) {
    table.make_room(1);
    table.reserve({n, 2}, hash({n, 2}));
  }
  while (!table.is_settled()) table.maintain(1);
  for (uint64_t n = 0; count > 0; ++n) {
    const Id id{n, 1};
    if (hash(id) >> 32 < 0xFFF0'0000) continue;
    ASSERT_EQ(table.stamp(id, hash(id)), 2);
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
