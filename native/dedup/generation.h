// The ids that were seen within one slice of the window, dropped as a whole once the newest of them
// is older than the window. The active generation takes ids, and begins with room for as many as the
// slice before it had, so that at a steady rate it does not grow. A sealed one takes none, is moved
// into a table that just fits and gets a Bloom filter. Until that is complete its tags are probed
// directly.
#pragma once

#include <cstdint>

#include "dedup/bloom_filter.h"
#include "dedup/id_set.h"

namespace semel::dedup {

class Generation {
 public:
  Generation(ChunkPool& pool, const IdHash& hash, uint64_t ids_expected)
      : ids(pool, hash, ids_expected), pool_(pool) {}
  Generation(const Generation&) = delete;  // a movement holds the filter's address
  Generation& operator=(const Generation&) = delete;

  // Whether a Bloom filter stands before the ids.
  bool is_filtered() const { return stage_ == Stage::filtered; }
  bool is_settled() const { return stage_ == Stage::filtered || stage_ == Stage::unfiltered; }
  uint64_t heap_bytes() const { return ids.heap_bytes() + filter.heap_bytes(); }

  // A sealed generation's upkeep: goes on by about `groups` groups; returns what is left of them.
  uint64_t settle(uint64_t groups) {
    while (groups > 0 && !is_settled()) {
      if (ids.is_moving()) {
        const uint64_t moved = ids.move(groups);
        groups -= moved < groups ? moved : groups;
        if (stage_ == Stage::fitting && !ids.is_moving()) {
          stage_ = ids.is_filter_complete() ? Stage::filtered : Stage::unfiltered;
        }
      } else {
        filter = BloomFilter(pool_, ids.size());
        stage_ = filter.exists() && ids.fit(&filter) ? Stage::fitting : Stage::unfiltered;
      }
    }
    return groups;
  }

  IdSet ids;
  BloomFilter filter;
  uint64_t first_us = 0;   // commit times of the oldest and the newest id
  uint64_t newest_us = 0;

 private:
  enum class Stage : uint8_t {
    filling,     // active, or sealed and still moving into the table it had grown to
    fitting,     // moving into a table that just fits, the filter being built on the way
    filtered,    // done
    unfiltered,  // done without: there was no memory for it
  };
  ChunkPool& pool_;
  Stage stage_ = Stage::filling;
};

}  // namespace semel::dedup
