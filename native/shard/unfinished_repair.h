// What opening has to know of repair: that one was begun and not finished.
#pragma once

#include <string>

#include "core/storage.h"

namespace semel {

// A file in the directory from the first change of a repair to its last (FORMAT.md).
constexpr const char* kRepairIntent = "repair";

// Code::damaged where there is one: nothing in the directory can be trusted.
Status refuse_unfinished_repair(Storage& storage, const std::string& directory);

}  // namespace semel
