// Commits over a transactional sink, in drawn lives: processes that are killed, workers that die, answers
// that are lost, commits that are refused or discarded. After each life each message has had its effect
// once, and nothing counts that the sink does not have.
#include <cstdlib>
#include <random>

#include "prepared_commits_fixture.h"

namespace semel {
namespace {

class PreparedCommitsLivesTest : public test::PreparedCommitsFixture {};

TEST_P(PreparedCommitsLivesTest, HaveEachEffectOnce) {
  const char* runs = std::getenv("SEMEL_RUNS");
  const int lives = runs == nullptr ? 12 : std::atoi(runs);
  const char* from = std::getenv("SEMEL_SEED");
  const unsigned seed = from == nullptr ? 1 : static_cast<unsigned>(std::atoi(from));
  for (int life = 0; life < lives; ++life) {
    SCOPED_TRACE("seed " + std::to_string(seed + life));
    std::mt19937 random(seed + life);
    const auto draw = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
    std::filesystem::remove_all(directory_);
    sink_ = {};
    stored_.clear();
    open();
    uint64_t next = 1;
    for (int step = 0; step < 400; ++step) {
      switch (draw(10)) {
        case 0:
        case 1:
          for (uint32_t i = draw(8); i > 0; --i) send(next++);
          break;
        case 2:
          poll(1 + draw(16));
          break;
        case 3:
        case 4: {
          const uint32_t rest = consumer().in_flight() - consumer().prepared()->messages();
          if (rest == 0 || under_way_.size() >= 4) break;
          prepare(1 + draw(rest), [&] {
            const uint32_t what = draw(10);
            return what == 0 ? Outcome::parked : what == 1 ? Outcome::dead_lettered : Outcome::processed;
          });
          break;
        }
        case 5:
        case 6: send_next(); break;
        case 7: take_answers(); break;
        case 8:
          // An unknown outcome, or a refused one.
          if (draw(3) != 0) break;
          ASSERT_TRUE(ask(false).is_ok());
          under_way_.clear();
          break;
        case 9:
          switch (draw(12)) {
            case 0:
              crash();
              open();
              break;
            case 1: ASSERT_TRUE(take_over().is_ok()); break;
            case 2: if (under_way_.empty()) end_parked(); break;
            case 3: record(); break;
            default: break;
          }
          break;
      }
      if (HasFatalFailure()) return;
    }
    drain();
    finish();
    expect_once();
    const ConsumerCounters counters = consumer().counters();
    EXPECT_EQ(counters.outcomes.processed, sink_.effects.size());
    ASSERT_TRUE(stream_->close().is_ok());
    if (HasFailure()) return;
    open();
    EXPECT_FALSE(consumer().has_work());
    crash();
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, PreparedCommitsLivesTest,
                         ::testing::Values(Durability::process, Durability::disk));

}  // namespace
}  // namespace semel
