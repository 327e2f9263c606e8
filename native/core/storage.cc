#include "core/storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/bytes.h"
#include "core/directory_lock.h"
#include "core/faults.h"

namespace semel {
namespace {

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  ~PosixFile() override {
    if (mapping_.data() != nullptr) ::munmap(mapping_.data(), mapping_.size());
    ::close(fd_);
  }

  const std::string& path() const override { return path_; }

  Result<uint64_t> size() const override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return Status::from_errno(errno, "look at", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  Status read(uint64_t offset, std::span<uint8_t> into) const override {
    while (!into.empty()) {
      const ssize_t got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Status::from_errno(errno, "read", path_);
      if (got == 0) {
        return Status::about(Code::damaged, path_,
                             "ends at offset " + std::to_string(offset) + ", too early");
      }
      into = into.subspan(static_cast<std::size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
    return Status::ok();
  }

  Status write(uint64_t offset, std::span<const uint8_t> from) override {
    while (!from.empty()) {
      const ssize_t put = ::pwrite(fd_, from.data(), from.size(), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EINVAL && leave_direct()) continue;
      if (put < 0) return Status::from_errno(errno, "write", path_);
      from = from.subspan(static_cast<std::size_t>(put));
      offset += static_cast<uint64_t>(put);
    }
    return Status::ok();
  }

  Status preallocate(uint64_t bytes) override {
    int error = EINTR;
    while (error == EINTR) error = ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
    return error == 0 ? Status::ok() : Status::from_errno(error, "reserve space for", path_);
  }

  Status truncate(uint64_t bytes) override {
    if (::ftruncate(fd_, static_cast<off_t>(bytes)) == 0) return Status::ok();
    return Status::from_errno(errno, "truncate", path_);
  }

  Result<std::span<uint8_t>> map(uint64_t bytes) override {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (at == MAP_FAILED) return Status::from_errno(errno, "map", path_);
    mapping_ = {static_cast<uint8_t*>(at), bytes};
    return mapping_;
  }

  Status sync() override {
    if (::fdatasync(fd_) == 0) return Status::ok();
    return Status::from_errno(errno, "sync", path_);
  }

  Status check(uint64_t bytes) const override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return Status::from_errno(errno, "look at", path_);
    if (info.st_nlink == 0) {
      return {Code::io, path_ + " was deleted while the stream had it open; restore the stream's "
                                "directory from a copy"};
    }
    if (static_cast<uint64_t>(info.st_size) < bytes) {
      return {Code::io, path_ + " was cut to " + std::to_string(info.st_size) + " of " +
                            std::to_string(bytes) + " bytes while the stream had it open; restore "
                            "the stream's directory from a copy"};
    }
    return Status::ok();
  }

 private:
  // Some file systems take the flag and refuse the writes. False where it was not set, or stays.
  bool leave_direct() {
#ifdef O_DIRECT
    const int flags = ::fcntl(fd_, F_GETFL);
    return flags >= 0 && (flags & O_DIRECT) != 0 && ::fcntl(fd_, F_SETFL, flags & ~O_DIRECT) == 0;
#else
    return false;
#endif
  }

  const int fd_;
  const std::string path_;
  std::span<uint8_t> mapping_;
};

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class PosixStorage final : public Storage {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    int flags = (how == Open::read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    if (how == Open::create) flags |= O_CREAT;
    int fd = -1;
#ifdef O_DIRECT
    if (how == Open::existing_direct) {
      // Some file systems refuse direct I/O; buffered writes then give the same bytes, more slowly.
      fd = ::open(path.c_str(), flags | O_DIRECT);
    }
#endif
    if (fd < 0) fd = ::open(path.c_str(), flags, kFileMode);
    if (fd < 0) return Status::from_errno(errno, "open", path);
    // A new file that is taken up again may be of another mode, and a umask may have taken the owner's
    // rights too. Some file systems have no modes.
    if (how == Open::create) static_cast<void>(::fchmod(fd, kFileMode));
    return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* open = ::opendir(directory.c_str());
    if (open == nullptr) return Status::from_errno(errno, "list", directory);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(open)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(open);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return Status::from_errno(errno, "look at", path);
  }

  Status make_directory(const std::string& path) override {
    std::string found;
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (::mkdir(part.c_str(), kDirectoryMode) == 0) {
        static_cast<void>(::chmod(part.c_str(), kDirectoryMode));
        SEMEL_TRY(sync_directory(parent_of(part)));
      } else if (errno == EEXIST) {
        found = part;
      } else {
        return Status::from_errno(errno, "make the directory", part);
      }
      if (end == std::string::npos) break;
    }
    if (found.empty()) return Status::ok();
    struct stat info;
    if (::stat(found.c_str(), &info) != 0) return Status::from_errno(errno, "look at", found);
    if (!S_ISDIR(info.st_mode)) return Status::from_errno(ENOTDIR, "make the directory", found);
    // A parent that this user may not read is not one that it has made anything in.
    const Status synced = sync_directory(parent_of(found));
    return synced.code() == Code::read_only ? Status::ok() : synced;
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return Status::ok();
    return Status::from_errno(errno, "rename", from);
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return Status::ok();
    return Status::from_errno(errno, "remove", path);
  }

  Status sync_directory(const std::string& directory) override {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return Status::from_errno(errno, "open", directory);
    const int failed = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    return failed == 0 ? Status::ok() : Status::from_errno(error, "sync", directory);
  }

  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override {
    return lock_directory(directory);
  }

  uint64_t holder(const std::string& directory) override { return directory_holder(directory); }
};

}  // namespace

Storage& Storage::real() {
  static PosixStorage storage;
  return storage;
}

Status write_new(Storage& storage, const std::string& path, std::span<const uint8_t> content) {
  auto file = storage.open(path, Open::create);
  if (!file.is_ok()) return file.status();
  SEMEL_TRY(file.value()->truncate(0));
  SEMEL_TRY(file.value()->write(0, content));
  return file.value()->sync();
}

Status write_atomically(Storage& storage, const std::string& directory, const std::string& name,
                        std::span<const uint8_t> content) {
  const std::string path = directory + "/" + name;
  const std::string fresh = path + ".new";
  if (Status written = write_new(storage, fresh, content); !written.is_ok()) {
    // What it did get of a full disk goes back. The cause is the answer.
    static_cast<void>(storage.remove(fresh));
    return written;
  }
  SEMEL_TRY(storage.rename(fresh, path));
  fault_point("file.renamed");
  return storage.sync_directory(directory);
}

Result<std::vector<uint8_t>> read_whole(Storage& storage, const std::string& path) {
  auto file = storage.open(path, Open::read_only);
  if (!file.is_ok()) return file.status();
  auto size = file.value()->size();
  if (!size.is_ok()) return size.status();
  std::vector<uint8_t> content(size.value());
  SEMEL_TRY(file.value()->read(0, content));
  return content;
}

}  // namespace semel
