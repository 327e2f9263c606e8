#include "core/region.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "core/bytes.h"

namespace semel {
namespace {

Result<std::span<uint8_t>> anonymous_memory(uint64_t bytes, Pages pages = Pages::touched) {
  const int populate = pages == Pages::touched ? MAP_POPULATE : 0;
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
  if (at == MAP_FAILED) return Status::from_errno(errno, "reserve memory for", "a region");
  return std::span<uint8_t>(static_cast<uint8_t*>(at), bytes);
}

// The first store to a mapped page is a fault of about 8 µs: taken here, off the hot path.
void touch(std::span<uint8_t> memory) {
  for (std::size_t at = 0; at < memory.size(); at += kBlockBytes) {
    auto* byte = reinterpret_cast<volatile uint8_t*>(memory.data() + at);
    *byte = *byte;
  }
}

}  // namespace

Result<std::unique_ptr<Region>> Region::create(Storage& storage, const std::string& path,
                                               uint64_t bytes, Writer writer) {
  {
    auto made = storage.open(path, Open::create);
    if (!made.is_ok()) return made.status();
    SEMEL_TRY(made.value()->truncate(0));
    if (Status reserved = made.value()->preallocate(bytes); !reserved.is_ok()) {
      // What it did get goes back: on a full disk others need it. The cause is the answer.
      static_cast<void>(storage.remove(path));
      return reserved;
    }
    // The size and the blocks are durable before the first record relies on them.
    SEMEL_TRY(made.value()->sync());
  }
  return open(storage, path, writer);
}

Result<std::unique_ptr<Region>> Region::open(Storage& storage, const std::string& path,
                                             Writer writer) {
  auto buffered = storage.open(path, Open::existing);
  if (!buffered.is_ok()) return buffered.status();
  auto size = buffered.value()->size();
  if (!size.is_ok()) return size.status();
  if (size.value() == 0 || size.value() % kBlockBytes != 0) {
    return Status{Code::damaged, path + " has " + std::to_string(size.value()) +
                                     " bytes, which is not a whole number of 4096-byte blocks"};
  }
  if (writer == Writer::mapped) {
    // A copy may have holes where this file has zeros; a store into one on a full disk is a SIGBUS.
    SEMEL_TRY(buffered.value()->preallocate(size.value()));
    auto mapping = buffered.value()->map(size.value());
    if (!mapping.is_ok()) return mapping.status();
    touch(mapping.value());
    return std::unique_ptr<Region>(
        new Region(std::move(buffered.value()), mapping.value(), false));
  }
  auto memory = anonymous_memory(size.value());
  if (!memory.is_ok()) return memory.status();
  std::unique_ptr<Region> region(new Region(nullptr, memory.value(), true));
  SEMEL_TRY(buffered.value()->read(0, memory.value()));
  auto direct = storage.open(path, Open::existing_direct);
  if (!direct.is_ok()) return direct.status();
  region->file_ = std::move(direct.value());
  auto made = DirectWriter::make();
  if (!made.is_ok()) return made.status();
  region->writer_ = std::move(made.value());
  region->path_ = path;
  return region;
}

Result<std::unique_ptr<Region>> Region::anonymous(uint64_t bytes, Pages pages) {
  auto memory = anonymous_memory(bytes, pages);
  if (!memory.is_ok()) return memory.status();
  return std::unique_ptr<Region>(new Region(nullptr, memory.value(), true));
}

Region::~Region() {
  file_.reset();
  if (owns_memory_) ::munmap(memory_.data(), memory_.size());
}

Status Region::write(uint64_t from, uint64_t to, Beside beside) {
  if (!writer_.has_value()) return Status::ok();
  return writer_->write(*file_, memory_.data(), from, to, beside);
}

Status Region::check() const {
  return file_ == nullptr ? Status::ok() : file_->check(memory_.size());
}

Status Region::sync() { return file_ == nullptr ? Status::ok() : file_->sync(); }

}  // namespace semel
