// The files outside of a stream's directory that its sinks write, each by one shard.
//
// Threads: any. A worker that takes a shard over has what the one before it had, whether or not that
// one's thread is gone.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/file_lock.h"

namespace semel {

class FileLocks {
 public:
  // Until release(), or clear(). Code::locked where another shard, sink or stream has it.
  Status take(uint32_t shard, const std::string& path);
  void release(uint32_t shard, const std::string& path);
  // Whether a shard has what `path` leads to; false where that is nothing.
  bool has(const std::string& path) const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<uint32_t, std::unique_ptr<FileLock>>> held_;
};

}  // namespace semel
