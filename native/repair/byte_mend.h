// Small files of a directory, as they were before one of their bytes was changed: their checksum tells
// which it was. Nothing where that does not explain what is wrong with them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace semel {

std::optional<std::vector<uint8_t>> mend_manifest(std::span<const uint8_t> bytes);

// Of small boxes alone.
std::optional<std::vector<uint8_t>> mend_box(std::span<const uint8_t> bytes,
                                             const std::string& name, uint64_t directory_salt);

}  // namespace semel
