// The machine's file system as a disk that fills up: so many times something may take space, a new file
// or bytes behind a file's end, and from then on nothing may, until there is space again.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/storage.h"

namespace semel::test {

class GrowingStorage final : public Storage {
 public:
  explicit GrowingStorage(uint64_t growths) : left_(growths) {}

  void free() { left_.store(UINT64_MAX); }
  // How often something took space, or would have.
  uint64_t grown() const { return grown_.load(); }

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    if (how == Open::create) {
      auto exists = real_.exists(path);
      if (!exists.is_ok()) return exists.status();
      if (!exists.value()) SEMEL_TRY(grow("open", path));
    }
    auto file = real_.open(path, how);
    if (!file.is_ok()) return file.status();
    return std::unique_ptr<File>(std::make_unique<GrowingFile>(*this, std::move(file.value())));
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return real_.list(directory);
  }
  Result<bool> exists(const std::string& path) override { return real_.exists(path); }
  Status make_directory(const std::string& path) override {
    auto exists = real_.exists(path);
    if (!exists.is_ok()) return exists.status();
    if (!exists.value()) SEMEL_TRY(grow("make the directory", path));
    return real_.make_directory(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    return real_.rename(from, to);
  }
  Status remove(const std::string& path) override { return real_.remove(path); }
  Status sync_directory(const std::string& directory) override {
    return real_.sync_directory(directory);
  }
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override {
    return real_.lock(directory);
  }
  uint64_t holder(const std::string& directory) override { return real_.holder(directory); }

 private:
  class GrowingFile final : public File {
   public:
    GrowingFile(GrowingStorage& storage, std::unique_ptr<File> file)
        : storage_(storage), file_(std::move(file)) {}
    const std::string& path() const override { return file_->path(); }
    Result<uint64_t> size() const override { return file_->size(); }
    Status read(uint64_t offset, std::span<uint8_t> into) const override {
      return file_->read(offset, into);
    }
    Status write(uint64_t offset, std::span<const uint8_t> from) override {
      SEMEL_TRY(reach(offset + from.size(), "write"));
      return file_->write(offset, from);
    }
    Status preallocate(uint64_t bytes) override {
      SEMEL_TRY(reach(bytes, "reserve space for"));
      return file_->preallocate(bytes);
    }
    Status truncate(uint64_t bytes) override { return file_->truncate(bytes); }
    Result<std::span<uint8_t>> map(uint64_t bytes) override { return file_->map(bytes); }
    Status sync() override { return file_->sync(); }

   private:
    Status reach(uint64_t bytes, const char* what) {
      auto size = file_->size();
      if (!size.is_ok()) return size.status();
      return bytes > size.value() ? storage_.grow(what, path()) : Status::ok();
    }

    GrowingStorage& storage_;
    std::unique_ptr<File> file_;
  };

  Status grow(const char* what, const std::string& path) {
    grown_.fetch_add(1);
    uint64_t left = left_.load();
    while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
    }
    if (left > 0) return Status::ok();
    return {Code::no_space, std::string("cannot ") + what + " " + path + ": no space"};
  }

  Storage& real_ = Storage::real();
  std::atomic<uint64_t> left_;
  std::atomic<uint64_t> grown_{0};
};

}  // namespace semel::test
