#include "shard/inspect.h"

#include "deadletters/dead_letters.h"
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

Result<ShardInspection> inspect_shard(Storage& storage, const std::string& directory,
                                      const Manifest& manifest, uint32_t index) {
  ShardInspection found;
  AckLog::Options log;
  log.storage = &storage;
  log.directory = directory;
  log.segment_bytes = manifest.segment_bytes;
  log.directory_salt = shard_salt(manifest, index);
  auto acked = AckLog::inspect(log, [](const RecoveredIds&) {});
  if (!acked.is_ok()) return acked.status();
  found.header = acked.value().header;
  found.parked = acked.value().parked.size();
  found.ids = acked.value().ids;
  found.clean = acked.value().clean;
  found.stored = found.header.through;

  const std::string path = directory + "/journal";
  auto content = read_whole(storage, path);
  if (!content.is_ok()) return content.status();
  if (content.value().size() == kJournalHeaderBytes + manifest.ring_bytes) {
    const JournalIdentity identity{manifest.salt, index, manifest.ring_bytes};
    const auto ring = std::span<uint8_t>(content.value()).subspan(kJournalHeaderBytes);
    const JournalScan scan = scan_journal(ring, journal_seed(identity),
                                          found.header.journal_position, found.header.through, {});
    found.stored = scan.sequence;
  }

  auto letters = DeadLetters::open_read_only({.storage = &storage,
                                              .directory = directory,
                                              .directory_salt = shard_salt(manifest, index),
                                              .committed_bytes = found.header.dead_letter_bytes});
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
        inspect_shard(storage, directory + "/shard-" + std::to_string(i), found.manifest, i);
    if (!shard.is_ok()) return shard.status();
    found.shards.push_back(shard.value());
  }
  return found;
}

}  // namespace semel
