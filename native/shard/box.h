// Small files of a directory that are replaced as a whole, each with a checksum in front (FORMAT.md).
//
// Invariant: those of kBoxes are made with the directory, before its manifest; so one that is missing is
// damage, and never an empty one. The boxes of the sinks come later, and to older directories never.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/storage.h"

namespace semel {

constexpr uint32_t kBoxFormat = 1;
constexpr uint64_t kBoxHeaderBytes = 16;  // magic 8, format 4, CRC-32C 4

// Those of the layer above, then `shards`: empty until every shard's files have been made.
constexpr const char* kBoxes[] = {"structures", "sources", "offsets", "shards"};
constexpr const char* kShardsBox = "shards";
// The sinks' names by their numbers; only of a pipeline that has, or had, several.
constexpr const char* kSinksBox = "sinks";
// What a shard's sink has to know again at the next opening.
inline std::string sink_box(uint32_t shard) { return "sink-" + std::to_string(shard); }

std::vector<uint8_t> seal_box(const std::string& name, uint64_t directory_salt,
                              std::span<const uint8_t> content);
Status write_box(Storage& storage, const std::string& directory, const std::string& name,
                 uint64_t directory_salt, std::span<const uint8_t> content);

// Whether the bytes of the box at `path` check.
Status check_box(std::span<const uint8_t> bytes, const std::string& path, const std::string& name,
                 uint64_t directory_salt);

// The content; Code::damaged with file and offset, also where there is no such file.
Result<std::vector<uint8_t>> read_box(Storage& storage, const std::string& directory,
                                      const std::string& name, uint64_t directory_salt);

}  // namespace semel
