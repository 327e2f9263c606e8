#include "faults/simulated_storage.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/bytes.h"

namespace semel::faults {
namespace {

constexpr std::size_t kSectorBytes = 512;
// Files that are mapped must not move: nothing in a campaign grows beyond this.
constexpr std::size_t kFileBytesMax = 4 << 20;

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

Status missing(const std::string& path) {
  return {Code::io, "cannot open " + path + ": no such file"};
}

// Calls `each(offset, length)` for every sector in which the two differ, as long as both reach.
template <typename Each>
void each_difference(const Bytes& a, const Bytes& b, Each each) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t page = 0; page < common; page += kBlockBytes) {
    const std::size_t page_bytes = std::min<std::size_t>(kBlockBytes, common - page);
    if (std::memcmp(&a[page], &b[page], page_bytes) == 0) continue;
    for (std::size_t at = page; at < page + page_bytes; at += kSectorBytes) {
      const std::size_t length = std::min(kSectorBytes, page + page_bytes - at);
      if (std::memcmp(&a[at], &b[at], length) != 0) each(at, length);
    }
  }
}

}  // namespace

class SimulatedStorage::SimulatedFile final : public File {
 public:
  SimulatedFile(SimulatedStorage& disk, std::shared_ptr<Inode> inode, std::string path, bool writes)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), writes_(writes) {}

  const std::string& path() const override { return path_; }

  Result<uint64_t> size() const override {
    const std::lock_guard guard(disk_.mutex_);
    return uint64_t{inode_->bytes.size()};
  }

  Status read(uint64_t offset, std::span<uint8_t> into) const override {
    const std::lock_guard guard(disk_.mutex_);
    if (offset + into.size() > inode_->bytes.size()) {
      return {Code::damaged, path_ + " ends at offset " + std::to_string(inode_->bytes.size()) +
                                 ", too early"};
    }
    if (!into.empty()) std::memcpy(into.data(), inode_->bytes.data() + offset, into.size());
    return Status::ok();
  }

  Status write(uint64_t offset, std::span<const uint8_t> from) override {
    SEMEL_TRY(disk_.begin(Operation::write, path_));
    const std::lock_guard guard(disk_.mutex_);
    if (!writes_) return {Code::io, path_ + " was opened for reading"};
    if (offset + from.size() > inode_->bytes.size()) SEMEL_TRY(resize(offset + from.size()));
    if (!from.empty()) std::memcpy(inode_->bytes.data() + offset, from.data(), from.size());
    return Status::ok();
  }

  Status preallocate(uint64_t bytes) override {
    SEMEL_TRY(disk_.begin(Operation::preallocate, path_));
    const std::lock_guard guard(disk_.mutex_);
    return bytes > inode_->bytes.size() ? resize(bytes) : Status::ok();
  }

  Status truncate(uint64_t bytes) override {
    SEMEL_TRY(disk_.begin(Operation::truncate, path_));
    const std::lock_guard guard(disk_.mutex_);
    return resize(bytes);
  }

  Result<std::span<uint8_t>> map(uint64_t bytes) override {
    if (Status status = disk_.begin(Operation::map, path_); !status.is_ok()) return status;
    const std::lock_guard guard(disk_.mutex_);
    if (bytes > inode_->bytes.size()) return Status{Code::io, path_ + " is shorter than its mapping"};
    inode_->mapped = true;
    return std::span<uint8_t>(inode_->bytes.data(), bytes);
  }

  Status sync() override {
    Status status = disk_.begin(Operation::sync, path_);
    const std::lock_guard guard(disk_.mutex_);
    if (status.is_ok()) {
      sync_content(*inode_);
    } else {
      lose_dirty(*inode_);
    }
    return status;
  }

 private:
  Status resize(uint64_t bytes) {
    if (bytes > kFileBytesMax) return {Code::no_space, path_ + " is too large for this disk"};
    if (bytes > inode_->bytes.capacity()) {
      assert(!inode_->mapped && "a mapped file must not move");
      inode_->bytes.reserve(std::max<std::size_t>(bytes, 2 * inode_->bytes.capacity()));
    }
    inode_->bytes.resize(bytes);
    return Status::ok();
  }

  SimulatedStorage& disk_;
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
  const bool writes_;
};

class SimulatedStorage::Lock final : public DirectoryLock {
 public:
  Lock(SimulatedStorage& disk, std::string directory)
      : disk_(disk), directory_(std::move(directory)) {}
  ~Lock() override {
    const std::lock_guard guard(disk_.mutex_);
    disk_.locked_.erase(directory_);
  }

 private:
  SimulatedStorage& disk_;
  const std::string directory_;
};

SimulatedStorage::SimulatedStorage(const Image& image) : directories_(image.directories) {
  for (const auto& [path, bytes] : image.files) {
    auto inode = std::make_shared<Inode>();
    inode->bytes = *bytes;
    inode->durable = *bytes;
    names_[path] = inode;
  }
  durable_names_ = names_;
}

Status SimulatedStorage::begin(Operation operation, const std::string& path) const {
  if (before) before(operation, path);
  return fault ? fault(operation, path) : Status::ok();
}

void SimulatedStorage::apply(const Change& change, Names& names) {
  if (!change.removed.empty()) names.erase(change.removed);
  if (!change.added.empty()) names[change.added] = change.inode;
}

