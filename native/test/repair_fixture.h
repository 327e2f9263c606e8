// What the tests of verify and repair share: a stream's directory that has lived a little, and ways to
// damage it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "repair/journal_mend.h"
#include "repair/repair.h"
#include "shard/box.h"
#include "shard/stream.h"

namespace semel::test {

namespace fs = std::filesystem;

class RepairFixture : public ::testing::TestWithParam<Durability> {
 protected:
  RepairFixture() {
    directory_ = fs::temp_directory_path() /
                 ("semel-repair-" + std::to_string(::getpid()) + "-" + std::to_string(next_++));
    options_.name = "test";
    options_.directory = directory_;
    options_.delivery = Delivery::exactly_once;
    options_.durability = GetParam();
    options_.interval_us = 1000;
    options_.ring_bytes = 64 << 10;
    options_.segment_bytes = 128 << 10;  // 15 messages in flight
    options_.dedup = true;
    options_.window_us = 3600ull * 1'000'000;
    options_.in_flight_max = 256;
  }
  ~RepairFixture() override {
    fs::remove_all(directory_);
    fs::remove_all(copy());
  }

  // ---- a stream's life ----

  void open() {
    auto opened = Stream::open(Storage::real(), options_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().message();
    stream_ = std::move(opened.value());
  }
  Status try_open() {
    auto opened = Stream::open(Storage::real(), options_);
    if (!opened.is_ok()) return opened.status();
    stream_ = std::move(opened.value());
    return Status::ok();
  }
  void close() {
    const Status status = stream_->close();
    ASSERT_TRUE(status.is_ok()) << status.message();
    stream_.reset();
  }
  // A block is claimed by what is written after it was synced; one that nothing claims can't be told
  // from a torn tail.
  void drain() {
    while (GetParam() != Durability::process && shard().has_unsynced()) std::this_thread::yield();
  }
  void crash() {
    drain();
    stream_->abandon();
    stream_.reset();
  }
  Shard& shard() { return stream_->shard(0); }
  Consumer& consumer() { return shard().consumer(); }
  // Payloads begin with the id, and have so many bytes.
  void send(uint64_t from, uint64_t to, uint32_t bytes = sizeof(uint64_t)) {
    std::vector<uint8_t> payload(bytes);
    for (uint64_t id = from; id <= to; ++id) {
      FrameHeader header;
      header.id = integer_id(id);
      header.id_kind = IdKind::integer;
      header.has_source = true;
      header.source = {3, id};
      store<uint64_t>(payload.data(), id);
      shard().intake().begin(stream_->clock().now_us());
      ASSERT_TRUE(shard().intake().append_full(header, payload.data(), bytes)) << "the ring is full";
    }
    stream_->publish(0);
    while (shard().durable_sequence() < shard().intake().sequence()) std::this_thread::yield();
  }
  // Ends the next messages; those named are parked, or become dead letters.
  void end(uint32_t count, const std::set<uint64_t>& park = {}, const std::set<uint64_t>& bury = {}) {
    auto polled = consumer().poll(count, stream_->clock().now_us());
    ASSERT_TRUE(polled.is_ok());
    std::vector<Detail> details;
    for (uint64_t at = 0; at < consumer().in_flight(); ++at) {
      const uint64_t sequence = consumer().first_in_flight() + at;
      const bool parks = park.contains(sequence);
      if (!parks && !bury.contains(sequence)) continue;
      slot(sequence).outcome = static_cast<int32_t>(parks ? Outcome::parked : Outcome::dead_lettered);
      details.push_back({sequence, parks ? Detail::Action::park : Detail::Action::dead_letter, 1, 5,
                         Outcome::processed, {}});
    }
    commit(details);
  }
  void commit(std::span<const Detail> details) {
    for (;;) {
      auto committed = consumer().commit(consumer().in_flight(), -1, details);
      ASSERT_TRUE(committed.is_ok()) << committed.status().message();
      if (committed.value() == Committed::done) break;
      stream_->wake_syncer();
      std::this_thread::yield();
    }
    stream_->wake_syncer();
  }
  Slot& slot(uint64_t sequence) { return consumer().slots()[sequence % consumer().capacity()]; }

  struct Life {
    uint64_t sent = 60;
    uint64_t done = 40;  // in tens
    bool closes = false;
  };
  // 60 messages: 5 and 25 parked, 7 and 27 dead letters, 40 done, 20 in flight, then kill -9.
  void live(Life life) {
    open();
    send(1, life.sent);
    for (uint64_t at = 0; at < life.done; at += 10) {
      end(10, {5, 25}, {7, 27});
      drain();
    }
    life.closes ? close() : crash();
  }

  // ---- damage ----

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  static std::vector<uint8_t> bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void flip(const std::string& name, uint64_t offset, uint8_t with = 0x55) {
    std::fstream file(path(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ with));
  }
  void zero(const std::string& name, uint64_t from, uint64_t to) {
    std::fstream file(path(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(from));
    for (uint64_t at = from; at < to; ++at) file.put(0);
  }
  void keep_copy() {
    fs::remove_all(copy());
    fs::copy(directory_, copy(), fs::copy_options::recursive);
  }
  void restore_copy() {
    fs::remove_all(directory_);
    fs::copy(copy(), directory_, fs::copy_options::recursive);
  }
  std::string copy() const { return directory_ + "-copy"; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
      if (!entry.is_regular_file()) continue;
      names.push_back(fs::relative(entry.path(), directory_));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  // ---- verify and repair ----

  Verification verify() {
    auto found = verify_directory(Storage::real(), directory_);
    EXPECT_TRUE(found.is_ok()) << found.status().message();
    return found.is_ok() ? found.value() : Verification{};
  }
  // The findings that are damage, as `shard-0/journal@4096: what`.
  std::vector<std::string> damage() {
    std::vector<std::string> texts;
    for (const Finding& one : verify().findings) {
      if (is_damage(one.kind)) texts.push_back(text_of(one));
    }
    return texts;
  }
  std::string text_of(const Finding& one) const {
    return one.path.substr(directory_.size() + 1) + "@" + std::to_string(one.offset) + ": " + one.what;
  }
  Stake stake() { return verify().shards.at(0).stake; }
  void must_repair(bool keeps_originals = true) {
    auto repaired = repair_locked(Storage::real(), directory_);
    ASSERT_TRUE(repaired.is_ok()) << repaired.status().message();
    ASSERT_TRUE(repaired.value().plan.refusals.empty()) << repaired.value().plan.refusals[0];
    ASSERT_EQ(repaired.value().originals.empty(), !keeps_originals);
    originals_ = repaired.value().originals;
    EXPECT_EQ(damage(), std::vector<std::string>());
  }

  // What the next life delivers: lost messages are named `lost`, by sequence.
  struct Delivered {
    std::vector<uint64_t> ids;
    std::vector<uint64_t> lost;
  };
  Delivered deliver_all() {
    Delivered delivered;
    for (;;) {
      auto polled = consumer().poll(64, stream_->clock().now_us());
      EXPECT_TRUE(polled.is_ok());
      if (polled.value().count == 0) return delivered;
      std::vector<Detail> details;
      for (uint64_t at = 0; at < consumer().in_flight(); ++at) {
        const uint64_t sequence = consumer().first_in_flight() + at;
        Slot& one = slot(sequence);
        if (one.outcome == static_cast<int32_t>(Outcome::duplicate)) continue;
        if ((one.kind & 0xFF) == static_cast<int32_t>(FrameType::malformed)) {
          delivered.lost.push_back(sequence);
          one.outcome = static_cast<int32_t>(Outcome::dead_lettered);
          details.push_back({sequence, Detail::Action::dead_letter, 0, 0, Outcome::dead_lettered, {}});
          const uint8_t* payload = shard().ring_memory().data() + one.offset;
          EXPECT_TRUE(one.length == 0 || *payload == kLostByte);
          continue;
        }
        delivered.ids.push_back(load<uint64_t>(shard().ring_memory().data() + one.offset));
      }
      commit(details);
    }
  }
  void expect_conserved() {
    const ShardStatus status = shard().status();
    const Counters& c = status.consumer.outcomes;
    EXPECT_EQ(status.stored, c.processed + c.filtered + c.duplicate + c.late + c.dead_lettered +
                                 c.dropped + status.consumer.parked + consumer().in_flight());
  }

  static inline int next_ = 0;
  std::string directory_;
  std::string originals_;
  StreamOptions options_;
  std::unique_ptr<Stream> stream_;
};

inline Ranges ranges(std::initializer_list<Range> list) {
  Ranges made;
  for (const Range& one : list) made.add(one.first, one.last);
  return made;
}

inline std::string level_name(const ::testing::TestParamInfo<Durability>& level) {
  switch (level.param) {
    case Durability::process: return "process";
    case Durability::interval: return "interval";
    default: return "disk";
  }
}

}  // namespace semel::test
