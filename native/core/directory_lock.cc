#include "core/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

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

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { ::close(fd_); }

 private:
  const int fd_;
};

}  // namespace

Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return Status::from_errno(errno, "open", path);
  if (!lock_exclusive(fd)) {
    const int error = errno;
    const uint64_t pid = read_pid(fd);
    ::close(fd);
    if (error != EWOULDBLOCK) return Status::from_errno(error, "lock", path);
    return Status{Code::locked, directory + " is in use by the process with pid " +
                                    std::to_string(pid) +
                                    "; close that stream, or open another directory"};
  }
  char text[24];
  const int length = std::snprintf(text, sizeof text, "%ld\n", static_cast<long>(::getpid()));
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text, static_cast<size_t>(length), 0) != length) {
    const int error = errno;
    ::close(fd);
    return Status::from_errno(error, "write", path);
  }
  return std::unique_ptr<DirectoryLock>(std::make_unique<PosixLock>(fd));
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