std::shared_ptr<const Bytes> SimulatedStorage::crashed(const Inode& inode, Random& random) {
  const Bytes& now = inode.bytes;
  auto left = std::make_shared<Bytes>(inode.durable);
  if (now.size() != left->size() && random() % 2 == 0) left->resize(now.size());
  // Whole pages, or torn ones: drawn once, so that an image in which all was written is not as rare
  // as its number of sectors makes it.
  const uint64_t kept_of_8 = random() % 9;
  const bool torn = random() % 2 == 0;
  std::size_t page = SIZE_MAX;
  bool keep = false;
  std::vector<std::pair<std::size_t, std::size_t>> kept;
  each_difference(*left, now, [&](std::size_t at, std::size_t length) {
    if (torn || at / kBlockBytes != page) keep = random() % 8 < kept_of_8;
    page = at / kBlockBytes;
    if (keep) kept.emplace_back(at, length);
  });
  for (const auto& [at, length] : kept) std::memcpy(&(*left)[at], &now[at], length);
  return left;
}

Image SimulatedStorage::crash(Random& random) const {
  const std::lock_guard guard(mutex_);
  Image image;
  image.directories = directories_;
  Names names = durable_names_;
  for (const Change& change : changes_) {
    if (random() % 2 == 0) apply(change, names);
  }
  for (const auto& [path, inode] : names) image.files[path] = crashed(*inode, random);
  return image;
}

Image SimulatedStorage::survive() const {
  const std::lock_guard guard(mutex_);
  Image image;
  image.directories = directories_;
  for (const auto& [path, inode] : names_) {
    image.files[path] = std::make_shared<const Bytes>(inode->bytes);
  }
  return image;
}

void SimulatedStorage::write_back(Random& random) {
  const std::lock_guard guard(mutex_);
  for (const auto& [path, inode] : names_) {
    Inode& file = *inode;
    if (random() % 2 != 0) continue;
    std::vector<std::pair<std::size_t, std::size_t>> written;
    each_difference(file.durable, file.bytes, [&](std::size_t at, std::size_t length) {
      if (random() % 2 == 0) written.emplace_back(at, length);
    });
    for (const auto& [at, length] : written) std::memcpy(&file.durable[at], &file.bytes[at], length);
  }
}

void SimulatedStorage::sync_content(Inode& inode) {
  if (inode.clean == nullptr) {
    inode.durable = inode.bytes;
    return;
  }
  inode.durable.resize(inode.bytes.size());
  each_difference(*inode.clean, inode.bytes, [&](std::size_t at, std::size_t length) {
    std::memcpy(&inode.durable[at], &inode.bytes[at], length);
  });
  for (std::size_t at = inode.clean->size(); at < inode.bytes.size(); ++at) {
    inode.durable[at] = inode.bytes[at];
  }
  *inode.clean = inode.bytes;
}

void SimulatedStorage::lose_dirty(Inode& inode) {
  inode.clean = std::make_unique<Bytes>(inode.bytes);
}

Result<std::unique_ptr<File>> SimulatedStorage::open(const std::string& path, Open how) {
  if (Status status = begin(Operation::open, path); !status.is_ok()) return status;
  const std::lock_guard guard(mutex_);
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (how != Open::create) return missing(path);
    auto inode = std::make_shared<Inode>();
    changes_.push_back({directory_of(path), "", path, inode});
    found = names_.emplace(path, std::move(inode)).first;
  }
  return std::unique_ptr<File>(
      std::make_unique<SimulatedFile>(*this, found->second, path, how != Open::read_only));
}

Result<std::vector<std::string>> SimulatedStorage::list(const std::string& directory) {
  if (Status status = begin(Operation::list, directory); !status.is_ok()) return status;
  const std::lock_guard guard(mutex_);
  std::vector<std::string> names;
  for (const auto& [path, inode] : names_) {
    if (directory_of(path) == directory) names.push_back(path.substr(directory.size() + 1));
  }
  return names;
}

Result<bool> SimulatedStorage::exists(const std::string& path) {
  const std::lock_guard guard(mutex_);
  return names_.contains(path) || directories_.contains(path);
}

Status SimulatedStorage::make_directory(const std::string& path) {
  const std::lock_guard guard(mutex_);
  directories_.insert(path);
  return Status::ok();
}

Status SimulatedStorage::rename(const std::string& from, const std::string& to) {
  SEMEL_TRY(begin(Operation::rename, to));
  const std::lock_guard guard(mutex_);
  const auto found = names_.find(from);
  if (found == names_.end()) return missing(from);
  changes_.push_back({directory_of(to), from, to, found->second});
  apply(changes_.back(), names_);
  return Status::ok();
}

Status SimulatedStorage::remove(const std::string& path) {
  SEMEL_TRY(begin(Operation::remove, path));
  const std::lock_guard guard(mutex_);
  if (!names_.contains(path)) return missing(path);
  changes_.push_back({directory_of(path), path, "", nullptr});
  apply(changes_.back(), names_);
  return Status::ok();
}

Status SimulatedStorage::sync_directory(const std::string& directory) {
  SEMEL_TRY(begin(Operation::sync_directory, directory));
  const std::lock_guard guard(mutex_);
  std::erase_if(changes_, [&](const Change& change) {
    if (change.directory != directory) return false;
    apply(change, durable_names_);
    return true;
  });
  return Status::ok();
}

Result<std::unique_ptr<DirectoryLock>> SimulatedStorage::lock(const std::string& directory) {
  const std::lock_guard guard(mutex_);
  if (!locked_.insert(directory).second) {
    return Status{Code::locked, directory + " is in use; close that stream, or open another directory"};
  }
  return std::unique_ptr<DirectoryLock>(std::make_unique<Lock>(*this, directory));
}

uint64_t SimulatedStorage::holder(const std::string& directory) {
  const std::lock_guard guard(mutex_);
  return locked_.contains(directory) ? 1 : 0;
}

}  // namespace semel::faults
