// Streams without a journal: messages are in memory alone, and their source gives again what no block
// says is done.
#include <gtest/gtest.h>

#include "repair_fixture.h"
#include "shard/inspect.h"

namespace semel::test {
namespace {

class NoJournalTest : public RepairFixture {
 protected:
  NoJournalTest() { options_.journal = false; }

  bool has_file() const { return fs::exists(path("shard-0/journal")); }
  Offset stored() const {
    for (const SourceOffset& source : stream_->shard(0).stored_sources()) {
      if (source.partition == 3) return source.offset;
    }
    return {};
  }
};

TEST_P(NoJournalTest, GoesOnFromTheOffsetThatItsLastBlockSays) {
  live({});
  EXPECT_FALSE(has_file());
  EXPECT_EQ(damage(), std::vector<std::string>());
  auto found = inspect_directory(Storage::real(), directory_);
  ASSERT_TRUE(found.is_ok()) << found.status().message();
  EXPECT_FALSE(found.value().manifest.journal);
  EXPECT_EQ(found.value().shards[0].stored, 40u);

  open();
  EXPECT_EQ(stored(), Offset(40)) << "20 were in memory, and are read again";
  EXPECT_EQ(shard().recovery().redelivered, 0u);
  EXPECT_EQ(shard().recovery().journal_cut, 0u);
  EXPECT_FALSE(consumer().has_work());
  EXPECT_EQ(consumer().counters().parked, 2u) << "a block has them, with their payloads";
  send(38, 60);
  EXPECT_EQ(shard().intake().sequence(), 63u) << "numbers go on behind the last block";
  end(3);
  EXPECT_EQ(consumer().counters().outcomes.duplicate, 3u) << "ids are remembered as ever";
  end(10);
  end(10);
  EXPECT_EQ(consumer().counters().outcomes.processed, 56u);
  drain();
  close();
  open();
  EXPECT_EQ(stored(), Offset(60));
  close();
}

TEST_P(NoJournalTest, AnOffsetFrameAloneIsInABlock) {
  open();
  send(1, 3);
  end(3);
  FrameHeader header;
  header.type = FrameType::offset;
  header.has_source = true;
  header.source = {3, {7, 9}};
  ASSERT_TRUE(shard().intake().append_full(header, "", 0));
  stream_->publish(0);
  ASSERT_TRUE(consumer().poll(8, stream_->clock().now_us()).is_ok());
  stream_->wake_syncer();
  crash();
  open();
  EXPECT_EQ(stored(), Offset(7, 9));
  close();
}

TEST_P(NoJournalTest, IsRefusedWhileAJournalHoldsWhatIsNotDone) {
  options_.journal = true;
  live({});
  options_.journal = false;
  const Status refused = try_open();
  EXPECT_EQ(refused.code(), Code::mismatch);
  EXPECT_NE(refused.message().find("20 messages in its journal"), std::string::npos);
  EXPECT_TRUE(has_file());
  options_.journal = true;
  open();
  EXPECT_EQ(shard().recovery().redelivered, 20u) << "the refusal has lost nothing";
  end(10);
  end(10);
  close();

  options_.journal = false;
  open();
  EXPECT_EQ(stored(), Offset(60));
  send(61, 70);
  end(5);
  crash();
  EXPECT_EQ(damage(), std::vector<std::string>());
  open();
  EXPECT_FALSE(has_file()) << "the switch is complete by now at the latest";
  EXPECT_EQ(stored(), Offset(65));
  close();
}

TEST_P(NoJournalTest, MayHaveAJournalFromNowOn) {
  live({});
  options_.journal = true;
  open();
  EXPECT_EQ(stored(), Offset(40));
  EXPECT_EQ(shard().recovery().redelivered, 0u);
  EXPECT_EQ(shard().recovery().journal_cut, 0u);
  send(41, 60);
  end(5);
  crash();
  EXPECT_EQ(damage(), std::vector<std::string>());
  open();
  EXPECT_EQ(shard().recovery().redelivered, 15u);
  EXPECT_EQ(stored(), Offset(60));
  end(15);
  close();
}

TEST_P(NoJournalTest, ALostBlockIsRepairedFromTheOthers) {
  open();
  send(1, 60);
  for (int round = 0; round < 4; ++round) {
    end(10);
    drain();
  }
  crash();
  flip("shard-0/ack-0000000000000001.log", 4096 + 144 + 2 * 248 + 30);
  ASSERT_EQ(damage().size(), 1u);
  must_repair();
  EXPECT_FALSE(has_file());
  open();
  EXPECT_EQ(stored(), Offset(40));
  EXPECT_EQ(consumer().through(), 40u);
  send(31, 50);
  end(10);
  end(10);
  EXPECT_EQ(consumer().counters().outcomes.duplicate, 10u);
  close();
}

INSTANTIATE_TEST_SUITE_P(Levels, NoJournalTest,
                         ::testing::Values(Durability::process, Durability::interval,
                                           Durability::disk),
                         level_name);

}  // namespace
}  // namespace semel::test
