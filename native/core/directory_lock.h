// One stream a directory. The lock is the kernel's (flock), so it goes with its holder however that
// ends; the content of the file `lock` only names the holder for the error.
//
// Both the directory and the file are locked: the directory, so that deleting the file lets nobody in;
// the file, for file systems that can't lock a directory (NFS).
#pragma once

#include <memory>
#include <string>

#include "core/storage.h"

namespace semel {

// What Storage::real() does for lock() and holder().
Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& directory);
uint64_t directory_holder(const std::string& directory);

}  // namespace semel
