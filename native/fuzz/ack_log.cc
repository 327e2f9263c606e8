// Segments of an ack log with any bytes in them.
//   - inspect() changes nothing, opens nothing for writing, and reads each file a bounded number of times
//   - open() takes what inspect() takes, finds the same in it, and leaves what it refuses as it is
//   - what only a transactional sink can decide is not opened without its answer, and then as it says
//   - opened again it is the same; what is then appended is there after one more opening, or nothing is
#include <algorithm>
#include <limits>

#include "acklog/ack_log.h"
#include "fuzz/memory_storage.h"
#include "fuzz/repair.h"
#include "fuzz/sparse.h"

namespace {

using namespace semel;
using namespace semel::fuzz;

constexpr uint32_t kSegments = 4;
constexpr uint64_t kSegmentBytes = 64 * 1024;
constexpr uint64_t kDirectorySalt = 0xd1d2d3d4d5d6d7d8;

enum Mode : uint8_t { kSyncedLevel = 1, kDirect = 2, kNoAppend = 4 };

struct Found {
  AckRecovered state;
  std::vector<Id> ids;
};

struct Case {
  MemoryStorage disk;
  AckLog::Options options;
  uint64_t salts = 1;

  explicit Case(uint8_t mode) {
    options.storage = &disk;
    options.directory = "d";
    options.synced = (mode & (kSyncedLevel | kDirect)) != 0;
    options.writer = (mode & kDirect) != 0 ? Writer::direct : Writer::mapped;
    options.segment_bytes = kSegmentBytes;
    options.window_us = std::numeric_limits<uint64_t>::max();
    options.directory_salt = kDirectorySalt;
    options.random = [this] { return ++salts * 0x9E3779B97F4A7C15; };
  }

  // The sink has what it is known to have, and nothing else.
  void ask_sink(const AckRecovered& known) {
    options.answer = {known.sink_epoch + ++asked_, known.confirmed};
  }

  static IdVisitor collect(Found* found) {
    return [found](const RecoveredIds& block) {
      found->ids.insert(found->ids.end(), block.ids.begin(), block.ids.end());
    };
  }
  Status inspect(Found* found) {
    auto seen = AckLog::inspect(options, collect(found));
    if (!seen.is_ok()) return seen.status();
    found->state = std::move(seen.value());
    return Status::ok();
  }
  Status open(Found* found, std::unique_ptr<AckLog>* log) {
    auto opened = AckLog::open(options, &found->state, collect(found));
    if (!opened.is_ok()) return opened.status();
    *log = std::move(opened.value());
    return Status::ok();
  }

