// What the ack log costs, in ns a message: blocks of 512 as a shard's worker appends them, with their
// ids or without, at the level `process`. Making the ids, and the sync thread's work, are not timed.
//
//   ack_log_bench [--messages N]
#include <stdlib.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "acklog/ack_log.h"

namespace {

using semel::AckBlock;
using semel::AckLog;
using semel::Id;

constexpr uint64_t kBatch = 512;

enum class Ids { none, integers, random };

double now_ns() {
  using namespace std::chrono;
  return static_cast<double>(
      duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

uint64_t scramble(uint64_t z) {
  z = (z + 0x9E3779B97F4A7C15ull) * 0xBF58476D1CE4E5B9ull;
  return z ^ (z >> 31);
}

[[noreturn]] void give_up(const semel::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(1);
}

// Until the next segment is there, and those that the window has passed are gone.
void maintain(AckLog& log, uint64_t now_us) {
  while (log.maintenance_pending()) {
    if (const auto status = log.maintain(now_us); !status.is_ok()) give_up(status);
  }
}

double run(const std::string& directory, Ids kind, uint64_t messages) {
  AckLog::Options options;
  options.storage = &semel::Storage::real();
  options.directory = directory;
  options.window_us = 1'000'000;
  AckLog::Recovered recovered;
  auto opened = AckLog::open(options, &recovered, [](const auto&) {});
  if (!opened.is_ok()) give_up(opened.status());
  const auto log = std::move(opened.value());
  log->set_snapshot([](AckSnapshot&) {});  // nothing is parked, and there is no source
  std::vector<Id> ids(kind == Ids::none ? 0 : kBatch);
  AckBlock block;
  block.header.epoch = 1;
  double spent = 0;
  for (uint64_t done = 0; done < messages; done += kBatch) {
    for (uint64_t i = 0; i < ids.size(); ++i) {
      const uint64_t number = done + i;
      ids[i] = kind == Ids::integers ? semel::integer_id(number)
                                     : semel::Id{scramble(number), scramble(~number)};
    }
    block.ids = ids;
    block.header.through = done + kBatch;
    block.header.time_us = block.header.through;
    block.header.journal_position = block.header.through * 64;
    block.header.counters.processed = block.header.through;
    for (;;) {
      const double start = now_ns();
      const auto appended = log->append(block);
      spent += now_ns() - start;
      if (!appended.is_ok()) give_up(appended.status());
      if (appended.value() == AckLog::Appended::stored) break;
      maintain(*log, block.header.time_us);
    }
    maintain(*log, block.header.time_us);
  }
  return spent / static_cast<double>(messages);
}

void measure(const char* name, Ids kind, uint64_t messages) {
  std::string path = (std::filesystem::temp_directory_path() / "semel-bench-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) std::abort();
  const double ns = run(path, kind, messages);
  std::filesystem::remove_all(path);
  std::printf("%-34s %11llu %7.2f\n", name, static_cast<unsigned long long>(messages), ns);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t messages = 8'000'000;
  if (argc == 3 && std::strcmp(argv[1], "--messages") == 0) {
    messages = std::strtoull(argv[2], nullptr, 10);
  }
  std::printf("%-34s %11s %7s\n", "case", "messages", "ns");
  measure("ack block without ids", Ids::none, messages);
  measure("ack block with integer ids", Ids::integers, messages);
  measure("ack block with random ids", Ids::random, messages);
}
