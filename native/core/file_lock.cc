#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace semel {

Result<FileIdentity> identify_file(const std::string& path) {
  struct stat found;
  if (::stat(path.c_str(), &found) != 0) return Status::from_errno(errno, "look at", path);
  return FileIdentity{found.st_dev, found.st_ino};
}

Result<std::unique_ptr<FileLock>> FileLock::take(const std::string& path) {
  // NFS gives an exclusive lock to those alone that may write.
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Status::from_errno(errno, "open", path);
  struct stat found;
  if (::fstat(fd, &found) != 0) {
    const int error = errno;
    ::close(fd);
    return Status::from_errno(error, "look at", path);
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd);
    return Status{Code::locked,
                  path + " is written by another stream, sink or shard, perhaps under another name; "
                         "close that one, or give this sink a file of its own"};
  }
  return std::unique_ptr<FileLock>(new FileLock(fd, {found.st_dev, found.st_ino}));
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace semel
