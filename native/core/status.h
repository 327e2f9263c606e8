// The result of an operation of the core. The core throws nothing: what can fail returns a Status or
// a Result, and the binding turns it into a JavaScript error once. Full and empty are not errors and
// are returned as values of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace semel {

enum class Code {
  ok,
  io,                // the operating system refused; `message` carries its words
  no_space,          // the disk is full
  read_only,         // the directory or a file may not be written
  locked,            // another process or stream has the directory
  format,            // made by another version, or not ours at all
  damaged,           // bytes that were acknowledged do not check; `message` names file and offset
  mismatch,          // the directory was made with other options
  too_large,         // a message is over the limit
  invalid_argument,  // misuse; found before anything happened
  closed,            // the stream or shard has been closed
  fenced,            // a newer attempt or epoch has taken over
  poisoned,          // a sync failed; nothing is acknowledged until the stream is opened again
  sink_ahead,        // the sink has commits that the directory does not know
  sink_behind,       // the sink has lost commits that the directory knows it had
};

// The stable code that JavaScript sees.
constexpr const char* code_name(Code code) {
  switch (code) {
    case Code::ok: return "SEMEL_OK";
    case Code::io: return "SEMEL_IO";
    case Code::no_space: return "SEMEL_NO_SPACE";
    case Code::read_only: return "SEMEL_READ_ONLY";
    case Code::locked: return "SEMEL_LOCKED";
    case Code::format: return "SEMEL_FORMAT";
    case Code::damaged: return "SEMEL_DAMAGED";
    case Code::mismatch: return "SEMEL_MISMATCH";
    case Code::too_large: return "SEMEL_TOO_LARGE";
    case Code::invalid_argument: return "SEMEL_INVALID_ARGUMENT";
    case Code::closed: return "SEMEL_CLOSED";
    case Code::fenced: return "SEMEL_FENCED";
    case Code::poisoned: return "SEMEL_POISONED";
    case Code::sink_ahead: return "SEMEL_SINK_AHEAD";
    case Code::sink_behind: return "SEMEL_SINK_BEHIND";
  }
  return "SEMEL_IO";
}

// What a status is about, where that is a file, so that nobody has to read it out of the message.
struct FileFault {
  std::string path;
  std::optional<uint64_t> offset;
  std::string what;  // the message without path and offset
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }
  // Of a file: "PATH is damaged at offset N: WHAT", "PATH at offset N: WHAT", "PATH WHAT".
  static Status damaged(const std::string& path, uint64_t offset, std::string what);
  static Status at(Code code, const std::string& path, uint64_t offset, std::string what);
  static Status about(Code code, const std::string& path, std::string what);
  // From errno, naming what was done to which file, and the remedy.
  static Status from_errno(int error, const char* action, const std::string& path);

  bool is_ok() const { return code_ == Code::ok; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const FileFault* file_fault() const { return fault_.get(); }  // null: it is about no file

 private:
  Status(Code code, std::string message, FileFault fault)
      : code_(code),
        message_(std::move(message)),
        fault_(std::make_shared<const FileFault>(std::move(fault))) {}

  Code code_ = Code::ok;
  std::string message_;
  std::shared_ptr<const FileFault> fault_;
};

// A value, or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}              // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}      // NOLINT: implicit by design

  bool is_ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() { return *value_; }
  const T& value() const { return *value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

#define SEMEL_TRY(expression)                                   \
  do {                                                          \
    if (::semel::Status status_ = (expression); !status_.is_ok()) return status_; \
  } while (false)

}  // namespace semel
