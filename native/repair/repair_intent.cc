#include "repair/repair_intent.h"

#include <algorithm>
#include <set>

#include "shard/box.h"
#include "shard/unfinished_repair.h"

namespace semel {
namespace {

constexpr uint64_t kCopyBytes = 1024 * 1024;
constexpr uint64_t kNoSalt = 0;  // the manifest, which holds it, may be what is repaired
constexpr std::string_view kReplace = "replace ";
constexpr std::string_view kRemove = "remove ";

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string within(const std::string& directory, const std::string& folder) {
  return folder.empty() ? directory : directory + "/" + folder;
}

Status copy_file(Storage& storage, const std::string& from, const std::string& to) {
  auto source = storage.open(from, Open::read_only);
  if (!source.is_ok()) return source.status();
  auto size = source.value()->size();
  if (!size.is_ok()) return size.status();
  auto copy = storage.open(to, Open::create);
  if (!copy.is_ok()) return copy.status();
  SEMEL_TRY(copy.value()->truncate(0));
  std::vector<uint8_t> piece;
  for (uint64_t at = 0; at < size.value(); at += piece.size()) {
    piece.resize(std::min(kCopyBytes, size.value() - at));
    SEMEL_TRY(source.value()->read(at, piece));
    SEMEL_TRY(copy.value()->write(at, piece));
  }
  return copy.value()->sync();
}

std::string encode(const std::vector<Change>& changes) {
  std::string text;
  for (const Change& change : changes) {
    text += change.replaces ? kReplace : kRemove;
    text += change.path + "\n";
  }
  return text;
}

Result<std::vector<Change>> decode(const std::vector<uint8_t>& content, const std::string& path) {
  std::vector<Change> changes;
  std::string_view rest(reinterpret_cast<const char*>(content.data()), content.size());
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    const bool replaces = line.starts_with(kReplace);
    // Whatever the file says, nothing outside the directory is touched.
    if (end == std::string_view::npos || (!replaces && !line.starts_with(kRemove)) ||
        line.find("..") != std::string_view::npos || line.find(" /") != std::string_view::npos) {
      return Status{Code::format, path + " was written by another version of semel; finish the "
                                         "repair with that one"};
    }
    changes.push_back({std::string(line.substr(replaces ? kReplace.size() : kRemove.size())),
                       replaces});
    rest.remove_prefix(end + 1);
  }
  return changes;
}

Status apply(Storage& storage, const std::string& directory, const std::vector<Change>& changes) {
  std::set<std::string> folders;
  // New files first: the old ones go when what takes their place is there.
  for (const bool replaces : {true, false}) {
    for (const Change& change : changes) {
      if (change.replaces != replaces) continue;
      const std::string path = directory + "/" + change.path;
      const std::string from = replaces ? path + kRepairedSuffix : path;
      auto exists = storage.exists(from);
      if (!exists.is_ok()) return exists.status();
      if (!exists.value()) continue;  // done before a crash
      if (replaces) {
        SEMEL_TRY(storage.rename(from, path));
      } else {
        SEMEL_TRY(storage.remove(path));
      }
      folders.insert(folder_of(change.path));
    }
    for (const std::string& folder : folders) {
      SEMEL_TRY(storage.sync_directory(within(directory, folder)));
    }
  }
  SEMEL_TRY(storage.remove(directory + "/" + kRepairIntent));
  return storage.sync_directory(directory);
}

}  // namespace

Status write_beside(Storage& storage, const std::string& folder, const std::string& name,
                    std::span<const uint8_t> content) {
  auto file = storage.open(folder + "/" + name + kRepairedSuffix, Open::create);
  if (!file.is_ok()) return file.status();
  SEMEL_TRY(file.value()->truncate(0));
  SEMEL_TRY(file.value()->preallocate(content.size()));
  SEMEL_TRY(file.value()->write(0, content));
  return file.value()->sync();
}

Result<std::string> keep_originals(Storage& storage, const std::string& directory,
                                   const std::vector<Change>& changes) {
  auto names = storage.list(directory);
  if (!names.is_ok()) return names.status();
  uint64_t number = 0;
  const std::string prefix = kOriginalsPrefix;
  for (const std::string& name : names.value()) {
    if (!name.starts_with(prefix)) continue;
    number = std::max<uint64_t>(number, std::strtoull(name.c_str() + prefix.size(), nullptr, 10));
  }
  const std::string folder = prefix + std::to_string(number + 1);
  std::set<std::string> made;
  for (const Change& change : changes) {
    const std::string from = directory + "/" + change.path;
    auto exists = storage.exists(from);
    if (!exists.is_ok()) return exists.status();
    if (!exists.value()) continue;
    const std::string inside = within(directory + "/" + folder, folder_of(change.path));
    if (made.insert(inside).second) SEMEL_TRY(storage.make_directory(inside));
    SEMEL_TRY(copy_file(storage, from, directory + "/" + folder + "/" + change.path));
  }
  for (const std::string& one : made) SEMEL_TRY(storage.sync_directory(one));
  return made.empty() ? std::string() : folder;
}

Status carry_out(Storage& storage, const std::string& directory,
                 const std::vector<Change>& changes) {
  std::set<std::string> folders;
  for (const Change& change : changes) folders.insert(folder_of(change.path));
  for (const std::string& folder : folders) {
    SEMEL_TRY(storage.sync_directory(within(directory, folder)));
  }
  const std::string text = encode(changes);
  SEMEL_TRY(write_box(storage, directory, kRepairIntent, kNoSalt,
                      {reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
  return apply(storage, directory, changes);
}

Result<bool> finish_repair(Storage& storage, const std::string& directory) {
  auto exists = storage.exists(directory + "/" + kRepairIntent);
  if (!exists.is_ok()) return exists.status();
  if (!exists.value()) return false;
  auto content = read_box(storage, directory, kRepairIntent, kNoSalt);
  if (!content.is_ok()) {
    return Status{content.status().code(),
                  content.status().message() + "; put the files of the newest " + directory + "/" +
                      kOriginalsPrefix + "N back, remove " + directory + "/" + kRepairIntent +
                      ", and repair again"};
  }
  auto changes = decode(content.value(), directory + "/" + kRepairIntent);
  if (!changes.is_ok()) return changes.status();
  SEMEL_TRY(apply(storage, directory, changes.value()));
  return true;
}

}  // namespace semel
