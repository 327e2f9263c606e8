// How a repair changes files so that a crash at any point leaves a directory that repair can be run on
// again (FORMAT.md).
//
// Order: the originals are copied to `before-repair-<n>`, the new files are written beside the old ones
// as `NAME.repaired`, all durably; then the file `repair` says what is to be done; then it is done, and
// `repair` goes. Up to `repair` nothing has changed; from there on it is carried out to the end, by
// whoever comes next. Each step may be done twice.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/storage.h"

namespace semel {

constexpr const char* kRepairedSuffix = ".repaired";
constexpr const char* kOriginalsPrefix = "before-repair-";

struct Change {
  std::string path;       // below the stream's directory
  bool replaces = false;  // by `path`.repaired, which may make it new; else it goes
};

// Writes a new file beside `folder`/`name`, durably but for its name.
Status write_beside(Storage& storage, const std::string& folder, const std::string& name,
                    std::span<const uint8_t> content);

// Copies what the changes concern; the folder's name. Nothing where none of it is there.
Result<std::string> keep_originals(Storage& storage, const std::string& directory,
                                   const std::vector<Change>& changes);

// Writes the intent and carries it out. The new files are durable.
Status carry_out(Storage& storage, const std::string& directory,
                 const std::vector<Change>& changes);

// Carries out what an earlier repair began; whether there was something.
Result<bool> finish_repair(Storage& storage, const std::string& directory);

}  // namespace semel
