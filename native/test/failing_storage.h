// The machine's file system up to a given change, and from there on nothing works: as a process that
// dies between two calls leaves it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/storage.h"

namespace semel::test {

class FailingStorage final : public Storage {
 public:
  explicit FailingStorage(uint64_t changes) : left_(changes) {}

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    if (how == Open::create) {
      if (Status status = change(); !status.is_ok()) return status;
    }
    auto file = real_.open(path, how);
    if (!file.is_ok()) return file.status();
    return std::unique_ptr<File>(std::make_unique<FailingFile>(*this, std::move(file.value())));
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return real_.list(directory);
  }
  Result<bool> exists(const std::string& path) override { return real_.exists(path); }
  Status make_directory(const std::string& path) override {
    SEMEL_TRY(change());
    return real_.make_directory(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    SEMEL_TRY(change());
    return real_.rename(from, to);
  }
  Status remove(const std::string& path) override {
    SEMEL_TRY(change());
    return real_.remove(path);
  }
  Status sync_directory(const std::string& directory) override {
    SEMEL_TRY(change());
    return real_.sync_directory(directory);
  }
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override {
    return real_.lock(directory);
  }
  uint64_t holder(const std::string& directory) override { return real_.holder(directory); }

 private:
  class FailingFile final : public File {
   public:
    FailingFile(FailingStorage& storage, std::unique_ptr<File> file)
        : storage_(storage), file_(std::move(file)) {}
    const std::string& path() const override { return file_->path(); }
    Result<uint64_t> size() const override { return file_->size(); }
    Status read(uint64_t offset, std::span<uint8_t> into) const override {
      return file_->read(offset, into);
    }
    Status write(uint64_t offset, std::span<const uint8_t> from) override {
      SEMEL_TRY(storage_.change());
      return file_->write(offset, from);
    }
    Status preallocate(uint64_t bytes) override {
      SEMEL_TRY(storage_.change());
      return file_->preallocate(bytes);
    }
    Status truncate(uint64_t bytes) override {
      SEMEL_TRY(storage_.change());
      return file_->truncate(bytes);
    }
    Result<std::span<uint8_t>> map(uint64_t bytes) override { return file_->map(bytes); }
    Status sync() override {
      SEMEL_TRY(storage_.change());
      return file_->sync();
    }

   private:
    FailingStorage& storage_;
    std::unique_ptr<File> file_;
  };

  Status change() {
    if (left_ == 0) return {Code::io, "the process has died"};
    --left_;
    return Status::ok();
  }

  Storage& real_ = Storage::real();
  uint64_t left_;
};

}  // namespace semel::test
