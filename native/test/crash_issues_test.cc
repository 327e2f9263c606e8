// Bugs that the campaigns on the simulated disk have found, one test each.
#include <gtest/gtest.h>

#include "faults/stand.h"

namespace semel::faults {
namespace {

constexpr uint64_t kStartUs = 1'000'000'000'000;

class CrashIssue : public testing::Test {
 protected:
  void open() {
    auto opened = Stand::open(*disk_, setting_, ledger_, external_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    stand_ = std::move(opened.value());
    ASSERT_TRUE(stand_->begin(now_us_).is_ok());
  }
  // The process dies; what the kernel had stays.
  void die_and_open() {
    const Image left = disk_->survive();
    stand_.reset();
    disk_ = std::make_unique<SimulatedStorage>(left);
    open();
  }
  void send(uint64_t id) {
    const Message message = ledger_.message(id);
    FrameHeader header;
    header.id = integer_id(id);
    header.id_kind = IdKind::integer;
    Intake& intake = stand_->shard().intake();
    intake.begin(now_us_);
    ledger_.sent(id, intake.sequence() + 1, now_us_);
    ASSERT_TRUE(intake.append_full(header, message.payload.data(),
                                   static_cast<uint32_t>(message.payload.size())));
    intake.publish();
  }
  void work(uint32_t messages) {
    ASSERT_TRUE(stand_->worker().poll(messages, now_us_).is_ok());
    ASSERT_TRUE(stand_->worker().finish(messages, now_us_).is_ok());
  }
  void sync() { ASSERT_TRUE(stand_->sync(now_us_).is_ok()); }
  std::size_t effects() {
    auto found = stand_->sink().effects(stand_->sink().place());
    return found.is_ok() ? found.value().size() : 0;
  }
  // The first id of that kind.
  uint64_t some(Kind kind) const {
    uint64_t id = 1;
    while (ledger_.message(id).kind != kind) ++id;
    return id;
  }

  Setting setting_;
  Ledger ledger_{1, 4};
  External external_{1};
  std::unique_ptr<SimulatedStorage> disk_ = std::make_unique<SimulatedStorage>();
  std::unique_ptr<Stand> stand_;
  uint64_t now_us_ = kStartUs;
};

// Found by a test with threads that never ended. The sync thread looks when the frame is published and
// its number is not yet: the receipt came only with the next message.
TEST_F(CrashIssue, AMessageWhoseNumberIsPublishedBehindAGroupHasItsReceiptWithTheNextOne) {
  open();
  const Message message = ledger_.message(1);
  FrameHeader header;
  header.id = integer_id(1);
  header.id_kind = IdKind::integer;
  Shard& shard = stand_->shard();
  ASSERT_TRUE(shard.intake().append_full(header, message.payload.data(),
                                         static_cast<uint32_t>(message.payload.size())));
  shard.ring().publish();
  sync();
  EXPECT_EQ(shard.durable_sequence(), 0u);
  shard.intake().publish();
  EXPECT_TRUE(shard.has_unsynced());
  sync();
  EXPECT_EQ(shard.durable_sequence(), 1u);
}

TEST_F(CrashIssue, ACopyStoredInsideTheWindowIsADuplicateHoweverLateItIsProcessed) {
  open();
  for (uint64_t id = 1; id <= some(Kind::plain); ++id) send(id);
  send(some(Kind::plain));
  const auto messages = static_cast<uint32_t>(some(Kind::plain));
  work(messages);
  sync();
  const std::size_t once = effects();
  now_us_ += 3 * kWindowUs;
  work(1);
  EXPECT_EQ(effects(), once);
  EXPECT_EQ(stand_->shard().consumer().counters().outcomes.duplicate, 1u);
}

TEST_F(CrashIssue, ACopyStoredInsideTheWindowIsADuplicateAfterALongTimeWithoutTheProcess) {
  open();
  for (uint64_t id = 1; id <= some(Kind::plain); ++id) send(id);
  work(static_cast<uint32_t>(some(Kind::plain)));
  send(some(Kind::plain));
  sync();
  const std::size_t once = effects();
  now_us_ += 3 * kWindowUs;
  die_and_open();
  work(1);
  EXPECT_EQ(effects(), once);
}

TEST_F(CrashIssue, ADeadLetterIsShownOnceNoCrashCanTakeItBack) {
  open();
  const uint64_t id = some(Kind::poison);
  for (uint64_t before = 1; before <= id; ++before) send(before);
  sync();
  const DeadLetters& letters = *stand_->shard().dead_letters();
  while (letters.open_count() == 0) {
    now_us_ += 10'000;
    work(static_cast<uint32_t>(id));
  }
  EXPECT_FALSE(letters.shows(1)) << "its number may yet go to another";
  sync();
  EXPECT_TRUE(letters.shows(1));
}

}  // namespace
}  // namespace semel::faults
