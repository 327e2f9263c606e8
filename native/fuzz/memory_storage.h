// Files in memory, strict where the real ones are lenient: each lies in an allocation of exactly its
// size, so that the address sanitizer sees a read behind its end; a mapped file may not be resized;
// direct writes must be aligned; what is opened for reading may not be written.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/storage.h"
#include "fuzz/target.h"

namespace semel::fuzz {

class MemoryStorage final : public Storage {
 public:
  using Bytes = std::vector<uint8_t>;
  using Image = std::map<std::string, Bytes>;
  // No input asks for more than a few segments of 64 KiB and a ring.
  static constexpr uint64_t kFileBytesMax = 4 * 1024 * 1024;

  uint64_t changes = 0;     // calls that change a file or the directory, or ask to be able to
  uint64_t bytes_read = 0;  // so that work can be bounded

  Image image() const {
    Image image;
    for (const auto& [path, content] : files_) {
      image[path] = Bytes(content->bytes.get(), content->bytes.get() + content->size);
    }
    return image;
  }
  void restore(const Image& image) {
    files_.clear();
    for (const auto& [path, bytes] : image) {
      auto content = std::make_shared<Content>();
      content->resize(bytes.size());
      if (!bytes.empty()) std::memcpy(content->bytes.get(), bytes.data(), bytes.size());
      files_[path] = std::move(content);
    }
  }

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    if (how != Open::read_only) ++changes;
    auto found = files_.find(path);
    if (found == files_.end()) {
      if (how != Open::create) return Status{Code::io, "cannot open " + path + ": it is not there"};
      found = files_.emplace(path, std::make_shared<Content>()).first;
    }
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, found->second, path, how));
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& [path, content] : files_) {
      if (path.starts_with(directory + "/")) names.push_back(path.substr(directory.size() + 1));
    }
    return names;
  }
  Result<bool> exists(const std::string& path) override { return files_.contains(path); }
  Status make_directory(const std::string&) override { return Status::ok(); }
  Status rename(const std::string& from, const std::string& to) override {
    ++changes;
    const auto at = files_.find(from);
    if (at == files_.end()) return {Code::io, "cannot rename " + from + ": it is not there"};
    files_[to] = at->second;
    files_.erase(from);
    return Status::ok();
  }
  Status remove(const std::string& path) override {
    ++changes;
    return files_.erase(path) == 1 ? Status::ok()
                                   : Status{Code::io, "cannot remove " + path + ": it is not there"};
  }
  Status sync_directory(const std::string&) override { return Status::ok(); }
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string&) override {
    return Status{Code::invalid_argument, "nobody locks this disk"};
  }
  uint64_t holder(const std::string&) override { return 0; }

 private:
  struct Content {
    std::unique_ptr<uint8_t[]> bytes;
    uint64_t size = 0;
    bool mapped = false;

    void resize(uint64_t to) {
      require(!mapped || to == size, "a mapped file keeps its size");
      require(to <= kFileBytesMax, "no file grows without bound");
      std::unique_ptr<uint8_t[]> grown(new uint8_t[to]());
      if (size != 0 && to != 0) std::memcpy(grown.get(), bytes.get(), std::min(size, to));
      bytes = std::move(grown);
      size = to;
    }
  };

  class MemoryFile final : public File {
   public:
    MemoryFile(MemoryStorage& disk, std::shared_ptr<Content> content, std::string path, Open how)
        : disk_(disk), content_(std::move(content)), path_(std::move(path)), how_(how) {}
    ~MemoryFile() override {
      if (mapped_) content_->mapped = false;
    }

    const std::string& path() const override { return path_; }
    Result<uint64_t> size() const override { return content_->size; }
    Status read(uint64_t offset, std::span<uint8_t> into) const override {
      if (offset > content_->size || into.size() > content_->size - offset) {
        return {Code::damaged, path_ + " ends at offset " + std::to_string(content_->size) +
                                   ", too early"};
      }
      disk_.bytes_read += into.size();
      if (!into.empty()) std::memcpy(into.data(), content_->bytes.get() + offset, into.size());
      return Status::ok();
    }
    Status write(uint64_t offset, std::span<const uint8_t> from) override {
      begin_change();
      if (how_ == Open::existing_direct) {
        const auto address = reinterpret_cast<uintptr_t>(from.data());
        require((offset | from.size() | address) % kBlockBytes == 0, "direct writes are aligned");
      }
      if (offset + from.size() > content_->size) content_->resize(offset + from.size());
      if (!from.empty()) std::memcpy(content_->bytes.get() + offset, from.data(), from.size());
      return Status::ok();
    }
    Status preallocate(uint64_t bytes) override {
      begin_change();
      if (content_->size < bytes) content_->resize(bytes);
      return Status::ok();
    }
    Status truncate(uint64_t bytes) override {
      begin_change();
      content_->resize(bytes);
      return Status::ok();
    }
    Result<std::span<uint8_t>> map(uint64_t bytes) override {
      begin_change();
      require(bytes <= content_->size, "no mapping goes behind its file's end");
      content_->mapped = mapped_ = true;
      return std::span<uint8_t>(content_->bytes.get(), bytes);
    }
    Status sync() override { return Status::ok(); }

   private:
    void begin_change() {
      require(how_ != Open::read_only, "what is opened for reading is not written", path_);
      ++disk_.changes;
    }

    MemoryStorage& disk_;
    const std::shared_ptr<Content> content_;
    const std::string path_;
    const Open how_;
    bool mapped_ = false;
  };

  std::map<std::string, std::shared_ptr<Content>> files_;
};

}  // namespace semel::fuzz
