// What is written past the page cache while its owner goes on storing: no byte changes while a write of it
// is under way, and what was made durable is whole in the file.
#include <deque>
#include <random>

#include "acklog_fixture.h"
#include "ring/journal.h"
#include "shard/intake.h"
#include "watched_storage.h"

namespace semel {
namespace {

using test::Call;
using test::Change;
using test::Owner;
using test::TemporaryDirectory;
using test::WatchedStorage;

// Lets the owner store while each write is under way, and compares what the system was given before and
// after.
class BusyOwner {
 public:
  std::function<void()> stores;
  uint64_t writes = 0;
  uint64_t changed = 0;
  uint64_t largest = 0;

  WatchedStorage storage{[this](const Change& change) {
    if (change.call != Call::write || stores == nullptr) return Status::ok();
    const std::vector<uint8_t> before(change.from.begin(), change.from.end());
    stores();
    ++writes;
    largest = std::max<uint64_t>(largest, before.size());
    changed += std::equal(before.begin(), before.end(), change.from.begin()) ? 0 : 1;
    return Status::ok();
  }};
};

class BusyRing {
 public:
  static constexpr uint64_t kCapacity = 256 << 10;
  static constexpr uint64_t kAll = UINT64_MAX;

  explicit BusyRing(uint64_t seed) : random_(seed) {
    bool created = false;
    auto journal =
        open_journal(owner.storage, directory_.path(), kIdentity, Writer::direct, &created);
    EXPECT_TRUE(journal.is_ok()) << journal.status().message();
    journal_ = std::move(journal.value());
    ring_.emplace(journal_->memory().subspan(kJournalHeaderBytes), 0, 0);
    intake_.emplace(*ring_, journal_seed(kIdentity), 0, 0);
    owner.stores = [this] { append(random_() % 4 == 0 ? kAll : random_() % 200); };
  }

  // Frames of all sizes, as many as there is room for; the last may stay unpublished.
  void append(uint64_t count) {
    for (; count > 0; --count) {
      const uint64_t large = random_() % 20 == 0 ? 20'000 : 200;
      std::vector<uint8_t> payload(1 + random_() % large, static_cast<uint8_t>(random_()));
      FrameHeader header;
      if (!intake_->append_full(header, payload.data(), static_cast<uint32_t>(payload.size()))) break;
      if (random_() % 4 != 0) publish();
    }
  }
  void publish() {
    intake_->publish();
    ends_.push_back({ring_->tail(), intake_->sequence()});
  }

  // As the sync thread makes a group durable, and gives back a part of what is.
  void group() {
    const uint64_t tail = ring_->tail();
    const Status written = write_journal(*journal_, durable_.position, tail, ring_->released());
    ASSERT_TRUE(written.is_ok()) << written.message();
    for (const End& end : ends_) {
      if (end.position <= tail) durable_ = end;
    }
    expect_whole();
    const bool gives_all = random_() % 2 == 0;
    while (!ends_.empty() && ends_.front().position <= durable_.position && (gives_all || random_() % 8 != 0)) {
      released_ = ends_.front();
      ends_.pop_front();
    }
    ring_->release(released_.position);
  }

  BusyOwner owner;

 private:
  struct End {
    uint64_t position = 0;
    uint64_t sequence = 0;
  };

  // All that is durable and not released checks in the file.
  void expect_whole() {
    auto file = read_whole(Storage::real(), directory_.path() + "/journal");
    ASSERT_TRUE(file.is_ok()) << file.status().message();
    const auto ring = std::span<uint8_t>(file.value()).subspan(kJournalHeaderBytes);
    const JournalScan scan = scan_journal(ring, journal_seed(kIdentity), released_.position,
                                          released_.sequence, {});
    ASSERT_GE(scan.position, durable_.position);
    ASSERT_GE(scan.sequence, durable_.sequence);
  }

  static constexpr JournalIdentity kIdentity{0x5A17, 3, kCapacity};

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  std::unique_ptr<Region> journal_;
  std::optional<Ring> ring_;
  std::optional<Intake> intake_;
  std::deque<End> ends_;
  End durable_;
  End released_;
};

TEST(DirectWrites, OfAJournalNeverChangeUnderWayAndKeepWhatIsNotReleased) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    BusyRing ring(seed);
    for (int round = 0; round < 250; ++round) {
      ring.append(round % 3 == 0 ? 400 : 3);
      ring.publish();
      ASSERT_NO_FATAL_FAILURE(ring.group()) << "seed " << seed << ", round " << round;
    }
    EXPECT_EQ(ring.owner.changed, 0u);
    EXPECT_GT(ring.owner.writes, 200u);
    EXPECT_GT(ring.owner.largest, 64u << 10) << "none was written from the ring itself";
  }
}

TEST(DirectWrites, OfAnAckLogNeverChangeUnderWay) {
  TemporaryDirectory directory;
  BusyOwner busy;
  AckLog::Options options;
  options.storage = &busy.storage;
  options.directory = directory.path();
  options.writer = Writer::direct;
  options.synced = true;
  options.segment_bytes = 512 * 1024;
  Owner owner(options);
  ASSERT_TRUE(owner.open().is_ok());
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    busy.stores = nullptr;
    ASSERT_TRUE(owner.maintain_all().is_ok());
    for (uint64_t blocks = round % 10 == 0 ? 20 : 1; blocks > 0; --blocks) {
      ASSERT_TRUE(owner.append(1 + random() % 1000).is_ok());
    }
    busy.stores = [&] { ASSERT_TRUE(owner.append(1 + random() % 50).is_ok()); };
    ASSERT_TRUE(owner.make_durable().is_ok());
  }
  busy.stores = nullptr;
  EXPECT_EQ(busy.changed, 0u);
  EXPECT_GT(busy.writes, 200u);
  EXPECT_GT(busy.largest, 64u << 10) << "none was written from the window itself";
  const uint64_t durable = owner.log().durable_through();
  ASSERT_TRUE(owner.open().is_ok());
  EXPECT_GE(owner.recovered().header.through, durable);
  EXPECT_EQ(owner.wrong_with(owner.recovered()), "");
}

}  // namespace
}  // namespace semel
