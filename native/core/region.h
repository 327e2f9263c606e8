// A file's image in memory: what the ring and the ack log's append windows live in.
//
// Two writers behind one face, chosen once by durability:
//   mapped  the memory is a shared mapping; a store survives the process, sync() the machine
//   direct  the memory is anonymous; write() puts 4 KiB blocks of it into the file past the page
//           cache, so that a sync never write-protects a page that a hot thread stores to
// The bytes in the file are the same, but for those that nobody may depend on (direct_writer.h): in the
// blocks that hold `from` and `to`, what is beside them and not steady.
//
// Threads: stores into memory() by the owner of the log; write() and sync() by the sync thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/direct_writer.h"
#include "core/storage.h"

namespace semel {

enum class Writer { mapped, direct };

// Whether memory is there from the start, or takes a fault of some µs at each page's first use.
enum class Pages { touched, lazy };

class Region {
 public:
  // Makes the file with `bytes` (a multiple of kBlockBytes) reserved and zero, memory touched.
  static Result<std::unique_ptr<Region>> create(Storage& storage, const std::string& path,
                                                uint64_t bytes, Writer writer);
  // Opens an existing file; the memory holds its content.
  static Result<std::unique_ptr<Region>> open(Storage& storage, const std::string& path,
                                              Writer writer);
  // Memory only, zero.
  static Result<std::unique_ptr<Region>> anonymous(uint64_t bytes,
                                                   Pages pages = Pages::touched);

  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::span<uint8_t> memory() const { return memory_; }
  const std::string& path() const { return path_; }

  // Puts [from, to), and what is steady beside it, on its way to the file; durable after the next sync().
  Status write(uint64_t from, uint64_t to, Beside beside = {});
  Status sync();
  // Whether the file is still there, in its whole length.
  Status check() const;

 private:
  Region(std::unique_ptr<File> file, std::span<uint8_t> memory, bool owns_memory)
      : file_(std::move(file)), memory_(memory), owns_memory_(owns_memory) {
    if (file_ != nullptr) path_ = file_->path();
  }

  std::unique_ptr<File> file_;
  std::span<uint8_t> memory_;
  bool owns_memory_;  // anonymous memory, unmapped by us; a mapping belongs to its File
  std::string path_;
  std::optional<DirectWriter> writer_;
};

}  // namespace semel
