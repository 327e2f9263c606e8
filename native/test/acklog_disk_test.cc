// The worker and the sync thread at once, and a disk that is full.
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "acklog_fixture.h"

namespace semel {
namespace {

using test::MemoryStorage;
using test::Owner;
using test::TemporaryDirectory;
using Appended = AckLog::Appended;

class AckLogThreads : public testing::TestWithParam<Writer> {};
INSTANTIATE_TEST_SUITE_P(Writers, AckLogThreads, testing::Values(Writer::mapped, Writer::direct),
                         [](const auto& writer) {
                           return writer.param == Writer::mapped ? "mapped" : "direct";
                         });

TEST_P(AckLogThreads, one_appends_while_the_other_makes_durable) {
  TemporaryDirectory directory;
  AckLog::Options options;
  options.storage = &Storage::real();
  options.directory = directory.path();
  options.writer = GetParam();
  options.synced = true;
  options.segment_bytes = 64 * 1024;
  options.window_us = 200;
  Owner owner(options);
  ASSERT_TRUE(owner.open().is_ok());
  std::atomic<bool> done{false};
  Status failed;
  std::thread sync([&] {
    uint64_t before = 0;
    while (!done.load(std::memory_order_acquire)) {
      for (const Status& status : {owner.log().write(), owner.log().sync(),
                                   owner.log().maintain(owner.log().durable_through())}) {
        if (!status.is_ok()) failed = status;
      }
      const uint64_t through = owner.log().durable_through();
      if (through < before) failed = {Code::io, "durable_through fell"};
      if (through > owner.log().published_through()) failed = {Code::io, "durable runs ahead"};
      before = through;
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  uint64_t parked = 0;
  for (int block = 0; block < 3000 && std::chrono::steady_clock::now() < deadline;) {
    owner.time_us = owner.through() + 1;
    const bool park = block % 7 == 0 && parked == 0;
    const uint64_t resolve = block % 7 == 5 ? parked : 0;
    auto appended = owner.append(64, block % 2 == 0, park, resolve);
    ASSERT_TRUE(appended.is_ok()) << appended.status().message();
    if (appended.value() == Appended::full) {
      std::this_thread::yield();
      continue;
    }
    if (park) parked = owner.through();
    if (resolve != 0) parked = 0;
    ++block;
  }
  done.store(true, std::memory_order_release);
  sync.join();
  EXPECT_TRUE(failed.is_ok()) << failed.message();
  EXPECT_GT(owner.snapshots, 20);
  ASSERT_TRUE(owner.make_durable().is_ok());
  EXPECT_EQ(owner.log().durable_through(), 3000u * 64);
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_EQ(owner.recovered().header.through, 3000u * 64);
  EXPECT_EQ(owner.wrong_with(owner.recovered()), "");
}

TEST(AckLogFullDisk, is_an_error_of_maintenance_and_passes) {
  MemoryStorage disk;
  Owner owner(test::memory_options(disk, true));
  ASSERT_TRUE(owner.open().is_ok());
  disk.full = true;
  int stored = 0;
  while (owner.append(100).value() == Appended::stored) ++stored;
  EXPECT_GE(stored, 100);  // both segments that were there
  ASSERT_TRUE(owner.make_durable().is_ok());
  EXPECT_EQ(owner.maintain_all().code(), Code::no_space);
  EXPECT_EQ(owner.append(100).value(), Appended::full);
  EXPECT_FALSE(disk.files.contains(test::segment_path(3) + ".new"));
  // It still opens, and says so again.
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_EQ(owner.append(100).value(), Appended::full);
  EXPECT_EQ(owner.maintain_all().code(), Code::no_space);
  disk.full = false;
  ASSERT_TRUE(owner.maintain_all().is_ok());
  owner.must_append(100);
  // A directory that cannot have its first segment does not open.
  MemoryStorage none;
  none.full = true;
  Owner nobody(test::memory_options(none, true));
  EXPECT_EQ(nobody.open().code(), Code::no_space);
  none.full = false;
  EXPECT_TRUE(nobody.open().is_ok());
}

class TinyDisk : public testing::TestWithParam<Writer> {};
INSTANTIATE_TEST_SUITE_P(Writers, TinyDisk, testing::Values(Writer::mapped, Writer::direct),
                         [](const auto& writer) {
                           return writer.param == Writer::mapped ? "mapped" : "direct";
                         });

TEST_P(TinyDisk, ends_in_no_space_and_never_in_a_signal) {
#if !defined(__linux__)
  GTEST_SKIP() << "needs tmpfs";
#else
  TemporaryDirectory directory;
  if (::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=400k") != 0) {
    GTEST_SKIP() << "mounting a tmpfs needs root: " << std::strerror(errno);
  }
  {
    AckLog::Options options;
    options.storage = &Storage::real();
    options.directory = directory.path();
    options.writer = GetParam();
    options.synced = true;
    options.segment_bytes = 128 * 1024;
    options.window_us = 1'000'000'000;
    Owner owner(options);
    ASSERT_TRUE(owner.open().is_ok());
    Status maintained;
    uint64_t stored = 0;
    for (int block = 0; block < 2000; ++block) {
      auto appended = owner.append(100);
      ASSERT_TRUE(appended.is_ok());
      stored += appended.value() == Appended::stored;
      ASSERT_TRUE(owner.make_durable().is_ok());
      const Status status = owner.maintain_all();
      if (!status.is_ok()) maintained = status;
    }
    EXPECT_EQ(maintained.code(), Code::no_space);
    EXPECT_GT(stored, 350u);
    ASSERT_TRUE(owner.open().is_ok());
    EXPECT_EQ(owner.recovered().header.through, stored * 100);
    EXPECT_EQ(owner.ids().size(), stored * 100);
  }
  ::umount(directory.path().c_str());
#endif
}

}  // namespace
}  // namespace semel
