// A disk in memory that tells what was synced from what was not, and fails when told to.
//
// What a power loss leaves (crash()):
//   content      of each 4 KiB page that differs from what was synced: the old one, the new one, or
//                torn, some 512-byte sectors of each. Sectors may also reach the disk unasked before,
//                as the system writes pages back when it likes (write_back())
//   size         the synced one or the present one
//   directories  of the entries made, renamed and removed since the directory's last sync: any of
//                them. A file whose name was lost is gone, synced or not
// What the death of the process leaves (survive()): all that was written or stored, since mapped
// pages and written bytes are the kernel's by then.
//
// A sync that fails leaves its pages clean without their being on disk, as Linux does: a second sync
// succeeds and does nothing for them. That is why a sync must never be tried again (I9).
//
// Threads: any; a mutex guards each call. Stores through map() are nobody's business, as on a machine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/storage.h"

namespace semel::faults {

using Random = std::mt19937_64;
using Bytes = std::vector<uint8_t>;

// A tree of files as a crash left it.
struct Image {
  std::map<std::string, std::shared_ptr<const Bytes>> files;
  std::set<std::string> directories;
};

class SimulatedStorage final : public Storage {
 public:
  enum class Operation { open, list, write, preallocate, truncate, map, sync, rename, remove,
                         sync_directory };

  SimulatedStorage() = default;
  explicit SimulatedStorage(const Image& image);

  Image crash(Random& random) const;
  Image survive() const;
  void write_back(Random& random);

  // Called before each operation takes place, without the lock.
  std::function<void(Operation operation, const std::string& path)> before;
  // The answer to an operation in place of its taking place; ok: it takes place.
  std::function<Status(Operation operation, const std::string& path)> fault;

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<bool> exists(const std::string& path) override;
  Status make_directory(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& directory) override;
  uint64_t holder(const std::string& directory) override;

 private:
  class SimulatedFile;
  class Lock;

  // A file's content; its names are elsewhere, as on a real disk.
  struct Inode {
    Bytes bytes;    // what a reader sees
    Bytes durable;  // what is on the disk for certain
    // Where a sync has failed: what counts as clean, though it is not durable.
    std::unique_ptr<Bytes> clean;
    bool mapped = false;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // A change of a directory that has not been synced; an empty name: none.
  struct Change {
    std::string directory;
    std::string removed;
    std::string added;
    std::shared_ptr<Inode> inode;
  };

  Status begin(Operation operation, const std::string& path) const;
  static void apply(const Change& change, Names& names);
  static std::shared_ptr<const Bytes> crashed(const Inode& inode, Random& random);
  static void sync_content(Inode& inode);
  static void lose_dirty(Inode& inode);

  mutable std::mutex mutex_;
  Names names_;
  Names durable_names_;
  std::vector<Change> changes_;
  std::set<std::string> directories_;
  std::set<std::string> locked_;
};

}  // namespace semel::faults
