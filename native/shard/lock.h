// One stream a directory. The lock is the kernel's (flock), so it goes with its holder however that
// ends; the file's content only names the holder for the error.
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

  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace semel
