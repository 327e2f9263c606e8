#include "shard/box.h"

#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "core/crc32c_reverse.h"
#include "shard/manifest.h"

namespace semel {
namespace {

constexpr char kMagic[8] = {'s', 'e', 'm', 'e', 'l', 'b', 'o', 'x'};

// Of larger ones, damage that is no single byte would look like one too often.
constexpr std::size_t kMendBytesMax = 4096;

// Tied to name and directory: a box in another's place never checks.
uint32_t checksum(const std::string& name, uint64_t salt, std::span<const uint8_t> content) {
  uint32_t crc = crc32c(kDirectoryFormat, name.data(), name.size());
  crc = crc32c(crc, &salt, sizeof salt);
  return crc32c(crc, content.data(), content.size());
}

}  // namespace

std::vector<uint8_t> seal_box(const std::string& name, uint64_t directory_salt,
                              std::span<const uint8_t> content) {
  std::vector<uint8_t> bytes(kBoxHeaderBytes + content.size());
  std::memcpy(bytes.data(), kMagic, sizeof kMagic);
  store<uint32_t>(bytes.data() + 8, kDirectoryFormat);
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

BoxCheck check_box(std::span<const uint8_t> bytes, const std::string& name,
                   uint64_t directory_salt) {
  if (bytes.size() < kBoxHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return {Code::damaged, 0, "not a file of a stream"};
  }
  if (load<uint32_t>(bytes.data() + 8) != kDirectoryFormat) {
    return {Code::format, 8, "it has another format than this version reads"};
  }
  if (load<uint32_t>(bytes.data() + 12) !=
      checksum(name, directory_salt, bytes.subspan(kBoxHeaderBytes))) {
    return {Code::damaged, 12, "the checksum is wrong"};
  }
  return {};
}

std::optional<std::vector<uint8_t>> mend_box(std::span<const uint8_t> bytes,
                                             const std::string& name, uint64_t directory_salt) {
  if (bytes.size() < kBoxHeaderBytes || bytes.size() > kMendBytesMax) return std::nullopt;
  const auto content = bytes.subspan(kBoxHeaderBytes);
  std::vector<uint8_t> mended = seal_box(name, directory_salt, content);
  const uint32_t found = load<uint32_t>(mended.data() + 12);
  const uint32_t stored = load<uint32_t>(bytes.data() + 12);
  const bool front_is_whole = std::memcmp(mended.data(), bytes.data(), 12) == 0;
  if (found == stored || (front_is_whole && differ_in_one_byte(found, stored))) return mended;
  const auto fix = one_byte_fix(found, stored, content.size());
  if (!front_is_whole || !fix.has_value()) return std::nullopt;
  mended[kBoxHeaderBytes + fix->at] ^= fix->xor_with;
  store<uint32_t>(mended.data() + 12, stored);
  return mended;
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
  const BoxCheck found = check_box(content.value(), name, directory_salt);
  if (!found.what.empty()) {
    return Status{found.code, path + " at offset " + std::to_string(found.offset) + ": " + found.what};
  }
  content.value().erase(content.value().begin(), content.value().begin() + kBoxHeaderBytes);
  return content;
}

}  // namespace semel
