// The first 4096 bytes of a segment file, in two parts that are written at two times (FORMAT.md).
//   identity  when the file is made ahead of need: whose it is, its number, size and salt. Durable
//             before the file gets its name, so a named segment without one is damaged.
//   link      when the log moves into it: which block comes first and where the segment before ended.
//             All zero until then.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/status.h"

namespace semel::acklog {

// Of the link; in a sector of its own, so that writing it cannot tear the identity.
constexpr uint64_t kLinkAt = 512;
constexpr uint64_t kSegmentHeaderBytes = 4096;
constexpr uint64_t kSegmentBytesMin = 64 * 1024;
constexpr uint64_t kSegmentBytesMax = 1024 * 1024 * 1024;

struct Identity {
  uint64_t number = 0;
  uint64_t bytes = 0;
  uint64_t salt = 0;
  uint64_t directory_salt = 0;

  // A segment's checksums start from its salt, so that bytes of any other segment never check: the
  // same bytes from another start give another CRC, always.
  uint32_t seed() const { return static_cast<uint32_t>(salt ^ (salt >> 32)); }
};

struct Link {
  uint64_t first_block = 0;
  uint64_t previous_end = 0;  // offset behind the seal of the segment before; 0 in the first
  uint64_t previous_block = 0;
  uint64_t previous_salt = 0;
  uint64_t claims = 0;  // highest block that was complete before a byte behind this header was written
  uint64_t oldest_segment = 0;
};

enum class LinkState { none, valid, broken };

void put_identity(uint8_t* page, const Identity& identity);  // clears the page first
void put_link(uint8_t* page, const Identity& identity, const Link& link);
// Code::format for another version or directory, Code::damaged for bytes that do not check.
Result<Identity> check_identity(std::span<const uint8_t> page, const std::string& path,
                                uint64_t directory_salt);
LinkState check_link(std::span<const uint8_t> page, const Identity& identity, Link* into);
Link get_link(const uint8_t* page);  // unchecked; of a segment that this process wrote

std::string segment_name(uint64_t number);
std::optional<uint64_t> segment_number(const std::string& name);  // nullopt: not a segment's name

uint64_t random_salt();

}  // namespace semel::acklog
