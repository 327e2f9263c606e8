// Which blocks count, of logs that are written down by hand.
#include "acklog/state_fold.h"

#include <gtest/gtest.h>

#include <vector>

namespace semel::acklog {
namespace {

constexpr CommitNumber kRoot{};

class StateFoldTest : public ::testing::Test {
 protected:
  // A block through `through`, as commit `n` of `epoch` (0: without outputs) on `parent`.
  void block(uint64_t through, CommitNumber own, CommitNumber parent, CommitNumber confirmed,
             uint8_t flags = 0) {
    AckBlock block;
    block.header.through = through;
    block.commit = CommitStamp{.epoch = own.epoch, .n = own.n, .parent = parent, .confirmed = confirmed};
    block.header.sink_places.set(1, static_cast<int64_t>(through * 10));
    const uint64_t bytes = block_bytes(block, 0);
    bytes_.emplace_back(bytes);
    put(bytes_.back().data(), block, 0, bytes, {.number = bytes_.size(), .flags = flags, .seed = 1});
    BlockView view;
    ASSERT_EQ(check(bytes_.back(), 1, &view), BlockCheck::valid);
    const Status taken = fold_.take(view);
    ASSERT_TRUE(taken.is_ok()) << taken.message();
  }
  uint64_t through() const { return fold_.header().through; }
  int64_t place(uint32_t sink) const { return fold_.header().sink_places.of(sink); }
  Code ask(uint64_t epoch, CommitNumber last) { return fold_.ask({epoch, last}).code(); }

