#include "core/status.h"

#include <cerrno>
#include <cstring>

namespace semel {

Status Status::damaged(const std::string& path, uint64_t offset, std::string what) {
  std::string message = path + " is damaged at offset " + std::to_string(offset) + ": " + what;
  return {Code::damaged, std::move(message), {path, offset, std::move(what)}};
}

Status Status::at(Code code, const std::string& path, uint64_t offset, std::string what) {
  std::string message = path + " at offset " + std::to_string(offset) + ": " + what;
  return {code, std::move(message), {path, offset, std::move(what)}};
}

Status Status::about(Code code, const std::string& path, std::string what) {
  std::string message = path + " " + what;
  return {code, std::move(message), {path, std::nullopt, std::move(what)}};
}

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
  std::string what = std::string(std::strerror(error)) + "; " + remedy;
  std::string message = std::string("cannot ") + action + " " + path + ": " + what;
  return {code, std::move(message), {path, std::nullopt, std::move(what)}};
}

}  // namespace semel
