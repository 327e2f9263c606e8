// Holes in a journal that are longer than what a consumer has in flight.
#include "repair_fixture.h"

namespace semel::test {
namespace {

// Messages of 4040 bytes each: 16 to a lap, and four in flight.
constexpr uint32_t kLong = 4000;

class RepairHole : public RepairFixture {};

TEST_P(RepairHole, UpToTheRingsEndHoldsNothingUpBehindIt) {
  open();
  send(1, 8, kLong);
  for (int turn = 0; turn < 8; ++turn) end(1);
  drain();
  send(9, 20, kLong);
  end(1);
  crash();
  zero("shard-0/journal", kJournalHeaderBytes + 9 * 4040, kJournalHeaderBytes + options_.ring_bytes);
  EXPECT_EQ(stake().lost, ranges({{10, 16}}));
  must_repair();
  open();
  const Delivered delivered = deliver_all();
  EXPECT_EQ(delivered.ids, (std::vector<uint64_t>{17, 18, 19, 20}));
  EXPECT_EQ(delivered.lost, (std::vector<uint64_t>{10, 11, 12, 13, 14, 15, 16}));
  expect_conserved();
  close();
}

INSTANTIATE_TEST_SUITE_P(Levels, RepairHole,
                         testing::Values(Durability::process, Durability::interval, Durability::disk),
                         level_name);

}  // namespace
}  // namespace semel::test
