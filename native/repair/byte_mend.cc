#include "repair/byte_mend.h"

#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "repair/crc32c_reverse.h"
#include "shard/box.h"
#include "shard/manifest.h"

namespace semel {
namespace {

// Of larger boxes, damage that is no single byte would look like one too often.
constexpr std::size_t kMendBytesMax = 4096;

}  // namespace

std::optional<std::vector<uint8_t>> mend_manifest(std::span<const uint8_t> bytes) {
  if (bytes.size() != kManifestBytes) return std::nullopt;
  std::vector<uint8_t> mended(bytes.begin(), bytes.end());
  const uint32_t stored = load<uint32_t>(mended.data() + kManifestCrcAt);
  const uint32_t found = crc32c(0, mended.data(), kManifestCrcAt);
  if (differ_in_one_byte(stored, found)) {
    store<uint32_t>(mended.data() + kManifestCrcAt, found);
  } else if (const auto fix = one_byte_fix(found, stored, kManifestCrcAt)) {
    mended[fix->at] ^= fix->xor_with;
  }
  return parse_manifest(mended, "").is_ok() ? std::optional(mended) : std::nullopt;
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

}  // namespace semel
