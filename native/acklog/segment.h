// One segment file while it is in use, and the making of the next one.
//
// Two writers (core/region.h): `mapped`, where memory() is the file's mapping, and `direct`, where
// memory() is a window: anonymous memory as large as the segment, written to the file past the page
// cache. Windows are the caller's and are used again for later segments, stale bytes and all: nothing
// behind what is written ever reaches the file (core/direct_writer.h), neither a former segment's bytes
// nor what the owner is storing meanwhile.
//
// Threads: stores into memory() by the worker; everything else by the sync thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "acklog/segment_header.h"
#include "core/region.h"
#include "core/storage.h"

namespace semel::acklog {

// Memory for one segment under the direct writer.
struct Window {
  std::unique_ptr<Region> image;
  std::optional<DirectWriter> writer;

  static Result<Window> make(uint64_t bytes);
  uint64_t bytes() const { return image == nullptr ? 0 : image->memory().size(); }
};

class Segment {
 public:
  // Opens an existing file. `window` is empty for the mapped writer; for the direct one it holds the
  // file's content already.
  static Result<std::unique_ptr<Segment>> open(Storage& storage, const std::string& path,
                                               const Identity& identity, Window window);

  const Identity& identity() const { return identity_; }
  uint64_t number() const { return identity_.number; }
  uint64_t bytes() const { return identity_.bytes; }
  const std::string& path() const { return path_; }
  uint8_t* memory() const { return memory_; }

  Status write(uint64_t from, uint64_t to);
  Status sync() { return file_->sync(); }
  Status check() const { return file_->check(identity_.bytes); }
  // Takes the first fault of each page in [from, to), off the hot path.
  void touch(uint64_t from, uint64_t to);
  Window take_window() { return std::move(window_); }

 private:
  Segment() = default;

  Identity identity_;
  std::string path_;
  std::unique_ptr<File> file_;
  Window window_;
  uint8_t* memory_ = nullptr;
};

// Makes a segment file in small steps, so that the sync thread can go on making groups durable in
// between. The file has another name until its identity is durable.
class NextSegment {
 public:
  static constexpr uint64_t kStepBytes = 1024 * 1024;

  // `zero`: fill the file, so that later syncs find written blocks and need no change of metadata.
  NextSegment(Storage& storage, std::string directory, const Identity& identity, Window window,
              bool mapped, bool zero, const Link* link);

  // Does one step. After a failure it is of no use, but its window is.
  Status step();
  bool done() const { return state_ == State::done; }
  std::unique_ptr<Segment> take() { return std::move(segment_); }
  Window take_window();

  static std::string new_suffix() { return ".new"; }

 private:
  enum class State { reserve, fill, name, touch, done };

  Status reserve();
  Status fill();
  Status name();

  Storage& storage_;
  const std::string directory_;
  const std::string path_;
  const Identity identity_;
  Window window_;
  const bool mapped_;
  const bool zero_;
  const Link link_;
  const bool linked_;
  State state_ = State::reserve;
  uint64_t at_ = 0;
  std::unique_ptr<File> file_;
  std::unique_ptr<Segment> segment_;
};

}  // namespace semel::acklog
