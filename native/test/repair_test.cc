// Verify and repair, over each kind of damage: what is found, what is said to be lost, and what the
// directory delivers afterwards.
#include <numeric>

#include "acklog/segment_header.h"
#include "watched_storage.h"
#include "repair_fixture.h"

namespace semel::test {
namespace {

const std::string kJournal = "shard-0/journal";
const std::string kLog = "shard-0/" + acklog::segment_name(1);
const std::string kLetters = "shard-0/dead-letters.log";
constexpr uint64_t kFrame = 48;  // header 24, id 8, source 8, payload 8
constexpr uint64_t at_frame(uint64_t sequence) {
  return kJournalHeaderBytes + (sequence - 1) * kFrame;
}
std::vector<uint64_t> numbers(uint64_t from, uint64_t to) {
  std::vector<uint64_t> list(to - from + 1);
  std::iota(list.begin(), list.end(), from);
  return list;
}

class RepairTest : public RepairFixture {};

TEST_P(RepairTest, FindsNothingInADirectoryThatWasClosedOrKilled) {
  live({.closes = true});
  EXPECT_TRUE(verify().findings.empty());
  open();
  crash();
  EXPECT_FALSE(verify().damaged());
  auto repaired = repair_locked(Storage::real(), directory_);
  ASSERT_TRUE(repaired.is_ok());
  EXPECT_TRUE(repaired.value().originals.empty()) << "nothing to do, nothing to keep";
}

TEST_P(RepairTest, RefusesADirectoryThatHoldsNoStreamAndMakesNothingInIt) {
  fs::create_directories(directory_);
  EXPECT_EQ(verify_directory(Storage::real(), directory_).status().code(), Code::format);
  EXPECT_EQ(repair_locked(Storage::real(), directory_).status().code(), Code::format);
  EXPECT_TRUE(files().empty());
}

TEST_P(RepairTest, RefusesAnOpenStreamAndNamesItsHolder) {
  open();
  EXPECT_EQ(verify().holder, static_cast<uint64_t>(::getpid()));
  EXPECT_EQ(repair_locked(Storage::real(), directory_).status().code(), Code::locked);
  EXPECT_EQ(plan_repair_locked(Storage::real(), directory_).status().code(), Code::locked);
  close();
}

TEST_P(RepairTest, AMessageLostInTheJournalBecomesADeadLetterAndItsNeighboursStay) {
  live({});
  // Synced levels claim what ack blocks know of: the last block here knows all 60.
  flip(kJournal, at_frame(45) + 41);
  flip(kJournal, at_frame(50) + 2);
  ASSERT_FALSE(try_open().is_ok());
  const auto found = damage();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], kJournal + "@" + std::to_string(at_frame(45)) +
                          ": message 45 was stored and does not check; good ones follow");
  EXPECT_EQ(found[1], kJournal + "@" + std::to_string(at_frame(50)) +
                          ": message 50 was stored and does not check; good ones follow");
  EXPECT_EQ(stake().lost, ranges({{45, 45}, {50, 50}}));
  EXPECT_TRUE(stake().again.empty());
  must_repair();
  EXPECT_EQ(fs::file_size(path(originals_ + "/" + kJournal)), fs::file_size(path(kJournal)));

  open();
  const Delivered delivered = deliver_all();
  EXPECT_EQ(delivered.lost, (std::vector<uint64_t>{45, 50}));
  std::vector<uint64_t> expected = numbers(41, 60);
  std::erase_if(expected, [](uint64_t id) { return id == 45 || id == 50; });
  EXPECT_EQ(delivered.ids, expected);
  EXPECT_EQ(consumer().counters().outcomes.dead_lettered, 4u);
  expect_conserved();
  close();
}

TEST_P(RepairTest, AJournalThatIsGoneCostsWhatTheAckLogKnowsAndTheNextSequencesAreNew) {
  live({});
  fs::remove(path(kJournal));
  ASSERT_EQ(try_open().code(), Code::damaged);
  ASSERT_EQ(damage().size(), 1u);
  const bool syncs = GetParam() != Durability::process;
  EXPECT_EQ(stake().lost, syncs ? ranges({{41, 60}}) : Ranges{});
  EXPECT_EQ(stake().unknown_behind, syncs ? 60u : 40u);
  must_repair(false);
  open();
  const Delivered delivered = deliver_all();
  EXPECT_EQ(delivered.lost, syncs ? numbers(41, 60) : std::vector<uint64_t>());
  EXPECT_TRUE(delivered.ids.empty());
  send(100, 101);
  EXPECT_EQ(deliver_all().ids, (std::vector<uint64_t>{100, 101}));
  expect_conserved();
  close();
}

