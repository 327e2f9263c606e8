// The memory of one table, zero until it is written: an array of chunks, each taken from the pool when
// it is first written and given back as soon as nothing needs it; or, where less than half a chunk is
// needed, one block of the heap (short windows make and drop small tables all the time).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "dedup/chunk_pool.h"

namespace semel::dedup {

class ChunkedMemory {
 public:
  ChunkedMemory() = default;
  ChunkedMemory(ChunkPool& pool, uint64_t bytes) : pool_(&pool) {
    if (bytes > kChunkBytes / 2) {
      chunks_.assign((bytes + kChunkBytes - 1) / kChunkBytes, nothing());
      return;
    }
    heap_bytes_ = round_up(bytes, kCacheLinePair);
    auto* block = static_cast<uint8_t*>(std::aligned_alloc(kCacheLinePair, heap_bytes_));
    if (block == nullptr) return;
    std::memset(block, 0, heap_bytes_);
    chunks_.assign(1, block);
  }
  ~ChunkedMemory() {
    if (heap_bytes_ > 0) {
      if (!chunks_.empty()) std::free(chunks_[0]);
    } else {
      release_before(chunks_.size());
    }
  }
  ChunkedMemory(ChunkedMemory&& other) noexcept { swap(other); }
  ChunkedMemory& operator=(ChunkedMemory&& other) noexcept {
    ChunkedMemory taken(std::move(other));
    swap(taken);
    return *this;
  }

  // Says nothing about chunks, which are only taken when written.
  bool exists() const { return !chunks_.empty(); }
  // What lies on the heap; the pool counts the rest.
  uint64_t heap_bytes() const { return heap_bytes_ + chunks_.capacity() * sizeof(uint8_t*); }

  // Whether it has been written.
  bool is_taken(uint64_t chunk) const { return chunks_[chunk] != nothing(); }
  // To be read. Without memory yet: zeroes.
  const uint8_t* at(uint64_t chunk) const { return chunks_[chunk]; }
  // nullptr where there is no memory.
  uint8_t* at_for_write(uint64_t chunk) {
    if (chunks_[chunk] == nothing()) return take(chunk);
    return chunks_[chunk];
  }
  void release_before(uint64_t chunk) {
    if (heap_bytes_ > 0) return;
    for (; released_ < chunk; ++released_) {
      if (chunks_[released_] != nothing()) pool_->give(chunks_[released_]);
      chunks_[released_] = nothing();
    }
  }

 private:
  // Stands for every chunk that was not written: one page of zeroes behind all of its addresses.
  static uint8_t* nothing() { return ChunkPool::zeroes(); }

  uint8_t* take(uint64_t chunk) {
    uint8_t* taken = pool_->take(true);
    if (taken != nullptr) chunks_[chunk] = taken;
    return taken;
  }
  void swap(ChunkedMemory& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(heap_bytes_, other.heap_bytes_);
    std::swap(released_, other.released_);
    chunks_.swap(other.chunks_);
  }

  ChunkPool* pool_ = nullptr;
  uint64_t heap_bytes_ = 0;
  uint64_t released_ = 0;
  std::vector<uint8_t*> chunks_;
};

}  // namespace semel::dedup
