// The memory of one index: chunks of one huge page each, which circulate.
//
// A table that grows gives chunks back as it is left, and they serve the one that takes its place.
// Asking the system instead costs a page fault and 2 MiB of zeroes each time (0.2 ms here;
// 6 ms where a hypervisor has to find the memory first, 0.36 GB/s on the machine this was built on),
// and giving back gigabytes in one call stalls the thread. With chunks neither happens: a step takes
// or gives one. It also bounds what growing needs, since the old table's chunks become the new one's.
//
// One owner, one thread. Running out is no error here: take() gives nullptr and is_starved() is true
// until memory could be had again.
#pragma once

#include <cstdint>
#include <vector>

namespace semel::dedup {

constexpr uint64_t kChunkBytes = 2u << 20;

class ChunkPool {
 public:
  ChunkPool() = default;
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  // Stands for a chunk that was never written: never to be written either.
  static uint8_t* zeroes() { return zeroes_; }

  // A chunk, all zero where that is asked for. nullptr: no memory.
  uint8_t* take(bool zero);
  void give(uint8_t* chunk);
  // Gives one chunk back to the system where more than three quarters as many are free as are in use.
  void trim();

  bool is_starved() const { return is_starved_; }
  // In use and free.
  uint64_t bytes() const { return (in_use_ + free_.size()) * kChunkBytes; }
  uint64_t idle_bytes() const { return free_.size() * kChunkBytes; }

 private:
  uint8_t* take_new();

  // Not const: a constant would lie in the binary; this is address space and one page of zeroes.
  alignas(64) static uint8_t zeroes_[kChunkBytes];

  std::vector<uint8_t*> free_;   // used before: content unknown
  std::vector<uint8_t*> cold_;   // without memory behind them: zero when touched
  std::vector<uint8_t*> arenas_;
  uint64_t in_use_ = 0;
  bool is_starved_ = false;
};

}  // namespace semel::dedup
