// What the bare ring costs between two threads, in ns a message: frames of 64 bytes, a header and no
// journal, ids, index or acknowledgment. The ceiling of raw messages.
//
//   ring_bench [--messages N]
//
// The producer claims and publishes in batches of 512, as the ingest thread does; the consumer reads
// each frame's first word, and releases a batch at a time.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "ring/ring.h"

namespace {

constexpr uint64_t kBatch = 512;
constexpr uint64_t kFrameBytes = 64;
constexpr uint64_t kHeaderBytes = 8;
constexpr uint64_t kRingBytes = 4ull << 20;

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

void produce(semel::Ring& ring, uint64_t messages) {
  uint8_t payload[kFrameBytes] = {};
  for (uint64_t sent = 0; sent < messages;) {
    uint64_t in_batch = 0;
    semel::Ring::Claim claim;
    while (in_batch < kBatch && sent + in_batch < messages &&
           ring.claim(kHeaderBytes + kFrameBytes, &claim)) {
      // Padding has a size of its own, so that the consumer can step over it.
      if (claim.padding_bytes > 0) {
        const uint64_t skip = claim.padding_bytes | (1ull << 63);
        std::memcpy(ring.at(claim.position - claim.padding_bytes), &skip, sizeof skip);
      }
      const uint64_t size = kHeaderBytes + kFrameBytes;
      const uint64_t number = sent + in_batch;
      std::memcpy(payload, &number, sizeof number);
      std::memcpy(ring.at(claim.position), &size, sizeof size);
      std::memcpy(ring.at(claim.position) + kHeaderBytes, payload, kFrameBytes);
      in_batch += 1;
    }
    if (in_batch == 0) {
      std::this_thread::yield();
      continue;
    }
    ring.publish();
    sent += in_batch;
  }
}

// The sum of the frames' first words, so that none is left unread.
uint64_t consume(semel::Ring& ring, uint64_t messages) {
  uint64_t sum = 0;
  uint64_t read = 0;
  for (uint64_t at = ring.released(); read < messages;) {
    const uint64_t tail = ring.tail();
    if (at == tail) {
      std::this_thread::yield();
      continue;
    }
    uint64_t in_batch = 0;
    while (at != tail && in_batch < kBatch) {
      uint64_t size;
      std::memcpy(&size, ring.at(at), sizeof size);
      if (size >> 63) {
        at += size & ~(1ull << 63);
        continue;
      }
      uint64_t word;
      std::memcpy(&word, ring.at(at) + kHeaderBytes, sizeof word);
      sum += word;
      at += size;
      in_batch += 1;
    }
    ring.release(at);
    read += in_batch;
  }
  return sum;
}

double run(uint64_t messages) {
  std::vector<uint64_t> memory(kRingBytes / sizeof(uint64_t));
  semel::Ring ring({reinterpret_cast<uint8_t*>(memory.data()), kRingBytes}, 0, 0);
  uint64_t sum = 0;
  const double start = seconds_now();
  std::thread consumer([&] { sum = consume(ring, messages); });
  produce(ring, messages);
  consumer.join();
  const double spent = seconds_now() - start;
  if (sum != messages / 2 * (messages - 1)) std::abort();
  return spent * 1e9 / static_cast<double>(messages);
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t messages = 20'000'000;
  if (argc == 3 && std::strcmp(argv[1], "--messages") == 0) {
    messages = std::strtoull(argv[2], nullptr, 10) & ~1ull;
  }
  run(messages / 4);
  std::printf("%-34s %11s %7s\n", "case", "messages", "ns");
  std::printf("%-34s %11llu %7.2f\n", "bare ring, frames of 64 bytes",
              static_cast<unsigned long long>(messages), run(messages));
}
