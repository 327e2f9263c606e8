#include "core/direct_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/bytes.h"

namespace semel {
namespace {

// A group up to this size goes out as one write, all of it from the copy; of a larger one the blocks at
// its ends alone are copied.
constexpr uint64_t kCopyBytes = 64 * 1024;

}  // namespace

// [whole_from, whole_to) is steady, and so is all from `behind` on.
struct DirectWriter::Job {
  const uint8_t* memory;
  uint64_t whole_from;
  uint64_t whole_to;
  uint64_t behind;

  // Bytes [first, last) as they are to be in the file.
  void fill(uint8_t* into, uint64_t first, uint64_t last) const {
    std::memset(into, 0, last - first);
    const auto take = [&](uint64_t from, uint64_t to) {
      from = std::max(from, first);
      to = std::min(to, last);
      if (from < to) std::memcpy(into + (from - first), memory + from, to - from);
    };
    take(whole_from, whole_to);
    take(behind, last);
  }
};

Result<DirectWriter> DirectWriter::make() {
  void* memory = nullptr;
  const int failed = ::posix_memalign(&memory, kBlockBytes, kCopyBytes);
  if (failed != 0) return Status::from_errno(failed, "reserve memory for", "direct writes");
  return DirectWriter(static_cast<uint8_t*>(memory));
}

Status DirectWriter::write_copy(File& file, const Job& job, uint64_t first, uint64_t last) {
  if (first >= last) return Status::ok();
  job.fill(copy_.get(), first, last);
  return file.write(first, {copy_.get(), last - first});
}

Status DirectWriter::write(File& file, const uint8_t* memory, uint64_t from, uint64_t to,
                           Beside beside) {
  if (from >= to) return Status::ok();
  const uint64_t behind = beside.busy_behind > UINT64_MAX - to ? UINT64_MAX : to + beside.busy_behind;
  const Job job{memory, from - std::min(from, beside.steady_before), to, behind};
  const uint64_t first = round_down(from, kBlockBytes);
  const uint64_t last = round_up(to, kBlockBytes);
  if (last - first <= kCopyBytes) return write_copy(file, job, first, last);
  const uint64_t middle = job.whole_from <= first ? first : first + kBlockBytes;
  const uint64_t end = round_down(to, kBlockBytes);
  SEMEL_TRY(write_copy(file, job, first, middle));
  SEMEL_TRY(file.write(middle, {memory + middle, end - middle}));
  return write_copy(file, job, end, last);
}

}  // namespace semel
