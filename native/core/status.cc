#include "core/status.h"

#include <cerrno>
#include <cstring>

namespace semel {

Status Status::from_errno(int error, const char* action, const std::string& path) {
  Code code = Code::io;
  const char* remedy = "check its disk and the system's log";
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      code = Code::no_space;
      remedy = "free space on its disk";
      break;
    case EROFS:
    case EACCES:
    case EPERM:
      code = Code::read_only;
      remedy = "let this user write to it, or give another directory";
      break;
    case ENOTDIR:
    case EEXIST:
      remedy = "give the path of a directory";
      break;
    case ENOENT:
      remedy = "check that nothing else deletes or moves what is in the stream's directory";
      break;
    case EMFILE:
    case ENFILE:
      remedy = "let the process open more files";
      break;
    case ENOMEM:
      remedy = "free memory, or use a smaller ring and fewer shards";
      break;
    default: break;
  }
  return {code, std::string("cannot ") + action + " " + path + ": " + std::strerror(error) + "; " +
                    remedy};
}

}  // namespace semel
