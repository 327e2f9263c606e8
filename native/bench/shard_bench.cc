// What a shard costs between sender and sink, in ns of processor time a message: 64-byte payloads in
// batches of 512 are appended, polled and committed, in turn on one thread, with no JavaScript in between.
//
//   shard_bench [--messages N]
//
// The sender's and the worker's part are told apart. Appending is the ring's copy and, but for compact
// frames, the checksum; the rest is the worker's.
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "core/clock.h"
#include "shard/stream.h"

namespace {

using namespace semel;

constexpr uint64_t kBatch = 512;
constexpr uint32_t kPayloadBytes = 64;

// The thread's own time: what else the machine does counts less.
double now_ns() { return static_cast<double>(clock_ns(CLOCK_THREAD_CPUTIME_ID)); }

[[noreturn]] void give_up(const Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(1);
}

struct Spent {
  double sender_ns = 0;
  double worker_ns = 0;
};

void send(Shard& shard, uint64_t first) {
  static const uint8_t payload[kPayloadBytes] = {};
  for (uint64_t id = first; id < first + kBatch; ++id) {
    if (shard.compact()) {
      if (!shard.intake().append_compact(FrameType::message, payload, kPayloadBytes)) std::abort();
      continue;
    }
    FrameHeader header;
    header.id_kind = IdKind::integer;
    header.id = integer_id(id);
    if (!shard.intake().append_full(header, payload, kPayloadBytes)) std::abort();
  }
}

void work(Stream& stream, Shard& shard) {
  Consumer& consumer = shard.consumer();
  while (consumer.has_work()) {
    const auto polled = consumer.poll(kBatch, stream.clock().now_us());
    if (!polled.is_ok()) give_up(polled.status());
    for (;;) {
      const auto committed = consumer.commit(polled.value().count, -1, {});
      if (!committed.is_ok()) give_up(committed.status());
      if (committed.value() == Committed::done) break;
      stream.wake_syncer();
    }
  }
}

Spent run(const StreamOptions& options, uint64_t messages) {
  auto opened = Stream::open(Storage::real(), options);
  if (!opened.is_ok()) give_up(opened.status());
  Stream& stream = *opened.value();
  Shard& shard = stream.shard(0);
  Spent spent;
  for (uint64_t done = 0; done < messages; done += kBatch) {
    shard.intake().begin(stream.clock().now_us());
    const double start = now_ns();
    send(shard, done);
    stream.publish(0);
    const double sent = now_ns();
    work(stream, shard);
    spent.sender_ns += sent - start;
    spent.worker_ns += now_ns() - sent;
  }
  if (const Status closed = stream.close(); !closed.is_ok()) give_up(closed);
  return {spent.sender_ns / static_cast<double>(messages),
          spent.worker_ns / static_cast<double>(messages)};
}

void measure(const char* name, Durability durability, bool has_ids, uint64_t messages) {
  std::string path = (std::filesystem::temp_directory_path() / "semel-bench-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) std::abort();
  StreamOptions options;
  options.name = "bench";
  options.durability = durability;
  options.delivery = has_ids ? Delivery::exactly_once : Delivery::at_most_once;
  if (keeps_files(options)) options.directory = path + "/stream";
  options.dedup = has_ids;
  options.window_us = 100'000;
  const Spent spent = run(options, messages);
  std::filesystem::remove_all(path);
  std::printf("%-30s %11llu %8.2f %8.2f\n", name, static_cast<unsigned long long>(messages),
              spent.sender_ns, spent.worker_ns);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t messages = 8'000'000;
  if (argc == 3 && std::strcmp(argv[1], "--messages") == 0) {
    messages = std::strtoull(argv[2], nullptr, 10);
  }
  std::printf("%-30s %11s %8s %8s\n", "case", "messages", "sender", "worker");
  measure("memory, compact frames", Durability::memory, false, messages);
  measure("memory, ids", Durability::memory, true, messages);
  measure("process, no ids", Durability::process, false, messages);
  measure("process, ids", Durability::process, true, messages);
}
