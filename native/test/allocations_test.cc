// No message allocates on its way: calls of operator new are counted while messages go from intake
// to commit. The core allocates by it alone, but for regions and chunks of the index, which are
// mapped.
//
// Under a sanitizer it is left out: there, replacing operator new for the whole program would take
// the checks of new against delete from all other tests.
#include <gtest/gtest.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include "shard/stream.h"

namespace {

// Of all threads: the sync thread works for the messages as well.
std::atomic<uint64_t> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t units = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment;
  void* const memory = std::aligned_alloc(alignment, units * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The forms for arrays and without exceptions call these. Inlined, they would look to the compiler
// like memory of `new` that is given to free().
#define SEMEL_APART [[gnu::noinline]]
SEMEL_APART void* operator new(std::size_t bytes) {
  return counted(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
SEMEL_APART void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
SEMEL_APART void operator delete(void* at) noexcept { std::free(at); }
SEMEL_APART void operator delete(void* at, std::size_t) noexcept { std::free(at); }
SEMEL_APART void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
SEMEL_APART void operator delete(void* at, std::size_t, std::align_val_t) noexcept {
  std::free(at);
}
#undef SEMEL_APART

namespace semel {
namespace {

constexpr uint32_t kBatch = 512;
// Of simulated time, for each message: 100,000 of them in the window of a second.
constexpr uint64_t kUsPerMessage = 10;
constexpr uint64_t kWindowUs = 1'000'000;
// Ten windows: every slice of the index has been used, and forgotten, before anything is counted.
constexpr uint64_t kWarmup = 10 * kWindowUs / kUsPerMessage;
constexpr uint64_t kCounted = 1'000'000;
// What is made once for many messages: a segment of the ack log, with its name and its file.
constexpr uint64_t kMessagesPerAllocation = 10'000;

struct Way {
  const char* name;
  Delivery delivery;
  Durability durability;
  bool dedup;
};

class AllocationsTest : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    const auto& [name, delivery, durability, dedup] = GetParam();
    directory_ = std::filesystem::temp_directory_path() /
                 ("semel-allocations-" + std::to_string(::getpid()) + "-" + name);
    StreamOptions options;
    options.name = "test";
    options.delivery = delivery;
    options.durability = durability;
    options.directory = durability == Durability::memory ? "" : directory_;
    options.ring_bytes = 1 << 20;
    options.segment_bytes = 4 << 20;
    options.dedup = dedup;
    options.window_us = dedup ? kWindowUs : 0;
    auto opened = Stream::open(Storage::real(), options);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    stream_ = std::move(opened.value());
    now_us_ = stream_->clock().now_us();
  }
  ~AllocationsTest() override {
    stream_.reset();
    std::filesystem::remove_all(directory_);
  }

  // All the way, batch by batch; every message has an id that has not been before.
  void bring(uint64_t messages) {
    const uint64_t end = sent_ + messages;
    while (sent_ < end && !HasFatalFailure()) {
      now_us_ += kBatch * kUsPerMessage;
      send_batch();
      receive_batch();
    }
  }
  Status close() { return stream_->close(); }
  uint64_t sent() const { return sent_; }
  uint64_t processed() { return stream_->shard(0).consumer().counters().outcomes.processed; }

 private:
  void send_batch() {
    Shard& shard = stream_->shard(0);
    shard.intake().begin(now_us_);
    for (uint32_t i = 0; i < kBatch; ++i) {
      payload_[0] = ++sent_;
      if (shard.compact()) {
        ASSERT_TRUE(shard.intake().append_compact(FrameType::message, payload_, sizeof payload_));
        continue;
      }
      FrameHeader header;
      header.id = integer_id(sent_);
      header.id_kind = GetParam().dedup ? IdKind::integer : IdKind::none;
      // At a level that syncs, the sync thread releases the ring.
      while (!shard.intake().append_full(header, payload_, sizeof payload_)) {
        stream_->wake_syncer();
        std::this_thread::yield();
      }
    }
    stream_->publish(0);
  }
  void receive_batch() {
    Consumer& consumer = stream_->shard(0).consumer();
    for (uint32_t received = 0; received < kBatch;) {
      const auto polled = consumer.poll(kBatch, now_us_);
      ASSERT_TRUE(polled.is_ok()) << polled.status().message();
      ASSERT_EQ(polled.value().stall, Stall::none);
      for (uint32_t i = 0; i < polled.value().count; ++i) {
        const uint64_t sequence = consumer.first_in_flight() + i;
        consumer.slots()[sequence % consumer.capacity()].outcome =
            static_cast<int32_t>(Outcome::processed);
      }
      received += polled.value().count;
      commit();
    }
  }
  void commit() {
    Consumer& consumer = stream_->shard(0).consumer();
    for (;;) {
      const auto committed = consumer.commit(consumer.in_flight(), -1, {});
      ASSERT_TRUE(committed.is_ok()) << committed.status().message();
      stream_->wake_syncer();
      if (committed.value() == Committed::done) return;
      // The next segment is being made.
      std::this_thread::yield();
    }
  }

  std::string directory_;
  std::unique_ptr<Stream> stream_;
  uint64_t now_us_ = 0;
  uint64_t sent_ = 0;
  uint64_t payload_[8] = {};
};

TEST_P(AllocationsTest, NoMessageAllocatesOnItsWay) {
  bring(kWarmup);
  const uint64_t before = allocations.load();
  bring(kCounted);
  const uint64_t counted = allocations.load() - before;
  RecordProperty("allocations", static_cast<int>(counted));
  EXPECT_GT(before, 0u) << "nothing is counted";
  EXPECT_LE(counted, kCounted / kMessagesPerAllocation);
  EXPECT_EQ(processed(), sent());
  const Status closed = close();
  EXPECT_TRUE(closed.is_ok()) << closed.message();
}

INSTANTIATE_TEST_SUITE_P(
    Ways, AllocationsTest,
    ::testing::Values(
        Way{"memory", Delivery::at_most_once, Durability::memory, false},
        Way{"memory_ids", Delivery::at_most_once, Durability::memory, true},
        Way{"at_least_once_process", Delivery::at_least_once, Durability::process, false},
        Way{"exactly_once_process", Delivery::exactly_once, Durability::process, true},
        Way{"exactly_once_disk", Delivery::exactly_once, Durability::disk, true}),
    [](const auto& way) { return way.param.name; });

}  // namespace
}  // namespace semel

#endif
