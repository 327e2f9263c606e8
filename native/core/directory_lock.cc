#include "core/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

namespace semel {
namespace {

uint64_t read_pid(int fd) {
  char text[24] = {};
  if (::pread(fd, text, sizeof text - 1, 0) <= 0) return 0;
  return std::strtoull(text, nullptr, 10);
}

// directory_holder() has a shared lock for a moment, which a taker must not mistake for a holder.
constexpr int kTries = 20;
constexpr auto kTryPause = std::chrono::milliseconds(1);

bool lock_exclusive(int fd) {
  for (int tries = 0; tries < kTries; ++tries) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return false;
    std::this_thread::sleep_for(kTryPause);
  }
  errno = EWOULDBLOCK;
  return false;
}

// Who has it, as far as the file tells.
Status locked(const std::string& directory, const std::string& path) {
  uint64_t pid = 0;
  if (const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC); fd >= 0) {
    pid = read_pid(fd);
    ::close(fd);
  }
  const std::string who = pid == 0 ? "another process" : "the process with pid " + std::to_string(pid);
  return {Code::locked,
          directory + " is in use by " + who + "; close that stream, or open another directory"};
}

// In place, since on a full disk a file that was emptied might stay empty. The number is for people: a
// disk without room for it keeps nothing closed, but nobody else's number may stay.
bool write_pid(int fd) {
  char text[24];
  const int length = std::snprintf(text, sizeof text, "%ld\n", static_cast<long>(::getpid()));
  const ssize_t put = ::pwrite(fd, text, static_cast<size_t>(length), 0);
  if (put < 0 && (errno == ENOSPC || errno == EDQUOT)) return ::ftruncate(fd, 0) == 0;
  return put == length && ::ftruncate(fd, length) == 0;
}

class PosixLock final : public DirectoryLock {
 public:
  PosixLock(std::string directory, int directory_fd)
      : directory_(std::move(directory)), directory_fd_(directory_fd) {}
  ~PosixLock() override {
    if (fd_ >= 0) ::close(fd_);
    ::close(directory_fd_);
  }

  Status take();
  Status check() const override;

 private:
  const std::string directory_;
  const int directory_fd_;
  int fd_ = -1;
};

Status PosixLock::take() {
  const std::string path = directory_ + "/lock";
  // Where a directory can't be locked the file alone has to do.
  if (!lock_exclusive(directory_fd_) && errno == EWOULDBLOCK) return locked(directory_, path);
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd_ < 0) return Status::from_errno(errno, "open", path);
  struct stat info;
  // Made just now, perhaps under a umask that keeps its owner out as well.
  if (::fstat(fd_, &info) == 0 && info.st_size == 0) static_cast<void>(::fchmod(fd_, kFileMode));
  if (!lock_exclusive(fd_)) {
    if (errno != EWOULDBLOCK) return Status::from_errno(errno, "lock", path);
    return locked(directory_, path);
  }
  return write_pid(fd_) ? Status::ok() : Status::from_errno(errno, "write", path);
}

Status PosixLock::check() const {
  struct stat held;
  struct stat found;
  if (::fstat(directory_fd_, &held) != 0) {
    return Status::from_errno(errno, "look at", directory_);
  }
  if (::stat(directory_.c_str(), &found) != 0) {
    return {Code::io, directory_ + " can no longer be found (" + std::strerror(errno) +
                          "): it was deleted or moved while the stream had it open; put it back"};
  }
  if (held.st_dev == found.st_dev && held.st_ino == found.st_ino) return Status::ok();
  return {Code::io, directory_ + " is another directory now than the one that the stream had opened; "
                                 "put that one back"};
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Status::from_errno(errno, "open", directory);
  auto lock = std::make_unique<PosixLock>(directory, fd);
  SEMEL_TRY(lock->take());
  return std::unique_ptr<DirectoryLock>(std::move(lock));
}

uint64_t directory_holder(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  uint64_t pid = 0;
  if (::flock(fd, LOCK_SH | LOCK_NB) != 0) pid = read_pid(fd);
  ::close(fd);
  return pid;
}

}  // namespace semel
