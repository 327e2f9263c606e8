#include "acklog/segment_header.h"

#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"

namespace semel::acklog {
namespace {

constexpr char kMagic[9] = "semelack";
constexpr uint32_t kVersion = 1;
constexpr uint64_t kIdentityBytes = 48;  // and its CRC behind
constexpr uint64_t kLinkBytes = 48;

bool all_zero(std::span<const uint8_t> bytes) {
  for (const uint8_t byte : bytes) {
    if (byte != 0) return false;
  }
  return true;
}

Status damaged(const std::string& path, const char* what) {
  return Status::damaged(path, 0, what);
}

}  // namespace

void put_identity(uint8_t* page, const Identity& identity) {
  std::memset(page, 0, kSegmentHeaderBytes);
  std::memcpy(page, kMagic, 8);
  store<uint32_t>(page + 8, kVersion);
  store<uint32_t>(page + 12, kSegmentHeaderBytes);
  store<uint64_t>(page + 16, identity.number);
  store<uint64_t>(page + 24, identity.bytes);
  store<uint64_t>(page + 32, identity.salt);
  store<uint64_t>(page + 40, identity.directory_salt);
  store<uint32_t>(page + kIdentityBytes, crc32c(0, page, kIdentityBytes));
}

void put_link(uint8_t* page, const Identity& identity, const Link& link) {
  uint8_t* at = page + kLinkAt;
  store<uint64_t>(at, link.first_block);
  store<uint64_t>(at + 8, link.previous_end);
  store<uint64_t>(at + 16, link.previous_block);
  store<uint64_t>(at + 24, link.previous_salt);
  store<uint64_t>(at + 32, link.claims);
  store<uint64_t>(at + 40, link.oldest_segment);
  store<uint32_t>(at + kLinkBytes, crc32c(identity.seed(), at, kLinkBytes));
}

Result<Identity> check_identity(std::span<const uint8_t> page, const std::string& path,
                                uint64_t directory_salt) {
  const uint8_t* at = page.data();
  const bool sound = crc32c(0, at, kIdentityBytes) == load<uint32_t>(at + kIdentityBytes);
  if (!sound) return damaged(path, "its header does not check");
  if (std::memcmp(at, kMagic, 8) != 0) {
    return Status::about(Code::format, path, "is not a segment of an ack log");
  }
  if (load<uint32_t>(at + 8) != kVersion || load<uint32_t>(at + 12) != kSegmentHeaderBytes) {
    return Status::about(Code::format, path,
                         "has format version " + std::to_string(load<uint32_t>(at + 8)) +
                             "; this semel reads version " + std::to_string(kVersion));
  }
  Identity identity{load<uint64_t>(at + 16), load<uint64_t>(at + 24), load<uint64_t>(at + 32),
                    load<uint64_t>(at + 40)};
  if (identity.directory_salt != directory_salt) {
    return Status::about(Code::format, path, "belongs to another directory");
  }
  if (identity.bytes < kSegmentBytesMin || identity.bytes > kSegmentBytesMax ||
      identity.bytes % kBlockBytes != 0) {
    return damaged(path, "its header names an impossible size");
  }
  const uint64_t behind_identity = kIdentityBytes + 4;
  const uint64_t behind_link = kLinkAt + kLinkBytes + 4;
  if (!all_zero(page.subspan(behind_identity, kLinkAt - behind_identity)) ||
      !all_zero(page.subspan(behind_link, kSegmentHeaderBytes - behind_link))) {
    return damaged(path, "its header holds bytes where there are none");
  }
  return identity;
}

LinkState check_link(std::span<const uint8_t> page, const Identity& identity, Link* into) {
  const std::span<const uint8_t> bytes = page.subspan(kLinkAt, kLinkBytes + 4);
  if (all_zero(bytes)) return LinkState::none;
  if (crc32c(identity.seed(), bytes.data(), kLinkBytes) !=
      load<uint32_t>(bytes.data() + kLinkBytes)) {
    return LinkState::broken;
  }
  *into = get_link(page.data());
  return LinkState::valid;
}

Link get_link(const uint8_t* page) {
  const uint8_t* at = page + kLinkAt;
  return {load<uint64_t>(at),      load<uint64_t>(at + 8),  load<uint64_t>(at + 16),
          load<uint64_t>(at + 24), load<uint64_t>(at + 32), load<uint64_t>(at + 40)};
}

std::string segment_name(uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "ack-%016llx.log", static_cast<unsigned long long>(number));
  return name;
}

std::optional<uint64_t> segment_number(const std::string& name) {
  if (name.size() != 24 || name.compare(0, 4, "ack-") != 0 || name.compare(20, 4, ".log") != 0) {
    return std::nullopt;
  }
  uint64_t number = 0;
  for (std::size_t at = 4; at < 20; ++at) {
    const char digit = name[at];
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && !(digit >= 'a' && digit <= 'f')) return std::nullopt;
    number = number << 4 | static_cast<uint64_t>(decimal ? digit - '0' : digit - 'a' + 10);
  }
  return number == 0 ? std::nullopt : std::optional<uint64_t>(number);
}

uint64_t random_salt() {
  uint64_t salt = 0;
  // Fails only for more than 256 bytes or on a system without an entropy source.
  while (salt == 0) {
    if (::getentropy(&salt, sizeof salt) != 0) std::abort();
  }
  return salt;
}

}  // namespace semel::acklog
