// What the dedup index costs, in ns an id, in batches of 512 as a shard's worker calls it.
//
//   dedup_bench            every case, each in a process of its own
//   dedup_bench fill 1e8   one case: fill, rolling, restore, reopen
//
// A filling index grows, and takes memory from the system; where a hypervisor has to find that first, it
// is most of the cost. `rolling` has grown before.
// Making the ids is not timed. `max batch` is the longest call pair of the run, and includes what the
// machine does meanwhile: compare it with its own median. `resident` is the process's own figure.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "dedup/dedup.h"

namespace {

using semel::Dedup;
using semel::DedupOptions;
using semel::Id;
using semel::Verdict;

constexpr uint64_t kBatch = 512;
constexpr uint64_t kYear_us = 365ull * 86400 * 1000000;

uint64_t scramble(uint64_t z) {
  z = (z + 0x9E3779B97F4A7C15ull) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 29)) * 0x94D049BB133111EBull;
  return z ^ (z >> 32);
}
// Like a random UUID.
Id id_number(uint64_t n) { return {scramble(n), scramble(~n)}; }

double now_ns() {
  using namespace std::chrono;
  return static_cast<double>(
      duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

uint64_t resident_bytes() {
  unsigned long size = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%lu %lu", &size, &resident) != 2) return 0;
  std::fclose(file);
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Times `work(batch)` over `count` ids that `pick(i)` names.
struct Timing {
  std::vector<float> batches;
  uint64_t ids = 0;
  double total_ns = 0;

  template <typename Pick, typename Work>
  void run(uint64_t count, Pick pick, Work work) {
    std::vector<Id> batch;
    for (uint64_t from = 0; from < count; from += kBatch) {
      batch.clear();
      for (uint64_t i = from; i < std::min(from + kBatch, count); ++i) {
        batch.push_back(id_number(pick(i)));
      }
      const double start = now_ns();
      work(batch);
      const double spent = now_ns() - start;
      batches.push_back(static_cast<float>(spent));
      total_ns += spent;
      ids += batch.size();
    }
  }
  void print(const char* name, const Dedup& dedup) {
    std::sort(batches.begin(), batches.end());
    const double count = static_cast<double>(std::max<uint64_t>(dedup.size(), 1));
    std::printf("%-34s %11llu %7.1f %9.1f %9.1f %8.1f %8.1f %6.0f\n", name,
                static_cast<unsigned long long>(dedup.size()), total_ns / static_cast<double>(ids),
                batches[batches.size() / 2] / 1e3, batches.back() / 1e3,
                static_cast<double>(dedup.bytes()) / count,
                static_cast<double>(resident_bytes()) / count, total_ns / 1e6);
    std::fflush(stdout);
  }
};

DedupOptions options(uint64_t window_us, uint64_t max_ids) {
  return {.window_us = window_us, .max_ids = max_ids, .seed = 0x5EED, .slices = 4};
}

std::vector<Verdict> verdicts(kBatch);

auto take_in(Dedup& dedup, uint64_t& time_us) {
  return [&](const std::vector<Id>& batch) {
    dedup.advance(++time_us);
    dedup.reserve(batch, verdicts.data());
    dedup.commit(batch, time_us);
  };
}

// One generation fills up; then hits and misses at its full size. Small counts are repeated with a
// new index each time, so that neither cold caches nor the clock decide.
void fill(uint64_t count) {
  uint64_t time_us = 1;
  Timing insert;
  for (uint64_t round = 0; round < 4'000'000 / count; ++round) {
    Dedup dedup(options(kYear_us, count));
    insert.run(count, [](uint64_t i) { return i; }, take_in(dedup, time_us));
  }
  Dedup dedup(options(kYear_us, count));
  insert.run(count, [](uint64_t i) { return i; }, take_in(dedup, time_us));
  insert.print("fresh: reserve + commit, filling", dedup);
  const uint64_t probes = std::clamp<uint64_t>(count, 1u << 20, 10'000'000);
  Timing hit;
  hit.run(probes, [&](uint64_t i) { return scramble(i) % count; },
          [&](const std::vector<Id>& batch) { dedup.reserve(batch, verdicts.data()); });
  hit.print("hit: reserve of seen ids", dedup);
  Timing miss;
  miss.run(probes, [&](uint64_t i) { return count + i; },
           [&](const std::vector<Id>& batch) {
             dedup.reserve(batch, verdicts.data());
             dedup.free(batch);
           });
  miss.print("miss: reserve + free", dedup);
  Timing one;
  std::vector<Id> single(1);
  one.run(probes / 8, [&](uint64_t i) { return scramble(i) % count; },
          [&](const std::vector<Id>& batch) {
            for (const Id& id : batch) dedup.reserve({&id, 1}, verdicts.data());
          });
  one.print("hit, one id a call", dedup);
}

// `count` ids in a window of four slices that keeps moving: sealing, filters and dropping included.
void rolling(uint64_t count) {
  const uint64_t window_us = std::max<uint64_t>(count / kBatch, 4);
  Dedup dedup(options(window_us, 2 * count));
  uint64_t time_us = 1;
  const uint64_t warm = count + count / 2;
  const uint64_t measured = std::max<uint64_t>(count / 2, 4u << 20);
  Timing warming;
  warming.run(warm, [](uint64_t i) { return i; }, take_in(dedup, time_us));
  Timing insert;
  insert.run(measured, [&](uint64_t i) { return warm + i; }, take_in(dedup, time_us));
  insert.print("fresh: rolling window, 4 slices", dedup);
  const uint64_t newest = warm + measured - 1;
  Timing hit;
  hit.run(std::min<uint64_t>(measured, 10'000'000),
          [&](uint64_t i) { return newest - scramble(i) % count; },
          [&](const std::vector<Id>& batch) { dedup.reserve(batch, verdicts.data()); });
  hit.print("hit: rolling window, 4 slices", dedup);
}

void restore(uint64_t count) {
  Dedup dedup(options(kYear_us, count));
  Timing insert;
  insert.run(count, [](uint64_t i) { return i; },
             [&](const std::vector<Id>& batch) { dedup.restore(batch, 1); });
  insert.print("restore", dedup);
}

// As an opening does, of an index that knows `kKept` ids at a time: what has left the window is forgotten
// on the way, or, where all of them are inside it, once the clock is asked.
void reopen(uint64_t count) {
  constexpr uint64_t kKept = 4096;
  for (const bool inside : {false, true}) {
    Dedup dedup(options(10'000, kKept));
    Timing insert;
    uint64_t time_us = 1;
    insert.run(count, [](uint64_t i) { return i; }, [&](const std::vector<Id>& batch) {
      if (!inside) time_us += 10'000 * kBatch / kKept;
      dedup.restore(batch, time_us);
      dedup.advance(time_us);
    });
    insert.print(inside ? "reopen, 4096 known, a burst" : "reopen, 4096 known", dedup);
  }
}

void run(const char* name, double count) {
  const auto ids = static_cast<uint64_t>(count);
  if (std::strcmp(name, "fill") == 0) fill(ids);
  if (std::strcmp(name, "rolling") == 0) rolling(ids);
  if (std::strcmp(name, "restore") == 0) restore(ids);
  if (std::strcmp(name, "reopen") == 0) reopen(ids);
}

void run_apart(const char* name, double count) {
  if (const pid_t child = ::fork(); child == 0) {
    run(name, count);
    std::fflush(stdout);
    ::_exit(0);
  } else {
    ::waitpid(child, nullptr, 0);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("%-34s %11s %7s %9s %9s %8s %8s %6s\n", "case", "ids", "ns/id", "batch µs",
              "max µs", "bytes/id", "resident", "ms");
  std::fflush(stdout);
  if (argc == 3) {
    run(argv[1], std::atof(argv[2]));
    return 0;
  }
  for (const double count : {1e4, 1e6, 1e8}) {
    run_apart("fill", count);
    run_apart("rolling", count);
  }
  for (const double count : {1e5, 1e6, 1e7}) {
    run_apart("restore", count);
    run_apart("reopen", count);
  }
}
