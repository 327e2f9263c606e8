// What the ack log's tests share: a disk in memory that can be looked at, filled and cut from power,
// and an owner that appends as a shard would and remembers every state it has written.
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "acklog/ack_log.h"
#include "acklog/block.h"
#include "core/bytes.h"

namespace semel::test {

class MemoryStorage final : public Storage {
 public:
  using Bytes = std::vector<uint8_t>;
  struct Content {
    Bytes bytes;
    Bytes durable;
  };
  using Image = std::map<std::string, Bytes>;

  std::map<std::string, std::shared_ptr<Content>> files;
  bool full = false;
  bool sync_fails = false;
  int opened_for_writing = 0;

  Image image() const {
    Image image;
    for (const auto& [path, content] : files) image[path] = content->bytes;
    return image;
  }
  void restore(const Image& image) {
    files.clear();
    for (const auto& [path, bytes] : image) {
      files[path] = std::make_shared<Content>(Content{bytes, bytes});
    }
  }
  // Power loss: what was synced, and of what was not, some sectors.
  Image power_loss(std::mt19937_64& random, uint64_t sector) const {
    Image image;
    for (const auto& [path, content] : files) {
      Bytes bytes = content->durable;
      bytes.resize(content->bytes.size());
      for (std::size_t at = 0; at < bytes.size(); at += sector) {
        const std::size_t length = std::min<std::size_t>(sector, bytes.size() - at);
        if (std::memcmp(&bytes[at], &content->bytes[at], length) != 0 && random() % 2 == 0) {
          std::memcpy(&bytes[at], &content->bytes[at], length);
        }
      }
      image[path] = std::move(bytes);
    }
    return image;
  }

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    if (how != Open::read_only) ++opened_for_writing;
    auto found = files.find(path);
    if (found == files.end()) {
      if (how != Open::create) return Status{Code::io, "cannot open " + path};
      found = files.emplace(path, std::make_shared<Content>()).first;
    }
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, found->second, path));
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& [path, content] : files) {
      if (path.starts_with(directory + "/")) names.push_back(path.substr(directory.size() + 1));
    }
    return names;
  }
  Result<bool> exists(const std::string& path) override { return files.contains(path); }
  Status make_directory(const std::string&) override { return Status::ok(); }
  Status rename(const std::string& from, const std::string& to) override {
    files[to] = files.at(from);
    files.erase(from);
    return Status::ok();
  }
  Status remove(const std::string& path) override {
    files.erase(path);
    return Status::ok();
  }
  Status sync_directory(const std::string&) override { return Status::ok(); }
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string&) override {
    return Status{Code::invalid_argument, "nobody locks this disk"};
  }
  uint64_t holder(const std::string&) override { return 0; }

 private:
  class MemoryFile final : public File {
   public:
    MemoryFile(MemoryStorage& disk, std::shared_ptr<Content> content, std::string path)
        : disk_(disk), content_(std::move(content)), path_(std::move(path)) {}
    const std::string& path() const override { return path_; }
    Result<uint64_t> size() const override { return uint64_t{content_->bytes.size()}; }
    Status read(uint64_t offset, std::span<uint8_t> into) const override {
      if (offset + into.size() > content_->bytes.size()) return {Code::damaged, path_ + " ends"};
      if (!into.empty()) std::memcpy(into.data(), content_->bytes.data() + offset, into.size());
      return Status::ok();
    }
    Status write(uint64_t offset, std::span<const uint8_t> from) override {
      if (offset + from.size() > content_->bytes.size()) {
        if (disk_.full) return {Code::no_space, "no space for " + path_};
        content_->bytes.resize(offset + from.size());
      }
      if (!from.empty()) std::memcpy(content_->bytes.data() + offset, from.data(), from.size());
      return Status::ok();
    }
    Status preallocate(uint64_t bytes) override {
      if (disk_.full && content_->bytes.size() < bytes) {
        return {Code::no_space, "no space for " + path_};
      }
      if (content_->bytes.size() < bytes) content_->bytes.resize(bytes);
      return Status::ok();
    }
    Status truncate(uint64_t bytes) override {
      content_->bytes.resize(bytes);
      return Status::ok();
    }
    Result<std::span<uint8_t>> map(uint64_t bytes) override {
      return std::span<uint8_t>(content_->bytes.data(), bytes);
    }
    Status sync() override {
      if (disk_.sync_fails) return {Code::io, "cannot sync " + path_};
      content_->durable = content_->bytes;
      return Status::ok();
    }

   private:
    MemoryStorage& disk_;
    const std::shared_ptr<Content> content_;
    const std::string path_;
  };
};

