// A box: a small file of a directory, replaced as a whole, with a checksum over its content (FORMAT.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/storage.h"

namespace semel {

std::vector<uint8_t> seal_box(std::span<const uint8_t> content);
// The content of the box at `path`, which is there. Code::damaged with file and offset where it does
// not check, Code::format where another version made it.
Result<std::vector<uint8_t>> read_box(Storage& storage, const std::string& path);

}  // namespace semel