 private:
  uint64_t asked_ = 0;
};

void require_same(const Found& one, const Found& other, const char* property) {
  const AckRecovered& a = one.state;
  const AckRecovered& b = other.state;
  require(a.empty == b.empty && a.header == b.header && a.block_number == b.block_number &&
              a.clean == b.clean,
          property, "the last block");
  require(a.parked == b.parked && a.sources == b.sources, property, "what is parked, the sources");
  require(a.ids == b.ids && one.ids == other.ids, property, "the ids");
}

// One block on top of `found`; false where the log has no room for it.
bool append(AckLog& log, Found* found, uint64_t step, const std::optional<CommitStamp>& stamp) {
  AckRecovered& now = found->state;
  AckBlock block;
  block.header = now.header;
  block.header.ack_durable = 0;
  block.commit = stamp;
  const std::vector<Id> ids{integer_id(step), Id{step, step * 7}};
  const std::vector<uint64_t> resolved{now.parked.empty() ? 1 : now.parked.front().sequence};
  const std::vector<SourceOffset> sources{{static_cast<uint32_t>(step), {step % 2, step * 100}}};
  Parked parked;
  parked.sequence = block.header.through;
  parked.history = "it failed";
  parked.payload.assign(100, static_cast<uint8_t>(step));
  const std::vector<const Parked*> parking{&parked};
  block.ids = ids;
  block.parked = parking;
  block.resolved = resolved;
  block.sources = sources;
  log.set_snapshot([&](AckSnapshot& all) {
    for (const Parked& one : now.parked) all.parked.push_back(&one);
    all.sources = now.sources;
    if (!stamp.has_value()) return;
    all.header = now.header;
    all.commit = stamp;
  });
  auto appended = log.append(block);
  for (int tries = 0; appended.is_ok() && appended.value() == AckLog::Appended::full; ++tries) {
    require(tries < 1000, "maintenance makes room");
    require(log.write().is_ok() && log.sync().is_ok() && log.maintain(0).is_ok(),
            "a group and maintenance succeed");
    appended = log.append(block);
  }
  if (!appended.is_ok()) {
    require(appended.status().code() == Code::too_large, "only a full segment takes no block",
            appended.status().message());
    return false;
  }
  // What a log says of itself after a rotation counts the ids of every segment.
  now.empty = false;
  now.clean = false;
  now.ids += ids.size();
  found->ids.insert(found->ids.end(), block.ids.begin(), block.ids.end());
  // In the order in which a block's entries count: parked, resolved, sources.
  std::erase_if(now.parked, [&](const Parked& one) {
    return one.sequence == parked.sequence || one.sequence == resolved[0];
  });
  if (parked.sequence != resolved[0]) now.parked.push_back(parked);
  std::sort(now.parked.begin(), now.parked.end(),
            [](const Parked& a, const Parked& b) { return a.sequence < b.sequence; });
  // The highest offset stays: a shard is also told where all partitions are.
  SourceOffset source = sources[0];
  for (const SourceOffset& one : now.sources) {
    if (one.partition == step) source.offset = std::max(source.offset, one.offset);
  }
  std::erase_if(now.sources, [&](SourceOffset one) { return one.partition == step; });
  now.sources.push_back(source);
  std::sort(now.sources.begin(), now.sources.end(), [](SourceOffset a, SourceOffset b) {
    return a.partition < b.partition;
  });
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto repairs = input.take<uint8_t>();
  const auto mode = input.take<uint8_t>();
  auto files = read_sparse(input, kSegments, kSegmentBytes, 2 * kSegmentBytes);
  std::map<uint64_t, std::vector<uint8_t>*> segments;
  for (auto& [index, file] : files) {
    segments[file.number == 0 ? index + 1 : file.number] = &file.bytes;
  }
  repair_ack_log(segments, kDirectorySalt, repairs);
  MemoryStorage::Image image;
  uint64_t total = 0;
  for (const auto& [number, bytes] : segments) {
    image["d/" + acklog::segment_name(number)] = *bytes;
    total += bytes->size();
  }

  Case one(mode);
  one.disk.restore(image);
  Found inspected;
  const Status readable = one.inspect(&inspected);
  require(one.disk.changes == 0, "inspecting changes nothing");
  require(one.disk.bytes_read <= 3 * (total + kBlockBytes), "each file is read a few times at most");

  Found opened;
  std::unique_ptr<AckLog> log;
  const Status status = one.open(&opened, &log);
  if (!readable.is_ok()) {
    require_names_file(readable, "d");
    require(status.code() == readable.code() && status.message() == readable.message(),
            "what can't be inspected can't be opened, for the same reason");
    require(one.disk.image() == image, "what is refused is left as it is");
    return 0;
  }
  std::optional<CommitStamp> stamp;
  if (inspected.state.undecided > 0) {
    require(status.code() == Code::mismatch, "what only a sink can decide is not opened without it",
            status.message());
    require(one.disk.image() == image, "what is refused is left as it is");
    if (inspected.state.sink_epoch > std::numeric_limits<uint64_t>::max() - 4) return 0;
    one.ask_sink(inspected.state);
    stamp = {.epoch = one.options.answer->epoch,
             .parent = inspected.state.confirmed,
             .confirmed = inspected.state.confirmed};
    opened = {};  // what was visited before the refusal is the refused one's
    const Status decided = one.open(&opened, &log);
    require(decided.is_ok(), "a sink that has what is confirmed decides", decided.message());
  } else {
    require(status.is_ok(), "what can be inspected can be opened", status.message());
  }
  require_same(inspected, opened, "opening finds what inspecting found");
  log.reset();

  Found again;
  require(one.open(&again, &log).is_ok(), "what was opened can be opened again");
  require_same(opened, again, "opening twice finds the same");
  require(again.state.torn_bytes == 0, "a torn tail is cut once");
  if ((mode & kNoAppend) != 0) return 0;

  Found grown = again;
  for (uint64_t step = 1; step <= 3; ++step) {
    const Found before = grown;
    if (append(*log, &grown, step, stamp)) continue;
    grown = before;
    break;
  }
  require(log->write().is_ok() && log->sync().is_ok(), "a group succeeds");
  log.reset();
  Found last;
  if (stamp.has_value()) one.ask_sink(inspected.state);
  const Status reopened = one.open(&last, &log);
  require(reopened.is_ok(), "what was appended to can be opened again", reopened.message());
  // A snapshot gives the block number another step, and the log fills in what is durable.
  grown.state.block_number = last.state.block_number;
  grown.state.header.ack_durable = last.state.header.ack_durable;
  // A log's times never go back, not behind those of a block that took no effect either.
  if (stamp.has_value()) {
    require(last.state.header.time_us >= grown.state.header.time_us, "times never go back");
    grown.state.header.time_us = last.state.header.time_us;
  }
  require_same(grown, last, "what was appended is there");
  return 0;
}