TEST_P(RepairTest, AHeaderOrSizeOfTheJournalCostsNothing) {
  live({});
  for (const int kind : {0, 1, 2}) {
    keep_copy();
    if (kind == 0) flip(kJournal, 17);
    if (kind == 1) fs::resize_file(path(kJournal), fs::file_size(path(kJournal)) - 4096);
    if (kind == 2) fs::resize_file(path(kJournal), fs::file_size(path(kJournal)) + 4096);
    ASSERT_EQ(damage().size(), 1u) << kind;
    EXPECT_TRUE(stake().lost.empty()) << kind;
    must_repair();
    open();
    EXPECT_EQ(deliver_all().ids, numbers(41, 60)) << kind;
    close();
    restore_copy();
  }
}

TEST_P(RepairTest, ABlockLostInTheAckLogRepeatsNothingAndForgetsNoIdThatTheJournalStillHas) {
  // Each block is of ten messages, nothing is parked: 144 + 80 + 24 bytes.
  open();
  send(1, 60);
  for (int round = 0; round < 4; ++round) {
    end(10);
    drain();
  }
  crash();
  const uint64_t third = 4096 + 144 + 2 * 248;
  flip(kLog, third + 30);
  ASSERT_EQ(try_open().code(), Code::damaged);
  const auto found = damage();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], kLog + "@" + std::to_string(third) + ": no block checks there, though good ones follow");
  EXPECT_TRUE(stake().empty()) << "ids are found in the journal, the rest is in later blocks";
  must_repair();
  open();
  EXPECT_EQ(deliver_all().ids, numbers(41, 60));
  send(1, 40);
  EXPECT_TRUE(deliver_all().ids.empty()) << "an id was forgotten";
  expect_conserved();
  close();
}

TEST_P(RepairTest, AParkedMessageInALostBlockIsCountedAsDropped) {
  live({});
  // The first block behind the opening one parks 5 and buries 7.
  flip(kLog, 4096 + 144 + 100);
  ASSERT_EQ(try_open().code(), Code::damaged);
  EXPECT_EQ(stake().unknown, ranges({{1, 20}}));
  must_repair();
  open();
  EXPECT_EQ(consumer().parked().find(5), nullptr);
  EXPECT_NE(consumer().parked().find(25), nullptr);
  EXPECT_EQ(consumer().counters().outcomes.dropped, 1u);
  EXPECT_EQ(deliver_all().ids, numbers(41, 60));
  expect_conserved();
  close();
}

TEST_P(RepairTest, AnAckLogWhoseEndIsGoneDeliversAgainWhatTheJournalHas) {
  live({});
  const uint64_t cut = 4096 + 144 + 500;  // in the second block of ten
  const auto bytes = bytes_of(path(kLog));
  fs::resize_file(path(kLog), cut);
  ASSERT_EQ(try_open().code(), Code::damaged);
  EXPECT_EQ(stake().again, ranges({{11, 60}}));
  must_repair();
  open();
  const auto ids = deliver_all().ids;
  EXPECT_EQ(ids, numbers(11, 60));
  expect_conserved();
  close();
}

TEST_P(RepairTest, ASegmentHeaderThatDoesNotCheckIsMadeAgainFromItsBlocks) {
  live({});
  for (const uint64_t offset : {0, 9, 20, 33, 44, 49, 100, 516, 545, 3000}) {
    keep_copy();
    flip(kLog, offset);
    ASSERT_EQ(try_open().code() == Code::ok, false) << offset;
    ASSERT_EQ(damage().size(), 1u) << offset;
    EXPECT_TRUE(stake().empty()) << offset;
    must_repair();
    open();
    EXPECT_EQ(deliver_all().ids, numbers(41, 60)) << offset;
    EXPECT_NE(consumer().parked().find(5), nullptr) << offset;
    close();
    restore_copy();
  }
}