// What an opened log must agree with: everything up to one block.
struct State {
  AckHeader header;
  std::map<uint64_t, Parked> parked;
  std::map<uint32_t, Offset> sources;
};

// Appends as a shard would, and keeps every state that a block made, by its `through`.
class Owner {
 public:
  explicit Owner(AckLog::Options options) : options_(std::move(options)) { states_[0]; }

  Status open() {
    log_.reset();
    ids_.clear();
    auto opened = AckLog::open(options_, &recovered_, [&](const RecoveredIds& block) {
      ids_.insert(ids_.end(), block.ids.begin(), block.ids.end());
    });
    if (!opened.is_ok()) return opened.status();
    log_ = std::move(opened.value());
    take_up(recovered_);
    log_->set_snapshot([this](AckSnapshot& all) {
      ++snapshots;
      for (const auto& [sequence, one] : now_.parked) all.parked.push_back(&one);
      for (const auto& [partition, offset] : now_.sources) all.sources.push_back({partition, offset});
    });
    ++epoch_;
    return Status::ok();
  }

  // One block: `count` messages done, one of them parked where asked, another resolved.
  Result<AckLog::Appended> append(uint64_t count, bool integers = true, bool park = false,
                                  uint64_t resolve = 0, bool clean = false) {
    State next = now_;
    AckHeader& header = next.header;
    std::vector<Id> ids;
    for (uint64_t at = 1; at <= count; ++at) {
      const uint64_t sequence = header.through + at;
      ids.push_back(integers ? integer_id(sequence) : Id{sequence, sequence * 7});
    }
    header.through += count;
    header.time_us = time_us;
    header.journal_position = header.through * 64;
    header.journal_durable = options_.synced ? header.through / 2 : 0;
    header.sink_places = static_cast<int64_t>(header.through * 10);
    header.sink_places.set(3, static_cast<int64_t>(header.through * 7));
    header.dead_letter_bytes = 4096 + header.through;
    header.epoch = epoch_;
    header.counters.processed += count;
    std::vector<const Parked*> parked;
    Parked one;
    if (park) {
      one.sequence = header.through;
      one.time_us = time_us;
      one.due_us = time_us + 50;
      one.attempts = 3;
      one.type = 2;
      one.has_id = !ids.empty();
      one.id = ids.empty() ? Id{} : ids.back();
      one.history = "it failed " + std::to_string(header.through);
      one.payload.assign(payload_bytes, static_cast<uint8_t>(header.through));
      next.parked[one.sequence] = one;
      parked.push_back(&one);
    }
    std::vector<uint64_t> resolved;
    if (resolve != 0) {
      resolved.push_back(resolve);
      next.parked.erase(resolve);
    }
    const auto partition = static_cast<uint32_t>(header.through % 3);
    const Offset offset{partition == 2 ? header.through : 0, header.through};
    const std::vector<SourceOffset> sources{{partition, offset}};
    next.sources[sources[0].partition] = sources[0].offset;
    AckBlock block{header, ids, parked, resolved, sources, {}, clean};
    auto appended = log_->append(block);
    if (appended.is_ok() && appended.value() == AckLog::Appended::stored) {
      now_ = next;
      states_[header.through] = next;
    }
    return appended;
  }
  void must_append(uint64_t count, bool integers = true, bool park = false, uint64_t resolve = 0) {
    auto appended = append(count, integers, park, resolve);
    ASSERT_TRUE(appended.is_ok()) << appended.status().message();
    ASSERT_EQ(appended.value(), AckLog::Appended::stored);
  }
  Status make_durable() {
    SEMEL_TRY(log_->write());
    return log_->sync();
  }
  Status maintain_all() {
    for (int step = 0; step < 10000; ++step) {
      SEMEL_TRY(log_->maintain(time_us));
      if (!log_->maintenance_pending()) return Status::ok();
    }
    return {Code::io, "maintenance does not end"};
  }

