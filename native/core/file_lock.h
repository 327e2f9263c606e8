// A file of somebody else's that is written by one alone, wherever it is reached from: by another name,
// through a link, from another process or from another part of this one. The lock is the kernel's
// (flock) on the file itself, so it goes with its holder however that ends, and children don't inherit
// it. Who does not ask for it is not kept out.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "core/status.h"

namespace semel {

// What a file is, whatever it is called.
struct FileIdentity {
  dev_t device;
  ino_t number;

  bool operator==(const FileIdentity&) const = default;
};

// Of what `path` leads to.
Result<FileIdentity> identify_file(const std::string& path);

class FileLock {
 public:
  // Code::locked where another has it. On a file system that can't lock it is had by whoever asks.
  static Result<std::unique_ptr<FileLock>> take(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  const FileIdentity& identity() const { return identity_; }

 private:
  FileLock(int fd, FileIdentity identity) : fd_(fd), identity_(identity) {}

  const int fd_;
  const FileIdentity identity_;
};

}  // namespace semel