TEST_P(RepairTest, ALostSegmentForgetsItsIdsAndNothingElse) {
  open();
  uint64_t sent = 0;
  while (!fs::exists(path("shard-0/" + acklog::segment_name(4)))) {
    send(sent + 1, sent + 200);
    sent += 200;
    while (consumer().counters().through < sent) end(10);
  }
  send(sent + 1, sent + 10);
  crash();
  fs::remove(path("shard-0/" + acklog::segment_name(2)));
  ASSERT_EQ(try_open().code(), Code::damaged);
  const Stake cost = stake();
  EXPECT_TRUE(cost.lost.empty());
  EXPECT_TRUE(cost.again.empty());
  EXPECT_TRUE(cost.unknown.empty()) << "the next segment's snapshot has all that is parked";
  EXPECT_FALSE(cost.forgotten.empty());
  must_repair();
  open();
  EXPECT_EQ(deliver_all().ids, numbers(sent + 1, sent + 10));
  send(1, 10);
  EXPECT_TRUE(deliver_all().ids.empty()) << "the first segment's ids are kept";
  expect_conserved();
  close();
}

TEST_P(RepairTest, AnAckLogThatIsGoneIsRefusedWithASentenceAndNothingChanges) {
  live({});
  fs::remove(path(kLog));
  for (const std::string& name : files()) {
    if (name.find("ack-") != std::string::npos) fs::remove(path(name));
  }
  ASSERT_EQ(try_open().code(), Code::damaged);
  const auto before = files();
  auto repaired = repair_locked(Storage::real(), directory_);
  ASSERT_TRUE(repaired.is_ok());
  ASSERT_EQ(repaired.value().plan.refusals.size(), 1u);
  EXPECT_NE(repaired.value().plan.refusals[0].find("holds nothing that can be read"), std::string::npos);
  EXPECT_EQ(files(), before);
}

TEST_P(RepairTest, DeadLettersThatAreGoneAreNamedAndTheOthersStay) {
  live({});
  for (const int kind : {0, 1, 2, 3}) {
    keep_copy();
    const uint64_t record = (fs::file_size(path(kLetters)) - 4096) / 2;
    if (kind == 0) flip(kLetters, 4096 + 60);
    if (kind == 1) flip(kLetters, 4096 + record + 60);
    if (kind == 2) flip(kLetters, 18);  // the salt
    if (kind == 3) fs::remove(path(kLetters));
    ASSERT_FALSE(try_open().is_ok()) << kind;
    ASSERT_EQ(damage().size(), 1u) << kind;
    const Ranges expected[] = {ranges({{1, 1}}), ranges({{2, 2}}), {}, ranges({{1, 2}})};
    EXPECT_EQ(stake().letters, expected[kind]) << kind;
    must_repair(kind != 3);
    open();
    const std::vector<uint64_t> open_ones[] = {{2}, {1}, {1, 2}, {}};
    for (const uint64_t number : {1, 2}) {
      const auto& list = open_ones[kind];
      EXPECT_EQ(shard().dead_letters()->contains_open(number),
                std::find(list.begin(), list.end(), number) != list.end()) << kind;
    }
    // The next letter's number was never given before.
    send(70, 70);
    while (consumer().counters().through < 60) end(10);
    end(1, {}, {61});
    EXPECT_TRUE(shard().dead_letters()->contains_open(3)) << kind;
    close();
    restore_copy();
  }
}

TEST_P(RepairTest, OneWrongByteOfTheManifestOrABoxIsChangedBack) {
  if (GetParam() != Durability::disk) GTEST_SKIP() << "the same at every level";
  open();
  const std::string shapes = R"([["id","amount"]])";
  ASSERT_TRUE(stream_->put_file("structures", {reinterpret_cast<const uint8_t*>(shapes.data()),
                                               shapes.size()}).is_ok());
  close();
  for (const std::string name : {"stream", "structures", "sources", "offsets", "shards"}) {
    const auto good = bytes_of(path(name));
    for (uint64_t offset = 0; offset < good.size(); ++offset) {
      flip(name, offset, static_cast<uint8_t>(1 + offset * 37 % 255));
      ASSERT_FALSE(try_open().is_ok()) << name << offset;
      must_repair();
      ASSERT_EQ(bytes_of(path(name)), good) << name << " at " << offset;
    }
  }
}

TEST_P(RepairTest, AManifestThatIsGoneIsRefusedSinceItsSecretsAre) {
  live({});
  for (const int kind : {0, 1}) {
    if (kind == 0) zero("stream", 40, 72);
    if (kind == 1) fs::remove(path("stream"));
    EXPECT_EQ(try_open().code(), Code::damaged);
    EXPECT_EQ(damage().size(), 1u);
    auto plan = plan_repair_locked(Storage::real(), directory_);
    ASSERT_TRUE(plan.is_ok());
    ASSERT_EQ(plan.value().refusals.size(), 1u);
    EXPECT_NE(plan.value().refusals[0].find("holds secrets"), std::string::npos);
  }
}

