// What the dedup index promises: verdicts, expiry, bounds, exactness. (dedup_model_test.cc compares it
// with a map.)
#include "dedup/dedup.h"

#include <gtest/gtest.h>

#include <vector>

namespace semel {
namespace {

Id id_number(uint64_t n) { return {n * 0xD6E8FEB86659FD93ull, n ^ 0x5851F42D4C957F2Dull}; }

std::vector<Id> numbers(uint64_t from, uint64_t to) {
  std::vector<Id> ids;
  for (uint64_t n = from; n < to; ++n) ids.push_back(id_number(n));
  return ids;
}

struct Index : Dedup {
  using Dedup::Dedup;

  std::vector<Verdict> poll(const std::vector<Id>& ids) {
    std::vector<Verdict> verdicts(ids.size());
    reserve(ids, verdicts.data());
    return verdicts;
  }
  void take_in(uint64_t from, uint64_t to, uint64_t time_us) {
    for (; from < to; from += 512) {
      const auto ids = numbers(from, std::min(from + 512, to));
      for (const Verdict verdict : poll(ids)) ASSERT_EQ(verdict, Verdict::fresh);
      commit(ids, time_us);
    }
  }
  uint64_t remembered(uint64_t from, uint64_t to) const {
    uint64_t count = 0;
    for (; from < to; ++from) count += contains(id_number(from)) ? 1 : 0;
    return count;
  }
  void sweep_all(uint64_t now_us) {
    do advance(now_us);
    while (!is_swept());
  }
};

constexpr uint64_t kLong = uint64_t{1} << 50;
const Id kZero{0, 0};

TEST(Dedup, AnIdIsFreshThenInFlightThenSeen) {
  Index index({.window_us = kLong, .seed = 1});
  EXPECT_EQ(index.poll({kZero}), std::vector{Verdict::fresh});
  EXPECT_EQ(index.poll({kZero}), std::vector{Verdict::in_flight});
  EXPECT_FALSE(index.contains(kZero));
  index.commit({{kZero}}, 5);
  EXPECT_EQ(index.poll({kZero}), std::vector{Verdict::seen});
  EXPECT_TRUE(index.contains(kZero));
  EXPECT_EQ(index.reserved(), 0u);
  EXPECT_EQ(index.size(), 1u);
}

TEST(Dedup, ACopyInTheSameBatchIsInFlight) {
  Index index({.window_us = kLong, .seed = 1});
  const auto verdicts = index.poll({id_number(1), id_number(2), id_number(1), kZero, kZero});
  EXPECT_EQ(verdicts, (std::vector{Verdict::fresh, Verdict::fresh, Verdict::in_flight,
                                   Verdict::fresh, Verdict::in_flight}));
}

TEST(Dedup, AFreedIdIsFreshAgain) {
  Index index({.window_us = kLong, .seed = 1});
  index.poll(numbers(0, 1000));
  index.free(numbers(0, 500));
  EXPECT_EQ(index.poll({id_number(499)}), std::vector{Verdict::fresh});
  EXPECT_EQ(index.poll({id_number(500)}), std::vector{Verdict::in_flight});
  index.free_all();
  EXPECT_EQ(index.reserved(), 0u);
  EXPECT_EQ(index.poll({id_number(500)}), std::vector{Verdict::fresh});
}

TEST(Dedup, FreeingWhatIsNotReservedChangesNothing) {
  Index index({.window_us = kLong, .seed = 1});
  index.take_in(0, 100, 1);
  index.free(numbers(0, 200));
  EXPECT_EQ(index.remembered(0, 200), 100u);
}

TEST(Dedup, AFloodOfReservationsComesAndGoes) {
  Index index({.window_us = kLong, .seed = 1});
  for (int round = 0; round < 5; ++round) {
    for (const Verdict verdict : index.poll(numbers(0, 400'000))) ASSERT_EQ(verdict, Verdict::fresh);
    EXPECT_EQ(index.reserved(), 400'000u);
    index.free(numbers(0, 400'000));
    EXPECT_EQ(index.reserved(), 0u);
  }
  const uint64_t after_flood = index.bytes();
  for (int round = 0; round < 1000; ++round) {  // … and its memory goes with it
    index.poll(numbers(0, 10));
    index.free(numbers(0, 10));
    index.advance(1);
  }
  EXPECT_LT(index.bytes(), after_flood / 4);
}

TEST(Dedup, RestoringAnOverlappingBlockTwiceBreaksNothing) {
  Index index({.window_us = kLong, .seed = 1});
  index.restore(numbers(0, 1000), 10);
  index.restore(numbers(500, 1500), 20);
  EXPECT_EQ(index.size(), 1500u);
  EXPECT_EQ(index.remembered(0, 2000), 1500u);
  index.restore({{kZero, kZero}}, 20);
  EXPECT_EQ(index.poll({kZero}), std::vector{Verdict::seen});
}

TEST(Dedup, NothingIsForgottenInsideTheWindowAndAllOfItSoonAfter) {
  constexpr uint64_t kWindow = 1000;
  Index index({.window_us = kWindow, .seed = 1, .slices = 4});
  for (uint64_t t = 1; t <= 5000; ++t) {
    index.commit({{id_number(t)}}, t);
    if (t % 7 == 0) index.advance(t);
    const uint64_t oldest_inside = t > kWindow ? t - kWindow : 1;
    ASSERT_EQ(index.remembered(oldest_inside, t + 1), t + 1 - oldest_inside) << "at " << t;
    const uint64_t oldest_allowed = t > kWindow + 300 ? t - kWindow - 300 : 1;
    ASSERT_EQ(index.remembered(1, oldest_allowed), 0u) << "at " << t;
  }
  index.advance(5000 + kWindow);
  EXPECT_TRUE(index.contains(id_number(5000))) << "its age is exactly the window";
  index.advance(5000 + kWindow + 1);
  EXPECT_EQ(index.size(), 0u);
  EXPECT_FALSE(index.contains(id_number(5000)));
}

TEST(Dedup, AClockThatFallsForgetsNothingEarly) {
  Index index({.window_us = 1000, .seed = 1});
  index.commit({{id_number(1)}}, 5000);
  index.commit({{id_number(2)}}, 10);  // counts as 5000
  index.advance(6000);
  EXPECT_EQ(index.remembered(1, 3), 2u);
}

TEST(Dedup, GrowingAndSealingKeepEveryIdAtEveryStep) {
  Index index({.window_us = 4000, .seed = 1, .slices = 4});
  constexpr uint64_t kCount = 600'000;  // 150,000 a slice: each grows five times
  for (uint64_t n = 0; n < kCount; n += 500) {
    index.take_in(n, n + 500, 1 + n / 150);
    // A sample over everything that moves just now, and all of the latest.
    for (uint64_t old = n % 97; old < n; old += 971) ASSERT_TRUE(index.contains(id_number(old)));
    ASSERT_EQ(index.remembered(n, n + 500), 500u);
  }
  EXPECT_EQ(index.size(), kCount);
  EXPECT_GE(index.slices(), 4u);
  EXPECT_EQ(index.remembered(0, kCount), kCount);
  index.sweep_all(4000);
  EXPECT_EQ(index.remembered(0, kCount), kCount);
  for (const Verdict verdict : index.poll(numbers(0, kCount))) ASSERT_EQ(verdict, Verdict::seen);
}

TEST(Dedup, AnIdOfAFullIndexCostsAtMostTwentyFourBytes) {
  constexpr uint64_t kCount = 4'000'000;
  Index index({.window_us = kLong, .max_ids = kCount, .seed = 1});
  index.take_in(0, kCount, 1);
  EXPECT_FALSE(index.has_room(1));
  for (int i = 0; i < 1000; ++i) index.advance(1);
  // Besides, the last chunk of the table and the log's first and last one are not full.
  EXPECT_LE(index.bytes() - index.idle_bytes(), 24 * kCount + 3 * dedup::kChunkBytes);
  EXPECT_LE(index.idle_bytes(), 24 * kCount * 3 / 4 + dedup::kChunkBytes);
  EXPECT_EQ(index.remembered(0, kCount), kCount);
}

TEST(Dedup, AnIndexThatEmptiesGivesItsMemoryBack) {
  Index index({.window_us = 1000, .seed = 1});
  index.take_in(0, 4'000'000, 1);
  const uint64_t full = index.bytes();
  index.take_in(4'000'000, 4'000'100, 1500);
  for (int i = 0; i < 10'000; ++i) index.advance(2000);
  EXPECT_EQ(index.size(), 100u);
  EXPECT_LT(index.bytes(), full / 20);
  EXPECT_EQ(index.remembered(4'000'000, 4'000'100), 100u);
}

TEST(Dedup, WhatIsReservedOutlivesEverySlice) {
  Index index({.window_us = 100, .seed = 1});
  index.poll(numbers(0, 500));
  for (uint64_t t = 1; t < 5000; t += 5) {
    const uint64_t n = 1'000'000 + t * 10;
    index.take_in(n, n + 50, t);
    index.advance(t);
    ASSERT_EQ(index.reserved(), 500u);
    ASSERT_TRUE(index.is_reserved(id_number(t % 500)));
    ASSERT_FALSE(index.contains(id_number(t % 500)));
  }
  index.commit(numbers(0, 500), 5000);
  EXPECT_EQ(index.remembered(0, 500), 500u);
}

TEST(Dedup, MemoryStaysFlatOverManyWindows) {
  Index index({.window_us = 1000, .seed = 1, .slices = 4});
  uint64_t bytes_max = 0;
  uint64_t n = 0;
  for (uint64_t t = 1; t < 12'000; t += 10, n += 2'000) {
    index.take_in(n, n + 2'000, t);
    index.advance(t);
    if (t < 6'000) bytes_max = std::max(bytes_max, index.bytes());
    ASSERT_LE(index.bytes(), bytes_max + bytes_max / 20) << "at " << t;
  }
}

TEST(Dedup, AFullIndexTakesNoMoreAndForgetsNothing) {
  Index index({.window_us = 1000, .max_ids = 10'000, .seed = 1});
  EXPECT_TRUE(index.has_room(10'000));
  EXPECT_FALSE(index.has_room(10'001));
  index.take_in(0, 9'000, 1);
  index.poll(numbers(9'000, 9'500));
  EXPECT_TRUE(index.has_room(500));
  EXPECT_FALSE(index.has_room(501)) << "what is reserved counts";
  index.commit(numbers(9'000, 9'500), 2);
  index.advance(900);
  EXPECT_EQ(index.remembered(0, 9'500), 9'500u);
  EXPECT_EQ(index.effective_window_us(), 1000u);
  index.advance(1003);
  EXPECT_TRUE(index.has_room(10'000)) << "the window has passed";
}

TEST(Dedup, WhereItMayShortenTheWindowItForgetsTheOldestAndSaysSo) {
  constexpr uint64_t kWindow = 100'000;
  Index index({.window_us = kWindow, .max_ids = 10'000, .seed = 1,
               .shorten_window_when_full = true});
  for (uint64_t t = 0; t < 100; ++t) {
    ASSERT_TRUE(index.has_room(512)) << "at " << t;
    index.take_in(t * 500, (t + 1) * 500, 1 + t * 10);
    ASSERT_LE(index.size() + index.reserved(), 10'000u);
    // Whatever is younger than the window that it reports is remembered.
    const uint64_t now = 1 + t * 10;
    const uint64_t window = index.effective_window_us();
    const uint64_t oldest = window > t * 10 ? 0 : t - (window - 1) / 10;
    ASSERT_EQ(index.remembered(oldest * 500, (t + 1) * 500), (t + 1 - oldest) * 500) << now;
  }
  EXPECT_LT(index.effective_window_us(), kWindow);
  EXPECT_GE(index.effective_window_us(), 120u) << "12 of 20 batches that fit";
  const uint64_t last = 1 + 99 * 10;
  index.advance(last + kWindow);
  EXPECT_EQ(index.effective_window_us(), kWindow) << "what was forgotten would be gone by now";
}

TEST(Dedup, AShortenedWindowNeverBlocksHoweverSmall) {
  Index index({.window_us = kLong, .max_ids = 1'200, .seed = 1, .slices = 1,
               .shorten_window_when_full = true});
  for (uint64_t n = 0; n < 100'000; n += 512) {
    ASSERT_TRUE(index.has_room(512)) << n;
    index.take_in(n, n + 512, n + 1);
  }
}

TEST(Dedup, AnyBoundTakesMessagesUntilItIsMet) {
  for (const bool shortens : {false, true}) {
    for (const uint64_t max_ids : {1, 2, 3, 5, 31, 100, 511, 513}) {
      Index index({.window_us = kLong, .max_ids = max_ids, .seed = 1,
                   .shorten_window_when_full = shortens});
      uint64_t taken = 0;
      while (taken < 3'000) {
        const uint64_t room = index.room(512);
        if (room == 0) break;
        index.take_in(taken, taken + room, taken + 1);
        taken += room;
        ASSERT_LE(index.size() + index.reserved(), max_ids);
      }
      if (shortens) {
        ASSERT_GE(taken, 3'000u) << max_ids;
        ASSERT_TRUE(index.contains(id_number(taken - 1))) << max_ids;
      } else {
        ASSERT_EQ(taken, max_ids);
        ASSERT_EQ(index.remembered(0, taken), max_ids);
      }
    }
  }
}

TEST(Dedup, RestoringForgetsAsItGoesAndTakesMoreThanTheBoundWithoutAList) {
  // Inside the window there are a hundred times as many as the index may take by itself.
  constexpr uint64_t kIds = 400'000;
  Index index({.window_us = kLong, .max_ids = 4'000, .seed = 1});
  for (uint64_t n = 0; n < kIds; n += 500) index.restore(numbers(n, n + 500), 1 + n);
  EXPECT_EQ(index.size(), kIds) << "nothing is forgotten inside the window";
  EXPECT_EQ(index.remembered(0, kIds), kIds);
  EXPECT_FALSE(index.has_room(1));
  // A list would make a probe of it take milliseconds; a table takes 30 bytes an id.
  EXPECT_LT(index.bytes(), kIds * 64);
  index.sweep_all(kLong + 2 * kIds);
  EXPECT_EQ(index.size(), 0u);
  EXPECT_LT(index.bytes(), 3'000'000u) << "and is what it was again";
}

TEST(Dedup, IdsThatComeAgainAreFoundAmongAnyNumberOfSlices) {
  Index index({.window_us = 1'000'000, .max_ids = 1 << 20, .seed = 1, .slices = 100'000});
  // Each in a slice of its own, then each once more.
  for (uint64_t n = 0; n < 50'000; ++n) index.restore(numbers(n, n + 1), 1 + n * 10);
  for (uint64_t n = 0; n < 50'000; ++n) index.restore(numbers(n, n + 1), 500'001 + n * 10);
  EXPECT_EQ(index.size(), 50'000u);
  index.sweep_all(1 + 1'000'000 + 499'990 + 5);
  EXPECT_EQ(index.remembered(0, 50'000), 50'000u) << "remembered from the later time on";
  index.sweep_all(500'001 + 1'000'000 + 499'990 + 20);
  EXPECT_EQ(index.size(), 0u);
}

TEST(Dedup, FreedReservationsBehindOneThatIsNotDecidedDoNotAddUp) {
  Index index({.window_us = kLong, .max_ids = 10'000, .seed = 1});
  index.poll({id_number(1 << 30)});
  for (uint64_t n = 0; n < 200'000; n += 100) {
    index.poll(numbers(n, n + 100));
    index.free(numbers(n, n + 100));
  }
  EXPECT_EQ(index.reserved(), 1u);
  EXPECT_TRUE(index.is_reserved(id_number(1 << 30)));
  EXPECT_EQ(index.poll({id_number(1 << 30), id_number(5)}),
            (std::vector{Verdict::in_flight, Verdict::fresh}));
  index.commit({{id_number(1 << 30), id_number(5)}}, 1);
  EXPECT_EQ(index.size(), 2u);
  EXPECT_EQ(index.reserved(), 0u);
}

TEST(Dedup, SaysOfWhichTimesItHasForgottenAllIds) {
  Index index({.window_us = kLong, .max_ids = 1'000, .seed = 1, .shorten_window_when_full = true});
  for (uint64_t n = 0; n < 20'000; n += 100) {
    index.advance(1'000'000 + n);  // the clock is ahead of the messages that wait
    index.take_in(n, n + 100, 1 + n);
    const uint64_t forgotten = index.forgotten_us();
    ASSERT_LE(forgotten, 1 + n);
    // Those of before are gone, and what is not from before is counted.
    const uint64_t gone = forgotten == 0 ? 0 : forgotten - 1;
    ASSERT_EQ(index.remembered(0, gone), 0u);
  }
  EXPECT_GE(index.forgotten_us(), 19'000u);
}

TEST(Dedup, IdsChosenToCollideDoNotSlowItDown) {
  // Patterns that defeat weak hashes: counters, strides, equal halves, and ids whose halves cancel
  // each other in an unkeyed linear mix (low = high × constant).
  Index index({.window_us = kLong, .seed = 0xC0FFEE});
  std::vector<Id> ids;
  for (uint64_t n = 1; n <= 40'000; ++n) {
    ids.push_back(integer_id(n));
    ids.push_back({n << 40, 0});
    ids.push_back({0, n << 32});
    ids.push_back({n, n});
    ids.push_back({n * 0x9E3779B97F4A7C15ull, n + (uint64_t{1} << 60)});
  }
  index.commit(ids, 1);
  EXPECT_EQ(index.size(), ids.size());
  for (const Verdict verdict : index.poll(ids)) ASSERT_EQ(verdict, Verdict::seen);
}

}  // namespace
}  // namespace semel
