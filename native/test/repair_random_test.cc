// Damage at random, anywhere: verify and open agree, repair ends in a directory that opens or in a
// sentence, and nothing is delivered that was not sent, nor twice without being announced.
#include <random>

#include "repair_fixture.h"

namespace semel::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 40;
#else
constexpr int kRounds = 150;
#endif

class RandomDamage : public RepairFixture {
 protected:
  // Bytes of zeros are mostly unused: half of the damage goes where something is.
  uint64_t offset_in(const std::vector<uint8_t>& bytes) {
    for (int tries = 0; tries < 200; ++tries) {
      const uint64_t at = random_() % bytes.size();
      if (bytes[at] != 0) return at;
    }
    return random_() % bytes.size();
  }
  std::string damage_something() {
    std::vector<std::string> names = files();
    std::erase(names, "lock");
    const std::string name = names[random_() % names.size()];
    const auto bytes = bytes_of(path(name));
    switch (random_() % 5) {
      case 0:
        fs::remove(path(name));
        return "remove " + name;
      case 1: {
        const uint64_t length = random_() % (bytes.size() + 1);
        fs::resize_file(path(name), length);
        return "cut " + name + " to " + std::to_string(length);
      }
      case 2: {
        const uint64_t from = round_down(bytes.empty() ? 0 : offset_in(bytes), 512);
        zero(name, from, std::min<uint64_t>(from + 512, bytes.size()));
        return "zero a sector of " + name + " at " + std::to_string(from);
      }
      default: {
        if (bytes.empty()) return "nothing";
        const uint64_t at = random_() % 4 == 0 ? random_() % bytes.size() : offset_in(bytes);
        flip(name, at, static_cast<uint8_t>(1 + random_() % 255));
        return "flip " + name + " at " + std::to_string(at);
      }
    }
  }

  std::mt19937_64 random_;
};

bool contains(const Ranges& all, uint64_t value) {
  for (const Range& one : all.all()) {
    if (one.first <= value && value <= one.last) return true;
  }
  return false;
}

TEST_P(RandomDamage, IsFoundExactlyWhereOpeningRefusesAndRepairedOrRefused) {
  random_.seed(static_cast<uint64_t>(GetParam()) * 7919);
  live({});
  keep_copy();
  int repaired_count = 0;
  int refused_count = 0;
  for (int round = 0; round < kRounds; ++round) {
    restore_copy();
    std::string what;
    const uint64_t times = 1 + random_() % 3 / 2;
    for (uint64_t count = times; count > 0; --count) what += damage_something() + "; ";
    SCOPED_TRACE(what);
    auto found = verify_directory(Storage::real(), directory_);
    if (!found.is_ok()) continue;  // no stream is left
    Stake cost;
    if (!found.value().shards.empty()) cost = found.value().shards[0].stake;
    auto plan = plan_repair(Storage::real(), directory_);
    ASSERT_TRUE(plan.is_ok()) << plan.status().message();

    const bool damaged = found.value().damaged();
    // What nothing claims can't be told from a torn tail, alone or beside damage elsewhere.
    const bool exact = damaged && times == 1;
    if (damaged) {
      const Status opened = try_open();
      ASSERT_FALSE(opened.is_ok()) << "verify found: " << text_of(found.value().findings[0]);
      auto repaired = repair_locked(Storage::real(), directory_);
      ASSERT_TRUE(repaired.is_ok()) << repaired.status().message();
      if (!repaired.value().plan.refusals.empty()) {
        ++refused_count;
        continue;
      }
      ++repaired_count;
      ASSERT_EQ(damage(), std::vector<std::string>());
    }
    const Status opened = try_open();
    ASSERT_TRUE(opened.is_ok()) << opened.message();
    const Delivered delivered = deliver_all();
    expect_conserved();
    for (const uint64_t sequence : delivered.lost) EXPECT_TRUE(contains(cost.lost, sequence)) << sequence;
    std::set<uint64_t> ids;
    for (const uint64_t id : delivered.ids) {  // ids are sequences here
      EXPECT_TRUE(id >= 1 && id <= 60) << id;
      EXPECT_TRUE(ids.insert(id).second) << id;
      EXPECT_TRUE(id > 40 || !exact || contains(cost.again, id)) << id << " was done";
    }
    if (!cost.unknown_behind.has_value() && exact) {
      for (uint64_t id = 41; id <= 60; ++id) {
        EXPECT_TRUE(ids.contains(id) || contains(cost.lost, id)) << id;
      }
    }
    close();
    ASSERT_EQ(damage(), std::vector<std::string>());
    if (HasFailure()) break;
  }
  EXPECT_GT(repaired_count, kRounds / 5);
  EXPECT_GT(refused_count, 0);
}

INSTANTIATE_TEST_SUITE_P(Levels, RandomDamage,
                         ::testing::Values(Durability::process, Durability::disk), level_name);

}  // namespace
}  // namespace semel::test
