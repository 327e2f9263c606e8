// One stream a directory. The lock is the kernel's (flock), so it goes with its holder however that
// ends; the content of the file `lock` only names the holder for the error.
//
// Both the directory and the file are locked: the directory, so that deleting the file lets nobody in;
// the file, for file systems that can't lock a directory (NFS).
#pragma once

#include <memory>
#include <string>

#include "core/status.h"

namespace semel {

class DirectoryLock {
 public:
  static Result<std::unique_ptr<DirectoryLock>> take(const std::string& directory);
  // The pid that holds the directory, or 0; takes nothing.
  static uint64_t holder(const std::string& directory);

  // Whether the path still leads to the directory that was locked: neither deleted nor replaced. Any
  // thread.
  Status check() const;

  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(std::string directory) : directory_(std::move(directory)) {}

  const std::string directory_;
  int directory_fd_ = -1;
  int fd_ = -1;
};

}  // namespace semel
