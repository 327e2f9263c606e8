// Puts what lies in memory into its file past the page cache, in whole blocks, while the owner of the
// memory goes on storing beside it: the one writer of journals and of ack log segments at `disk`.
//
// Invariants:
//  1. No byte changes while a write of it is under way: what the owner may be storing to is neither read
//     nor given to the system. A file system that checks its blocks (btrfs, ZFS), or a device that does,
//     would else store a block that does not match its checksum.
//  2. Of the first and the last block only what is steady goes from memory; zeros go in the place of the
//     rest. So nothing that is not whole reaches the file, and no reader may depend on those bytes.
//
// Thread: the sync thread's.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "core/storage.h"

namespace semel {

// What of the blocks that [from, to) begins and ends in is steady besides [from, to) itself.
struct Beside {
  uint64_t steady_before = UINT64_MAX;  // so many bytes in front of `from`; those before them are not
  uint64_t busy_behind = 0;             // so many bytes behind `to` are not; those behind them are
};

class DirectWriter {
 public:
  static Result<DirectWriter> make();

  // `memory` is the file's image, from its start, aligned to blocks; [from, to) stays as it is meanwhile.
  Status write(File& file, const uint8_t* memory, uint64_t from, uint64_t to, Beside beside);

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  struct Job;

  explicit DirectWriter(uint8_t* memory) : copy_(memory) {}
  Status write_copy(File& file, const Job& job, uint64_t first, uint64_t last);

  std::unique_ptr<uint8_t, Free> copy_;
};

}  // namespace semel
