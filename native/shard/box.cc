#include "shard/box.h"

#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "shard/manifest.h"

namespace semel {
namespace {

constexpr char kMagic[8] = {'s', 'e', 'm', 'e', 'l', 'b', 'o', 'x'};
constexpr std::size_t kHeaderBytes = 16;  // magic 8, format 4, CRC-32C of the content 4

}  // namespace

std::vector<uint8_t> seal_box(std::span<const uint8_t> content) {
  std::vector<uint8_t> bytes(kHeaderBytes + content.size());
  std::memcpy(bytes.data(), kMagic, sizeof kMagic);
  store<uint32_t>(bytes.data() + 8, kDirectoryFormat);
  store<uint32_t>(bytes.data() + 12, crc32c(kDirectoryFormat, content.data(), content.size()));
  if (!content.empty()) std::memcpy(bytes.data() + kHeaderBytes, content.data(), content.size());
  return bytes;
}

Result<std::vector<uint8_t>> read_box(Storage& storage, const std::string& path) {
  auto read = read_whole(storage, path);
  if (!read.is_ok()) return read.status();
  std::vector<uint8_t>& bytes = read.value();
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return Status{Code::damaged, path + " at offset 0: not a file of a stream"};
  }
  if (load<uint32_t>(bytes.data() + 8) != kDirectoryFormat) {
    return Status{Code::format, path + " has another format than this version reads"};
  }
  const std::span<const uint8_t> content = std::span(bytes).subspan(kHeaderBytes);
  if (load<uint32_t>(bytes.data() + 12) !=
      crc32c(kDirectoryFormat, content.data(), content.size())) {
    return Status{Code::damaged, path + " at offset 12: the checksum is wrong"};
  }
  bytes.erase(bytes.begin(), bytes.begin() + kHeaderBytes);
  return std::move(bytes);
}

}  // namespace semel
