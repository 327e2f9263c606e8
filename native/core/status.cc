#include "core/status.h"

#include <cerrno>
#include <cstring>

namespace semel {

Status Status::from_errno(int error, const char* action, const std::string& path) {
  Code code = Code::io;
  if (error == ENOSPC || error == EDQUOT) code = Code::no_space;
  if (error == EROFS || error == EACCES || error == EPERM) code = Code::read_only;
  return {code, std::string("cannot ") + action + " " + path + ": " + std::strerror(error)};
}

}  // namespace semel
