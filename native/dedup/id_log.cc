#include "dedup/id_log.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace semel::dedup {

IdLog::IdLog(ChunkPool& pool, Position first)
    : pool_(pool), span_{first, first}, chunks_(8) {
  prepare();
}

IdLog::~IdLog() {
  for (Id* chunk : chunks_) {
    if (chunk != nullptr) pool_.give(reinterpret_cast<uint8_t*>(chunk));
  }
}

void IdLog::prepare() {
  if (span_.size() / kIdsPerChunk + 3 >= chunks_.size()) grow();
  take_chunk(span_.end);
  if (exists()) take_chunk(span_.end + kIdsPerTurn);
}

void IdLog::extend() {
  prepare();
  if (exists()) return;
  std::fputs("semel: no memory for a dedup index\n", stderr);
  std::abort();
}

void IdLog::take_chunk(Position position) {
  Id*& chunk = chunks_[chunk_of(position)];
  if (chunk == nullptr) chunk = reinterpret_cast<Id*>(pool_.take(false));
  is_starved_ = chunk == nullptr;
}

void IdLog::grow() {
  std::vector<Id*> grown(chunks_.size() * 2);
  const std::vector<Id*> before = std::exchange(chunks_, std::move(grown));
  // Every chunk that is there, by its position: from the oldest on to one behind the end.
  const Position first = span_.oldest / kIdsPerChunk;
  const auto mask = static_cast<uint32_t>(before.size() - 1);
  for (Position i = 0; i < before.size(); ++i) {
    chunks_[chunk_of((first + i) * kIdsPerChunk)] = before[(first + i) & mask];
  }
}

void IdLog::release_before(Position position) {
  constexpr Position kNumbers = UINT32_MAX / kIdsPerChunk;  // chunks' numbers go round as well
  const Position end = position / kIdsPerChunk;
  for (Position at = span_.oldest / kIdsPerChunk; at != end; at = (at + 1) & kNumbers) {
    Id*& chunk = chunks_[chunk_of(at * kIdsPerChunk)];
    pool_.give(reinterpret_cast<uint8_t*>(std::exchange(chunk, nullptr)));
  }
  span_.oldest = position;
}

}  // namespace semel::dedup
