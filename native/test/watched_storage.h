// The machine's file system with somebody who hears of each change before it takes place, and may say no:
// a process that dies between two calls, a disk that fills up, a look at what is being written.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/storage.h"

namespace semel::test {

enum class Call { open, create, make_directory, rename, remove, sync_directory, write, preallocate,
                  truncate, sync };

struct Change {
  Call call = Call::open;
  std::string path;
  bool grows = false;                   // takes space: something new, or bytes behind a file's end
  File* file = nullptr;                 // of a write
  uint64_t offset = 0;
  std::span<const uint8_t> from = {};
};

class WatchedStorage : public Storage {
 public:
  using Watch = std::function<Status(const Change&)>;
  // Called by whoever makes the change, on any thread; its status is the answer where it is not ok.
  explicit WatchedStorage(Watch watch) : watch_(std::move(watch)) {}

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    auto exists = real_.exists(path);
    if (!exists.is_ok()) return exists.status();
    const bool creates = how == Open::create;
    SEMEL_TRY(watch_({creates ? Call::create : Call::open, path, creates && !exists.value()}));
    auto file = real_.open(path, how);
    if (!file.is_ok()) return file.status();
    return std::unique_ptr<File>(std::make_unique<WatchedFile>(*this, std::move(file.value())));
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return real_.list(directory);
  }
  Result<bool> exists(const std::string& path) override { return real_.exists(path); }
  Status make_directory(const std::string& path) override {
    auto exists = real_.exists(path);
    if (!exists.is_ok()) return exists.status();
    SEMEL_TRY(watch_({Call::make_directory, path, !exists.value()}));
    return real_.make_directory(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    SEMEL_TRY(watch_({Call::rename, from}));
    return real_.rename(from, to);
  }
  Status remove(const std::string& path) override {
    SEMEL_TRY(watch_({Call::remove, path}));
    return real_.remove(path);
  }
  Status sync_directory(const std::string& directory) override {
    SEMEL_TRY(watch_({Call::sync_directory, directory}));
    return real_.sync_directory(directory);
  }
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override {
    return real_.lock(directory);
  }
  uint64_t holder(const std::string& directory) override { return real_.holder(directory); }

 private:
  class WatchedFile final : public File {
   public:
    WatchedFile(WatchedStorage& storage, std::unique_ptr<File> file)
        : storage_(storage), file_(std::move(file)) {}
    const std::string& path() const override { return file_->path(); }
    Result<uint64_t> size() const override { return file_->size(); }
    Status read(uint64_t offset, std::span<uint8_t> into) const override {
      return file_->read(offset, into);
    }
    Status write(uint64_t offset, std::span<const uint8_t> from) override {
      SEMEL_TRY(change(Call::write, offset, from, offset + from.size()));
      return file_->write(offset, from);
    }
    Status preallocate(uint64_t bytes) override {
      SEMEL_TRY(change(Call::preallocate, 0, {}, bytes));
      return file_->preallocate(bytes);
    }
    Status truncate(uint64_t bytes) override {
      SEMEL_TRY(change(Call::truncate, 0, {}, 0));
      return file_->truncate(bytes);
    }
    Result<std::span<uint8_t>> map(uint64_t bytes) override { return file_->map(bytes); }
    Status sync() override {
      SEMEL_TRY(change(Call::sync, 0, {}, 0));
      return file_->sync();
    }

   private:
    Status change(Call call, uint64_t offset, std::span<const uint8_t> from, uint64_t end) {
      auto size = file_->size();
      if (!size.is_ok()) return size.status();
      return storage_.watch_({call, path(), end > size.value(), file_.get(), offset, from});
    }

    WatchedStorage& storage_;
    std::unique_ptr<File> file_;
  };

  Storage& real_ = Storage::real();
  const Watch watch_;
};

// Up to a given change, and from there on nothing works: as a process that dies between two calls leaves
// the disk.
class DyingStorage final : public WatchedStorage {
 public:
  explicit DyingStorage(uint64_t changes)
      : WatchedStorage([this](const Change& change) { return allow(change); }), left_(changes) {}

 private:
  Status allow(const Change& change) {
    if (change.call == Call::open) return Status::ok();
    if (left_ == 0) return {Code::io, "the process has died"};
    --left_;
    return Status::ok();
  }

  uint64_t left_;
};

// A disk that fills up: so many times something may take space, and from then on nothing may, until there
// is space again.
class FillingStorage final : public WatchedStorage {
 public:
  explicit FillingStorage(uint64_t growths)
      : WatchedStorage([this](const Change& change) {
          return change.grows ? grow(change.path) : Status::ok();
        }),
        left_(growths) {}

  void free() { left_.store(UINT64_MAX); }
  // How often something took space, or would have.
  uint64_t grown() const { return grown_.load(); }

 private:
  Status grow(const std::string& path) {
    grown_.fetch_add(1);
    uint64_t left = left_.load();
    while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
    }
    return left > 0 ? Status::ok() : Status{Code::no_space, "cannot reach " + path + ": no space"};
  }

  std::atomic<uint64_t> left_;
  std::atomic<uint64_t> grown_{0};
};

}  // namespace semel::test
