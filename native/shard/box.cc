#include "shard/box.h"

#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"

namespace semel {
namespace {

constexpr char kMagic[8] = {'s', 'e', 'm', 'e', 'l', 'b', 'o', 'x'};

// Tied to name and directory: a box in another's place never checks.
uint32_t checksum(const std::string& name, uint64_t salt, std::span<const uint8_t> content) {
  uint32_t crc = crc32c(kBoxFormat, name.data(), name.size());
  crc = crc32c(crc, &salt, sizeof salt);
  return crc32c(crc, content.data(), content.size());
}

}  // namespace

std::vector<uint8_t> seal_box(const std::string& name, uint64_t directory_salt,
                              std::span<const uint8_t> content) {
  std::vector<uint8_t> bytes(kBoxHeaderBytes + content.size());
  std::memcpy(bytes.data(), kMagic, sizeof kMagic);
  store<uint32_t>(bytes.data() + 8, kBoxFormat);
  store<uint32_t>(bytes.data() + 12, checksum(name, directory_salt, content));
  if (!content.empty()) {
    std::memcpy(bytes.data() + kBoxHeaderBytes, content.data(), content.size());
  }
  return bytes;
}

Status write_box(Storage& storage, const std::string& directory, const std::string& name,
                 uint64_t directory_salt, std::span<const uint8_t> content) {
  return write_atomically(storage, directory, name, seal_box(name, directory_salt, content));
}

Status check_box(std::span<const uint8_t> bytes, const std::string& path, const std::string& name,
                 uint64_t directory_salt) {
  if (bytes.size() < kBoxHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return Status::at(Code::damaged, path, 0, "not a file of a stream");
  }
  if (load<uint32_t>(bytes.data() + 8) != kBoxFormat) {
    return Status::at(Code::format, path, 8, "it has another format than this version reads");
  }
  if (load<uint32_t>(bytes.data() + 12) !=
      checksum(name, directory_salt, bytes.subspan(kBoxHeaderBytes))) {
    return Status::at(Code::damaged, path, 12, "the checksum is wrong");
  }
  return Status::ok();
}

Result<std::vector<uint8_t>> read_box(Storage& storage, const std::string& directory,
                                      const std::string& name, uint64_t directory_salt) {
  const std::string path = directory + "/" + name;
  auto exists = storage.exists(path);
  if (!exists.is_ok()) return exists.status();
  if (!exists.value()) {
    return Status{Code::damaged, path + " is missing; restore it from a copy"};
  }
  auto content = read_whole(storage, path);
  if (!content.is_ok()) return content.status();
  SEMEL_TRY(check_box(content.value(), path, name, directory_salt));
  content.value().erase(content.value().begin(), content.value().begin() + kBoxHeaderBytes);
  return content;
}

}  // namespace semel
