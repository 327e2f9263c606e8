// Holes in a journal that are longer than what a consumer has in flight.
#include "repair_fixture.h"

namespace semel::test {
namespace {

class RepairHole : public RepairFixture {
 protected:
  // Messages of 4040 bytes each: 16 to a lap, and four in flight.
  void send_long(uint64_t from, uint64_t to) {
    std::vector<uint8_t> payload(4000);
    for (uint64_t id = from; id <= to; ++id) {
      FrameHeader header;
      header.id = integer_id(id);
      header.id_kind = IdKind::integer;
      header.has_source = true;
      header.source = {3, id};
      store<uint64_t>(payload.data(), id);
      shard().intake().begin(stream_->clock().now_us());
      ASSERT_TRUE(shard().intake().append_full(header, payload.data(), 4000)) << "the ring is full";
    }
    stream_->publish(0);
    while (shard().durable_sequence() < shard().intake().sequence()) std::this_thread::yield();
  }
};

TEST_P(RepairHole, UpToTheRingsEndHoldsNothingUpBehindIt) {
  open();
  send_long(1, 8);
  for (int turn = 0; turn < 8; ++turn) end(1);
  settle();
  send_long(9, 20);
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