  // Whether what was recovered is one of the states that were written; says why not.
  std::string wrong_with(const AckLog::Recovered& recovered) const {
    const auto found = states_.find(recovered.header.through);
    if (found == states_.end()) return "through " + std::to_string(recovered.header.through);
    const State& state = found->second;
    AckHeader seen = recovered.header;
    AckHeader meant = state.header;
    seen.ack_durable = meant.ack_durable = 0;
    seen.epoch = meant.epoch = 0;  // a snapshot carries the epoch of the block behind it
    if (!(seen == meant)) return "header at " + std::to_string(seen.through);
    if (recovered.parked.size() != state.parked.size()) return "parked count";
    for (const Parked& one : recovered.parked) {
      const auto parked = state.parked.find(one.sequence);
      if (parked == state.parked.end() || !(parked->second == one)) return "parked";
    }
    if (recovered.sources.size() != state.sources.size()) return "sources count";
    for (const SourceOffset& one : recovered.sources) {
      const auto source = state.sources.find(one.partition);
      if (source == state.sources.end() || source->second != one.offset) return "sources";
    }
    return "";
  }

  AckLog& log() { return *log_; }
  void close() { log_.reset(); }
  const AckLog::Recovered& recovered() const { return recovered_; }
  const std::vector<Id>& ids() const { return ids_; }
  uint64_t through() const { return now_.header.through; }
  const State& now() const { return now_; }
  const AckLog::Options& options() const { return options_; }
  AckLog::Options& options() { return options_; }

  uint64_t time_us = 1000;
  std::size_t payload_bytes = 40;
  int snapshots = 0;

 private:
  void take_up(const AckLog::Recovered& recovered) {
    now_ = State{};
    now_.header = recovered.header;
    for (const Parked& one : recovered.parked) now_.parked[one.sequence] = one;
    for (const SourceOffset& one : recovered.sources) now_.sources[one.partition] = one.offset;
    epoch_ = std::max(epoch_, recovered.header.epoch);
    // States behind the recovered one have not happened.
    states_.erase(states_.upper_bound(recovered.header.through), states_.end());
  }

  AckLog::Options options_;
  std::unique_ptr<AckLog> log_;
  AckLog::Recovered recovered_;
  std::vector<Id> ids_;
  uint32_t epoch_ = 0;
  State now_;
  std::map<uint64_t, State> states_;
};

inline AckLog::Options memory_options(MemoryStorage& disk, bool synced,
                                      Writer writer = Writer::mapped) {
  AckLog::Options options;
  options.storage = &disk;
  options.directory = "d";
  options.writer = writer;
  options.synced = synced;
  options.segment_bytes = 64 * 1024;
  options.window_us = 1'000'000'000;
  options.directory_salt = 0x1122334455667788;
  return options;
}

inline std::string segment_path(uint64_t number) { return "d/" + acklog::segment_name(number); }

// The worked example's lines are `offset: hex bytes  words`; what is not listed is zero.
inline std::vector<uint8_t> documented(const char* page) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / page;
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::vector<uint8_t> bytes;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) inside = line == "```hex";
    if (!inside || line.find(": ") == std::string::npos) continue;
    std::size_t at = std::stoul(line);
    for (std::size_t to = line.find(": ") + 2;
         to + 1 < line.size() && std::isxdigit(line[to]) && std::isxdigit(line[to + 1]) &&
         (to + 2 == line.size() || line[to + 2] == ' ');
         to += 3, ++at) {
      if (bytes.size() <= at) bytes.resize(at + 1);
      bytes[at] = static_cast<uint8_t>(std::stoul(line.substr(to, 2), nullptr, 16));
    }
  }
  return bytes;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "semel-acklog-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace semel::test
