#include "shard/inspect.h"

#include "ring/journal.h"

namespace semel {
namespace {

Result<uint64_t> bytes_in(Storage& storage, const std::string& directory) {
  auto names = storage.list(directory);
  if (!names.is_ok()) return names.status();
  uint64_t total = 0;
  for (const std::string& name : names.value()) {
    auto file = storage.open(directory + "/" + name, Open::read_only);
    if (!file.is_ok()) continue;  // gone meanwhile
    auto size = file.value()->size();
    if (size.is_ok()) total += size.value();
  }
  return total;
}

auto inspect_log(Storage& storage, const std::string& directory, const Manifest& manifest,
                 uint32_t index) {
  AckLog::Options log;
  log.storage = &storage;
  log.directory = directory;
  log.segment_bytes = manifest.segment_bytes;
  log.directory_salt = shard_salt(manifest, index);
  return AckLog::inspect(log, [](const RecoveredIds&) {});
}

auto open_letters(Storage& storage, const std::string& directory, const Manifest& manifest,
                  uint32_t index, const AckHeader& header) {
  return DeadLetters::open_read_only({.storage = &storage,
                                      .directory = directory,
                                      .directory_salt = shard_salt(manifest, index),
                                      .committed_bytes = header.dead_letter_bytes});
}

std::string shard_path(const std::string& directory, uint32_t index) {
  return directory + "/shard-" + std::to_string(index);
}

Result<uint64_t> last_stored(Storage& storage, const std::string& directory,
                             const Manifest& manifest, uint32_t index, const AckHeader& header) {
  auto content = read_whole(storage, directory + "/journal");
  if (!content.is_ok()) return content.status();
  if (content.value().size() != kJournalHeaderBytes + manifest.ring_bytes) return header.through;
  const JournalIdentity identity{manifest.salt, index, manifest.ring_bytes};
  const auto ring = std::span<uint8_t>(content.value()).subspan(kJournalHeaderBytes);
  return scan_journal(ring, journal_seed(identity), header.journal_position, header.through, {})
      .sequence;
}

Result<ShardInspection> inspect_shard(Storage& storage, const std::string& directory,
                                      const Manifest& manifest, uint32_t index) {
  ShardInspection found;
  auto acked = inspect_log(storage, directory, manifest, index);
  if (!acked.is_ok()) return acked.status();
  found.header = acked.value().header;
  found.parked = acked.value().parked.size();
  found.ids = acked.value().ids;
  found.clean = acked.value().clean;
  found.confirmed = acked.value().confirmed;
  found.undecided = acked.value().undecided;
  found.stored = found.header.through;

  if (manifest.journal) {
    auto stored = last_stored(storage, directory, manifest, index, found.header);
    if (!stored.is_ok()) return stored.status();
    found.stored = stored.value();
  }

  auto letters = open_letters(storage, directory, manifest, index, found.header);
  if (!letters.is_ok()) return letters.status();
  found.dead_letters_open = letters.value()->open_count();

  auto bytes = bytes_in(storage, directory);
  if (!bytes.is_ok()) return bytes.status();
  found.bytes = bytes.value();
  return found;
}

}  // namespace

Result<Inspection> inspect_directory(Storage& storage, const std::string& directory) {
  Inspection found;
  auto manifest = read_manifest(storage, directory);
  if (!manifest.is_ok()) return manifest.status();
  found.manifest = manifest.value();
  found.holder = storage.holder(directory);
  if (found.manifest.delivery == Delivery::at_most_once) return found;
  for (uint32_t i = 0; i < found.manifest.shards; ++i) {
    auto shard =
        inspect_shard(storage, shard_path(directory, i), found.manifest, i);
    if (!shard.is_ok()) return shard.status();
    found.shards.push_back(shard.value());
  }
  return found;
}

Result<std::vector<DeadLetter>> read_dead_letters(Storage& storage, const std::string& directory,
                                                  uint32_t shard, uint64_t after, uint32_t max,
                                                  uint64_t bytes_max) {
  std::vector<DeadLetter> found;
  auto manifest = read_manifest(storage, directory);
  if (!manifest.is_ok()) return manifest.status();
  if (max == 0 || shard >= manifest.value().shards) return found;
  const std::string path = shard_path(directory, shard);
  // The log first: what it commits is in the letters' file by then.
  auto acked = inspect_log(storage, path, manifest.value(), shard);
  if (!acked.is_ok()) return acked.status();
  auto letters = open_letters(storage, path, manifest.value(), shard, acked.value().header);
  if (!letters.is_ok()) return letters.status();
  uint64_t bytes = 0;
  const Status visited = letters.value()->visit_open(
      [&](const DeadLetter& letter) {
        bytes += letter.payload.size();
        found.push_back(letter);
        return found.size() < max && bytes < bytes_max;
      },
      after);
  if (!visited.is_ok()) return visited;
  return found;
}

}  // namespace semel
