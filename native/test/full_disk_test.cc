// A stream whose directory lies on a full disk opens where nothing new must be stored, and is refused
// with Code::no_space otherwise; either way nothing is lost, and nothing is done again.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "watched_storage.h"
#include "shard/stream.h"

namespace semel {
namespace {

namespace fs = std::filesystem;

enum class Left { clean, killed, torn, without_next_segment };

class FullDisk : public ::testing::TestWithParam<std::tuple<Durability, Left>> {
 protected:
  static constexpr uint64_t kProcessed = 20;
  static constexpr uint64_t kParked = 3;
  static constexpr uint64_t kDead = 5;
  static constexpr uint64_t kWaiting = 12;

  FullDisk() : root_(fs::temp_directory_path() / ("semel-full-" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directory(root_);
    options_.name = "full";
    options_.delivery = Delivery::exactly_once;
    options_.durability = std::get<0>(GetParam());
    options_.ring_bytes = 1 << 16;
    options_.segment_bytes = 1 << 20;
    options_.dedup = true;
    options_.window_us = 3600ull * 1'000'000;
  }
  ~FullDisk() override { fs::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ / name; }

  Result<std::unique_ptr<Stream>> open(Storage& storage, const std::string& name) {
    options_.directory = path(name);
    return Stream::open(storage, options_);
  }

  // One message processed after the other, some parked and some dead, and others that wait.
  void fill(const std::string& name, bool with_letters) {
    auto opened = open(Storage::real(), name);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    Stream& stream = *opened.value();
    Consumer& consumer = stream.shard(0).consumer();
    for (uint64_t id = 1; id <= kProcessed + kParked + kDead + kWaiting; ++id) send(stream, id);
    await_durable(stream);
    ASSERT_EQ(consumer.poll(kProcessed + kParked + kDead, 0).value().count,
              kProcessed + kParked + kDead);
    std::vector<Detail> details;
    for (uint64_t n = kProcessed + 1; n <= kProcessed + kParked + kDead; ++n) {
      const bool parks = n <= kProcessed + kParked || !with_letters;
      const Outcome outcome = parks ? Outcome::parked : Outcome::dead_lettered;
      consumer.slots()[n % consumer.capacity()].outcome = static_cast<int32_t>(outcome);
      details.push_back({n, parks ? Detail::Action::park : Detail::Action::dead_letter, 1, 5,
                         Outcome::processed, {}});
    }
    ASSERT_EQ(consumer.commit(kProcessed + kParked + kDead, 7, details).value(), Committed::done);
    if (std::get<1>(GetParam()) == Left::clean) {
      ASSERT_TRUE(stream.close().is_ok());
      return;
    }
    while (options_.durability == Durability::disk && stream.shard(0).has_unsynced()) {
      stream.wake_syncer();
      std::this_thread::yield();
    }
    stream.abandon();
  }
  static void send(Stream& stream, uint64_t id) {
    FrameHeader header;
    header.id = integer_id(id);
    header.id_kind = IdKind::integer;
    Intake& intake = stream.shard(0).intake();
    intake.begin(stream.clock().now_us());
    ASSERT_TRUE(intake.append_full(header, &id, sizeof id));
    stream.publish(0);
  }
  static void await_durable(Stream& stream) {
    while (stream.shard(0).durable_sequence() < stream.shard(0).intake().sequence()) {
      std::this_thread::yield();
    }
  }
  // What a crash may leave besides: bytes behind the last block and the last frame, no next segment.
  void spoil(const std::string& name) {
    const Left left = std::get<1>(GetParam());
    const std::string shard = path(name) + "/shard-0/";
    if (left == Left::torn) {
      std::fstream log(shard + "ack-0000000000000001.log", std::ios::in | std::ios::out | std::ios::binary);
      ASSERT_TRUE(log.is_open());
      log.seekp((1 << 20) - 5000);
      log << std::string(3000, 't');
      std::fstream ring(shard + "journal", std::ios::in | std::ios::out | std::ios::binary);
      ASSERT_TRUE(ring.is_open());
      ring.seekp(-3000, std::ios::end);
      ring << std::string(2000, 't');
    }
    if (left == Left::without_next_segment) {
      for (const auto& file : fs::directory_iterator(shard)) {
        const std::string base = file.path().filename();
        if (base.starts_with("ack-") && base != "ack-0000000000000001.log") fs::remove(file.path());
      }
    }
  }
  void expect_all(Stream& stream, bool with_letters) {
    Shard& shard = stream.shard(0);
    const ShardStatus status = shard.status();
    EXPECT_EQ(status.consumer.outcomes.processed, kProcessed);
    EXPECT_EQ(status.consumer.parked, with_letters ? kParked : kParked + kDead);
    EXPECT_EQ(status.stored, kProcessed + kParked + kDead + kWaiting);
    EXPECT_EQ(shard.dead_letters()->open_count(), with_letters ? kDead : 0);
    EXPECT_EQ(shard.recovery().redelivered, kWaiting);
    EXPECT_EQ(shard.consumer().sink_places(), 7);
    EXPECT_EQ(status.consumer.ids, with_letters ? kProcessed + kDead : kProcessed);
    auto polled = shard.consumer().poll(64, stream.clock().now_us());
    ASSERT_TRUE(polled.is_ok());
    EXPECT_EQ(polled.value().count, kWaiting);
  }

  const fs::path root_;
  StreamOptions options_;
};

TEST_P(FullDisk, OpensOrIsRefusedAndLosesNothingWhereverTheSpaceEnds) {
  for (const bool with_letters : {false, true}) {
    fs::remove_all(path("made"));
    fill("made", with_letters);
    if (HasFatalFailure()) return;
    spoil("made");
    uint64_t grown_max = 1;
    for (uint64_t growths = 0; growths <= grown_max; ++growths) {
      fs::remove_all(path("tried"));
      fs::copy(path("made"), path("tried"), fs::copy_options::recursive);
      test::FillingStorage disk(growths);
      {
        auto opened = open(disk, "tried");
        // Nothing that recovery needs takes any space, so that it is never refused.
        ASSERT_TRUE(opened.is_ok()) << growths << ": " << opened.status().message();
        expect_all(*opened.value(), with_letters);
        EXPECT_TRUE(opened.value()->health().is_ok()) << opened.value()->health().message();
        opened.value()->abandon();
      }
      grown_max = std::max(grown_max, disk.grown());
      for (const auto& file : fs::recursive_directory_iterator(path("tried"))) {
        // With some space the sync thread may have been stopped amid the next segment.
        if (growths > 0) break;
        EXPECT_FALSE(file.path().string().ends_with(".new")) << file.path();
      }
      auto again = open(Storage::real(), "tried");
      ASSERT_TRUE(again.is_ok()) << growths << ": " << again.status().message();
      expect_all(*again.value(), with_letters);
      again.value()->abandon();
    }
  }
}

TEST_P(FullDisk, RefusesANewDirectoryUntilItFitsAndThenMakesIt) {
  if (std::get<1>(GetParam()) != Left::clean) GTEST_SKIP() << "there is nothing left yet";
  uint64_t refused = 0;
  for (uint64_t growths = 0;; ++growths) {
    ASSERT_LT(growths, 100u);
    fs::remove_all(path("new"));
    test::FillingStorage disk(growths);
    auto opened = open(disk, "new");
    if (opened.is_ok()) break;
    EXPECT_EQ(opened.status().code(), Code::no_space) << opened.status().message();
    ++refused;
    // What is there does no harm to the next attempt.
    auto again = open(Storage::real(), "new");
    ASSERT_TRUE(again.is_ok()) << growths << ": " << again.status().message();
    again.value()->abandon();
  }
  EXPECT_GT(refused, 8u);
}

TEST_P(FullDisk, TakesMessagesUntilTheSegmentIsFullAndGoesOnWithSpaceAgain) {
  if (std::get<1>(GetParam()) != Left::without_next_segment) GTEST_SKIP() << "there is a next one";
  fill("made", true);
  if (HasFatalFailure()) return;
  spoil("made");
  test::FillingStorage disk(0);
  uint64_t id = 1000;
  const auto process = [&](Stream& stream) {
    Consumer& consumer = stream.shard(0).consumer();
    while (consumer.poll(64, stream.clock().now_us()).value().count > 0) {
      ASSERT_EQ(consumer.commit(consumer.in_flight(), -1, {}).value(), Committed::done);
    }
    send(stream, ++id);
    stream.wake_syncer();
  };
  {
    auto opened = open(disk, "made");
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    for (int n = 0; n < 100; ++n) process(*opened.value());
    EXPECT_TRUE(opened.value()->health().is_ok());
    // With space again it makes the segment, without being opened anew.
    disk.free();
    for (int tries = 0; tries < 500 && !fs::exists(path("made") + "/shard-0/ack-0000000000000002.log"); ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(fs::exists(path("made") + "/shard-0/ack-0000000000000002.log"));
    opened.value()->abandon();
  }
}

std::string name_of(const ::testing::TestParamInfo<FullDisk::ParamType>& info) {
  static constexpr const char* kNames[] = {"Clean", "Killed", "Torn", "WithoutNextSegment"};
  return std::string(std::get<0>(info.param) == Durability::disk ? "Disk" : "Process") +
         kNames[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(
    Left, FullDisk,
    ::testing::Combine(::testing::Values(Durability::process, Durability::disk),
                       ::testing::Values(Left::clean, Left::killed, Left::torn,
                                         Left::without_next_segment)),
    name_of);

TEST(Modes, OfAllThatIsMadeAreItsOwnersAloneWhateverTheUmask) {
  const fs::path root = fs::temp_directory_path() / ("semel-modes-" + std::to_string(::getpid()));
  for (const mode_t mask : {0, 022, 077, 0277}) {
    fs::remove_all(root);
    const mode_t before = ::umask(mask);
    StreamOptions options;
    options.name = "modes";
    options.directory = root / "deep" / "data";
    options.delivery = Delivery::at_least_once;
    options.durability = Durability::process;
    options.ring_bytes = 1 << 16;
    options.segment_bytes = 1 << 20;
    auto opened = Stream::open(Storage::real(), options);
    ::umask(before);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    opened.value()->abandon();
    std::set<std::string> seen;
    for (const auto& one : fs::recursive_directory_iterator(root)) {
      const auto mode = static_cast<unsigned>(fs::status(one).permissions());
      EXPECT_EQ(mode, one.is_directory() ? kDirectoryMode : kFileMode) << one.path();
      seen.insert(one.path().filename());
    }
    for (const char* name : {"data", "stream", "lock", "shard-0", "journal", "ack-0000000000000001.log",
                             "dead-letters.log", "structures"}) {
      EXPECT_TRUE(seen.contains(name)) << name;
    }
  }
  fs::remove_all(root);
}

}  // namespace
}  // namespace semel
