#include "dedup/chunk_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/bytes.h"

namespace semel::dedup {
namespace {

// Address space is mapped by arenas: one mapping a chunk would meet the system's bound on their number.
constexpr uint64_t kArenaBytes = 32 * kChunkBytes;

}  // namespace

alignas(64) constinit uint8_t ChunkPool::zeroes_[kChunkBytes] = {};

ChunkPool::~ChunkPool() {
  for (uint8_t* arena : arenas_) ::munmap(arena, kArenaBytes);
}

uint8_t* ChunkPool::take(bool zero) {
  uint8_t* chunk = nullptr;
  if (!free_.empty()) {
    chunk = free_.back();
    free_.pop_back();
    if (zero) std::memset(chunk, 0, kChunkBytes);
  } else {
    chunk = take_new();
    if (chunk == nullptr) return nullptr;
  }
  ++in_use_;
  return chunk;
}

void ChunkPool::give(uint8_t* chunk) {
  assert(in_use_ > 0);
  --in_use_;
  free_.push_back(chunk);
}

void ChunkPool::trim() {
  if (free_.size() <= in_use_ / 4 * 3) return;
  ::madvise(free_.back(), kChunkBytes, MADV_DONTNEED);
  cold_.push_back(free_.back());
  free_.pop_back();
}

uint8_t* ChunkPool::take_new() {
  if (cold_.empty()) {
    // Aligned to huge pages, which mmap alone does not promise: the surplus is cut off again.
    void* at = ::mmap(nullptr, kArenaBytes + kChunkBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    is_starved_ = at == MAP_FAILED;
    if (is_starved_) return nullptr;
    auto* first = static_cast<uint8_t*>(at);
    const auto address = reinterpret_cast<uintptr_t>(first);
    const uint64_t before = round_up(address, kChunkBytes) - address;
    uint8_t* arena = first + before;
    if (before > 0) ::munmap(first, before);
    if (before < kChunkBytes) ::munmap(arena + kArenaBytes, kChunkBytes - before);
#ifdef MADV_HUGEPAGE
    ::madvise(arena, kArenaBytes, MADV_HUGEPAGE);  // advice: refused, small pages are only slower
#endif
    arenas_.push_back(arena);
    for (uint64_t end = kArenaBytes; end > 0; end -= kChunkBytes) {
      cold_.push_back(arena + end - kChunkBytes);
    }
  }
  uint8_t* chunk = cold_.back();
  cold_.pop_back();
  return chunk;
}

}  // namespace semel::dedup