TEST_P(RepairTest, BoxesThatAreGoneNeverComeToMeanSomethingElse) {
  live({});
  fs::remove(path("structures"));
  fs::remove(path("sources"));
  EXPECT_EQ(try_open().code(), Code::damaged);
  EXPECT_EQ(damage().size(), 2u);
  EXPECT_EQ(stake().lost, ranges({{5, 5}, {25, 25}, {41, 60}}));
  must_repair(false);
  open();
  const auto text = [&](const char* name) {
    const auto bytes = stream_->get_file(name);
    return std::string(bytes.begin(), bytes.end());
  };
  EXPECT_EQ(text("structures").substr(0, 9), "[[],[],[]");
  EXPECT_EQ(text("sources"), R"(["lost by repair 0","lost by repair 1","lost by repair 2","lost by repair 3"])");
  close();
}

TEST_P(RepairTest, FilesOfAnotherShardOrStreamAreRefusedWithTheRemedy) {
  options_.shards = 2;
  open();
  send(1, 20);
  close();
  for (const std::string& name :
       {std::string("journal"), std::string("dead-letters.log"), acklog::segment_name(1)}) {
    keep_copy();
    fs::copy_file(path("shard-1/" + name), path("shard-0/" + name),
                  fs::copy_options::overwrite_existing);
    const bool unread = name == "dead-letters.log";  // nothing was committed to it: made anew
    EXPECT_EQ(try_open().is_ok(), unread) << name;
    if (unread) close();
    auto plan = plan_repair_locked(Storage::real(), directory_);
    ASSERT_TRUE(plan.is_ok());
    EXPECT_EQ(plan.value().refusals.size(), unread ? 0u : 1u) << name;
    restore_copy();
  }
}

TEST_P(RepairTest, AnUnfinishedRepairKeepsTheStreamClosedAndIsFinishedByTheNext) {
  live({});
  flip(kJournal, at_frame(45) + 41);
  keep_copy();
  must_repair();
  const auto repaired = bytes_of(path(kJournal));
  restore_copy();
  // As a crash between the intent and its end leaves it.
  must_repair();
  fs::rename(path(kJournal), path(kJournal + ".repaired"));
  fs::copy_file(copy() + "/" + kJournal, path(kJournal));
  const std::string intent = "replace " + kJournal + "\n";
  {
    std::vector<uint8_t> bytes(intent.begin(), intent.end());
    ASSERT_TRUE(write_box(Storage::real(), directory_, "repair", 0, bytes).is_ok());
  }
  EXPECT_EQ(try_open().code(), Code::damaged);
  ASSERT_TRUE(repair_locked(Storage::real(), directory_).is_ok());
  EXPECT_EQ(bytes_of(path(kJournal)), repaired);
  EXPECT_TRUE(damage().empty());
  open();
  EXPECT_EQ(deliver_all().lost, (std::vector<uint64_t>{45}));
  close();
}

TEST_P(RepairTest, MayDieAtAnyMomentAndBeRunAgain) {
  live({});
  flip(kJournal, at_frame(45) + 41);
  flip(kLog, 20);
  flip(kLetters, 4096 + 60);
  flip("shards", 17);
  keep_copy();
  bool ended = false;
  int died = 0;
  for (uint64_t changes = 0; !ended; ++changes) {
    DyingStorage dies(changes);
    ended = repair(dies, directory_).is_ok();
    died += ended ? 0 : 1;
    ASSERT_LT(died, 1000);
    // Until it is done, the stream stays closed.
    if (verify().damaged()) {
      ASSERT_FALSE(try_open().is_ok()) << changes;
    }
    ASSERT_TRUE(repair(Storage::real(), directory_).is_ok()) << changes;
    ASSERT_EQ(damage(), std::vector<std::string>()) << changes;
    open();
    const Delivered delivered = deliver_all();
    ASSERT_EQ(delivered.lost, (std::vector<uint64_t>{45})) << changes;
    ASSERT_EQ(delivered.ids.size(), 19u) << changes;
    expect_conserved();
    close();
    restore_copy();
  }
  EXPECT_GT(died, 30);
}

INSTANTIATE_TEST_SUITE_P(Levels, RepairTest,
                         ::testing::Values(Durability::process, Durability::interval,
                                           Durability::disk),
                         level_name);

}  // namespace
}  // namespace semel::test
