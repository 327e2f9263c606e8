// The ids of one index, in the order in which they came. An id is written once, behind the one before
// it, and stays there until the window has left it behind; the table knows it by its position.
//
// Positions are 32 bits and go round: what is kept spans at most half of them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/id.h"
#include "dedup/chunk_pool.h"

namespace semel::dedup {

using Position = uint32_t;

// The positions from `oldest` to before `end`.
struct LogSpan {
  Position oldest;
  Position end;

  Position size() const { return end - oldest; }
  bool holds(Position position) const { return position - oldest < end - oldest; }
  // Of two that it holds.
  bool is_newer(Position position, Position than) const {
    return position - oldest > than - oldest;
  }
};

class IdLog {
 public:
  static constexpr Position kSpanMax = Position{1} << 31;

  // exists() is false where memory could not be had.
  IdLog(ChunkPool& pool, Position first);
  IdLog(const IdLog&) = delete;
  IdLog& operator=(const IdLog&) = delete;
  ~IdLog();

  bool exists() const { return chunks_[chunk_of(span_.end)] != nullptr; }
  const LogSpan& span() const { return span_; }
  // Whether it takes so many more: memory for them is there, and positions are.
  bool can_take(uint64_t ids) const {
    return !is_starved_ && span_.size() + ids <= kSpanMax;
  }
  uint64_t heap_bytes() const { return chunks_.capacity() * sizeof(Id*); }

  const Id& at(Position position) const {
    return chunks_[chunk_of(position)][position % kIdsPerChunk];
  }
  // There must be memory for it: can_take() said so.
  Position append(const Id& id) {
    const Position position = span_.end;
    chunks_[chunk_of(position)][position % kIdsPerChunk] = id;
    if (++span_.end % kIdsPerTurn == 0) extend();
    return position;
  }
  // Leaves behind what is older.
  void release_before(Position position);
  // Asks for memory again, where there was none.
  void refill() {
    if (is_starved_) prepare();
  }

  [[gnu::always_inline]] void prefetch(Position position) const {
    __builtin_prefetch(&at(position));
  }

 private:
  static constexpr Position kIdsPerChunk = kChunkBytes / sizeof(Id);
  // A chunk is taken when the one before it has room for so many more.
  static constexpr Position kIdsPerTurn = kIdsPerChunk / 8;

  // An index in the ring of chunks.
  uint32_t chunk_of(Position position) const {
    return position / kIdsPerChunk & static_cast<uint32_t>(chunks_.size() - 1);
  }
  void prepare();
  void extend();
  void take_chunk(Position position);
  void grow();

  ChunkPool& pool_;
  LogSpan span_;
  // Those of the span, and soon the one behind them, which is there before it is needed.
  std::vector<Id*> chunks_;
  bool is_starved_ = false;
};

}  // namespace semel::dedup