  IdVisitor visitor_;
  StateFold fold_{visitor_};
  std::vector<std::vector<uint8_t>> bytes_;
};

TEST_F(StateFoldTest, holds_back_what_nobody_has_confirmed) {
  block(1, {1, 1}, kRoot, kRoot);
  block(2, {1, 2}, {1, 1}, kRoot);
  EXPECT_EQ(through(), 0u);
  block(3, {1, 3}, {1, 2}, {1, 1});
  EXPECT_EQ(through(), 1u);
  EXPECT_EQ(ask(2, {1, 2}), Code::ok);
  EXPECT_EQ(through(), 2u);
}

TEST_F(StateFoldTest, follows_parents_and_not_the_order_of_the_log) {
  block(1, {1, 1}, kRoot, kRoot);
  block(3, {1, 2}, {1, 1}, kRoot);
  block(2, {1, 3}, {1, 1}, kRoot);  // in the stead of the second
  block(4, {1, 4}, {1, 3}, kRoot);
  EXPECT_EQ(ask(2, {1, 3}), Code::ok);
  EXPECT_EQ(through(), 2u);
}

TEST_F(StateFoldTest, leaves_the_other_sinks_where_what_counts_has_left_them) {
  block(1, {1, 1}, kRoot, kRoot);
  block(4, {1, 2}, {1, 1}, kRoot);
  EXPECT_EQ(place(1), -1);
  block(2, {1, 3}, {1, 1}, {1, 1});
  EXPECT_EQ(place(1), 10);
  EXPECT_EQ(ask(2, {1, 3}), Code::ok);
  EXPECT_EQ(place(1), 20);
  EXPECT_EQ(place(0), -1);
}

TEST_F(StateFoldTest, finds_the_state_of_an_older_commit_with_what_rests_on_it) {
  fold_.look_for({1, 2});
  block(1, {1, 1}, kRoot, kRoot);
  block(2, {1, 2}, {1, 1}, {1, 1});
  block(3, {1, 0}, {1, 2}, {1, 2});
  EXPECT_FALSE(fold_.sought().has_value());  // it has that one still
  block(4, {1, 3}, {1, 2}, {1, 2});
  block(5, {1, 4}, {1, 3}, {1, 3});
  ASSERT_TRUE(fold_.sought().has_value());
  EXPECT_EQ(fold_.sought()->header.through, 3u);
}

TEST_F(StateFoldTest, finds_it_amid_commits_that_were_confirmed_together) {
  fold_.look_for({1, 2});
  for (uint64_t n = 1; n <= 4; ++n) {
    block(n, {1, n}, n == 1 ? kRoot : CommitNumber{1, n - 1}, kRoot);
  }
  block(5, {1, 5}, {1, 4}, {1, 4});
  ASSERT_TRUE(fold_.sought().has_value());
  EXPECT_EQ(fold_.sought()->header.through, 2u);
}

TEST_F(StateFoldTest, finds_no_state_from_before_the_log_begins) {
  fold_.look_for({1, 2});
  block(7, {1, 0}, {1, 6}, {1, 6}, kSnapshot);
  block(8, {1, 7}, {1, 6}, {1, 6});
  block(9, {1, 8}, {1, 7}, {1, 7});
  EXPECT_FALSE(fold_.sought().has_value());
}

TEST_F(StateFoldTest, finds_the_beginning_where_nothing_was_committed_yet) {
  fold_.look_for(kRoot);
  block(1, {1, 0}, kRoot, kRoot);
  block(2, {1, 1}, kRoot, kRoot);
  block(3, {1, 2}, {1, 1}, {1, 1});
  ASSERT_TRUE(fold_.sought().has_value());
  EXPECT_EQ(fold_.sought()->header.through, 1u);
}

TEST_F(StateFoldTest, lets_a_block_without_outputs_count_with_its_parent) {
  block(1, {1, 0}, kRoot, kRoot);
  EXPECT_EQ(through(), 1u);
  block(2, {1, 1}, kRoot, kRoot);
  block(3, {1, 0}, {1, 1}, kRoot);
  block(4, {1, 2}, {1, 1}, kRoot);
  block(5, {1, 0}, {1, 2}, kRoot);
  EXPECT_EQ(through(), 1u);
  EXPECT_EQ(ask(2, {1, 1}), Code::ok);
  EXPECT_EQ(through(), 3u);
}

TEST_F(StateFoldTest, is_over_with_what_an_asking_did_not_confirm) {
  block(1, {1, 1}, kRoot, kRoot);
  block(2, {1, 2}, {1, 1}, kRoot);
  block(1, {2, 0}, {1, 1}, {1, 1});
  EXPECT_EQ(through(), 1u);
  EXPECT_EQ(ask(3, {1, 2}), Code::sink_ahead);
}

TEST_F(StateFoldTest, tells_what_does_not_fit) {
  block(1, {3, 7}, kRoot, kRoot);
  block(2, {3, 8}, {3, 7}, {3, 7});
  EXPECT_EQ(ask(4, {3, 9}), Code::sink_ahead);
  EXPECT_EQ(ask(5, {4, 1}), Code::sink_ahead);
  EXPECT_EQ(ask(4, {3, 6}), Code::sink_behind);
  EXPECT_EQ(ask(4, {2, 9}), Code::sink_behind);
  EXPECT_EQ(ask(4, kRoot), Code::sink_behind);
  EXPECT_EQ(ask(3, {3, 8}), Code::sink_behind);
  EXPECT_EQ(ask(4, {3, 8}), Code::ok);
}

TEST_F(StateFoldTest, adopts_an_empty_sink_only_where_none_has_been) {
  EXPECT_EQ(ask(1, {1, 1}), Code::sink_ahead);
  EXPECT_EQ(ask(1, kRoot), Code::ok);
  block(1, {1, 1}, kRoot, kRoot);
  EXPECT_EQ(ask(2, kRoot), Code::ok);
  EXPECT_EQ(through(), 0u);
  EXPECT_EQ(ask(2, kRoot), Code::sink_behind);
}

TEST_F(StateFoldTest, begins_with_a_snapshot) {
  block(90, {8, 0}, {7, 70}, {7, 70}, kSnapshot);
  EXPECT_EQ(through(), 90u);
  block(91, {8, 71}, {7, 70}, {7, 70});
  EXPECT_EQ(ask(9, {8, 71}), Code::ok);
  EXPECT_EQ(through(), 91u);
}

TEST_F(StateFoldTest, refuses_a_seal_of_another_version) {
  AckBlock seal;
  std::vector<uint8_t> bytes(block_bytes(seal, 0));
  for (const bool known : {true, false}) {
    const auto flags = static_cast<uint8_t>(known ? kSealed : kSealed | 64);
    put(bytes.data(), seal, 0, bytes.size(), {.number = 1, .flags = flags, .seed = 1});
    BlockView view;
    ASSERT_EQ(check(bytes, 1, &view), BlockCheck::valid);
    EXPECT_EQ(fold_.take(view).code(), known ? Code::ok : Code::format);
  }
}

TEST_F(StateFoldTest, refuses_a_chain_with_a_hole) {
  block(1, {1, 1}, kRoot, kRoot);
  AckBlock broken;
  broken.commit = CommitStamp{.epoch = 1, .n = 9, .parent = {1, 8}, .confirmed = {1, 8}};
  std::vector<uint8_t> bytes(block_bytes(broken, 0));
  put(bytes.data(), broken, 0, bytes.size(), {.number = 2, .seed = 1});
  BlockView view;
  ASSERT_EQ(check(bytes, 1, &view), BlockCheck::valid);
  EXPECT_EQ(fold_.take(view).code(), Code::damaged);
}

}  // namespace
}  // namespace semel::acklog
