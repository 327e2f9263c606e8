// All file work of the core goes through these two interfaces, so that a test can put a simulated
// disk under it. None of it is on a message's way: messages are stores into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"

namespace semel {

class File {
 public:
  virtual ~File() = default;
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  virtual const std::string& path() const = 0;
  virtual Result<uint64_t> size() const = 0;
  // Reads exactly `into.size()` bytes or fails.
  virtual Status read(uint64_t offset, std::span<uint8_t> into) const = 0;
  virtual Status write(uint64_t offset, std::span<const uint8_t> from) = 0;
  // Reserves real blocks, so that a later store through a mapping cannot meet a full disk.
  virtual Status preallocate(uint64_t bytes) = 0;
  virtual Status truncate(uint64_t bytes) = 0;
  // Shared mapping of the whole file; stores reach the file. Valid as long as the File.
  virtual Result<std::span<uint8_t>> map(uint64_t bytes) = 0;
  // Data (and size) to stable storage, including stores through the mapping.
  virtual Status sync() = 0;
  // Whether somebody has deleted the file or cut it below `bytes` while it was open: what is written
  // to it would be lost without an error. From any thread.
  virtual Status check([[maybe_unused]] uint64_t bytes) const { return Status::ok(); }
};

enum class Open {
  read_only,        // must exist; writing fails
  existing,         // must exist
  create,           // made if missing
  existing_direct,  // as `existing`, past the page cache where the file system allows it: offsets,
                    // lengths and addresses in kBlockBytes
};

// What is made here is its owner's alone, whatever the umask would let others read: messages lie in it,
// and the secret that ids are hashed with. What is there already keeps the mode that it was given.
constexpr unsigned kFileMode = 0600;
constexpr unsigned kDirectoryMode = 0700;

// A directory that is taken, until this goes.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
  DirectoryLock() = default;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  // Whether the path still leads to the directory that was locked: neither deleted nor replaced. Any
  // thread.
  virtual Status check() const { return Status::ok(); }
};

class Storage {
 public:
  virtual ~Storage() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open how) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted
  virtual Result<bool> exists(const std::string& path) = 0;
  // And its parents. Those that it makes are durable, and the deepest that it finds too: a crash may
  // have come between its making and the sync.
  virtual Status make_directory(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  // Makes creations, renames and removals in `directory` durable.
  virtual Status sync_directory(const std::string& directory) = 0;

  // Code::locked names the process that has it.
  virtual Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) = 0;
  // The pid that has the directory, or 0; takes nothing.
  virtual uint64_t holder(const std::string& directory) = 0;

  // The machine's own file system.
  static Storage& real();
};

// A file with this content, durable but for its name.
Status write_new(Storage& storage, const std::string& path, std::span<const uint8_t> content);
// Replaces the whole of a small file so that a crash leaves either the old or the new content.
Status write_atomically(Storage& storage, const std::string& directory, const std::string& name,
                        std::span<const uint8_t> content);
Result<std::vector<uint8_t>> read_whole(Storage& storage, const std::string& path);

}  // namespace semel
