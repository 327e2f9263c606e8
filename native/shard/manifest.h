// The file `stream` in a directory: what can't change while data is in it, and the secrets that were
// made with it. 160 bytes, replaced as a whole; changed afterwards by adopt_payloads() and adopt_journal()
// alone (FORMAT.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/id.h"
#include "core/storage.h"
#include "shard/options.h"

namespace semel {

// What is written. Format 1 had neither wide offsets nor streams without a journal.
constexpr uint32_t kDirectoryFormat = 2;
constexpr uint32_t kOldestDirectoryFormat = 1;
constexpr std::size_t kManifestBytes = 160;
constexpr std::size_t kManifestCrcAt = kManifestBytes - 4;  // over all before it

struct Manifest {
  uint32_t format = kDirectoryFormat;
  std::string name;
  uint32_t shards = 1;
  Delivery delivery = Delivery::at_least_once;
  bool dedup = false;
  Payloads payloads = Payloads::unknown;
  uint32_t frame_bytes = 0;
  bool journal = true;
  uint64_t ring_bytes = 0;
  uint64_t segment_bytes = 0;
  uint64_t salt = 0;     // ties every file to this directory
  HashKey hash_key;      // of ids over 16 bytes
  uint64_t seed = 0;     // of the index
};

// What ties a shard's ack log and dead letters to it: another shard's files are refused like another
// directory's.
constexpr uint64_t shard_salt(const Manifest& manifest, uint32_t index) {
  return manifest.salt + index * 0x9E3779B97F4A7C15ull;
}

// Its bytes.
std::vector<uint8_t> manifest_bytes(const Manifest& manifest);
// Reads the manifest; Code::format where there is none or it is of another version.
Result<Manifest> read_manifest(Storage& storage, const std::string& directory);
Result<Manifest> parse_manifest(std::span<const uint8_t> bytes, const std::string& directory);
// Reads it and compares it with `options`, or makes it with new secrets and empty boxes. Code::damaged
// where there is none though a stream's files are there.
Result<Manifest> open_manifest(Storage& storage, const StreamOptions& options);
// Where the manifest does not say what the payloads are, writes down what `options` says.
// Code::mismatch where `has_shapes`, objects having been stored, and they are to be frames.
Status adopt_payloads(Storage& storage, const StreamOptions& options, bool has_shapes,
                      Manifest* manifest);
// Once all shards are open: whether there is a journal from now on, and the format that this version
// writes, are as the manifest says. What a crash leaves before is as it was.
Status adopt_journal(Storage& storage, const StreamOptions& options, Manifest* manifest);

}  // namespace semel
