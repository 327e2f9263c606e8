#include "shard/manifest.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "acklog/segment_header.h"
#include "core/crc32c.h"
#include "ring/ring.h"
#include "shard/box.h"

namespace semel {
namespace {

constexpr char kMagic[8] = {'s', 'e', 'm', 'e', 'l', 'd', 'i', 'r'};
constexpr std::size_t kNameBytes = 80;

std::string path_of(const std::string& directory) { return directory + "/stream"; }

std::array<uint8_t, kManifestBytes> encode(const Manifest& manifest) {
  std::array<uint8_t, kManifestBytes> bytes{};
  uint8_t* at = bytes.data();
  std::memcpy(at, kMagic, sizeof kMagic);
  store<uint32_t>(at + 8, manifest.format);
  store<uint32_t>(at + 12, manifest.shards);
  at[16] = static_cast<uint8_t>(manifest.delivery);
  at[17] = manifest.dedup ? 1 : 0;
  at[18] = static_cast<uint8_t>(manifest.payloads);
  at[19] = manifest.journal ? 0 : 1;
  store<uint32_t>(at + 20, manifest.frame_bytes);
  store<uint64_t>(at + 24, manifest.ring_bytes);
  store<uint64_t>(at + 32, manifest.segment_bytes);
  store<uint64_t>(at + 40, manifest.salt);
  store<uint64_t>(at + 48, manifest.hash_key.k0);
  store<uint64_t>(at + 56, manifest.hash_key.k1);
  store<uint64_t>(at + 64, manifest.seed);
  std::memcpy(at + 72, manifest.name.data(), manifest.name.size());
  store<uint32_t>(at + kManifestCrcAt, crc32c(0, at, kManifestCrcAt));
  return bytes;
}

const char* delivery_name(Delivery delivery) {
  switch (delivery) {
    case Delivery::at_most_once: return "at-most-once";
    case Delivery::at_least_once: return "at-least-once";
    case Delivery::exactly_once: return "exactly-once";
  }
  return "unknown";
}

std::string payloads_name(Payloads payloads, uint32_t frame_bytes) {
  return payloads == Payloads::frames ? "frames of " + std::to_string(frame_bytes) + " bytes"
                                      : "objects";
}

Status differing(const StreamOptions& options, const char* option, const std::string& was,
                 const std::string& is) {
  return {Code::mismatch, options.directory + " was made with " + option + " " + was + ", not " +
                              is + "; open it so, or use another directory"};
}

// As pipelines say it: `dedup` is no word of theirs.
Status differing_ids(const StreamOptions& options) {
  const std::string with_id = "deliver(..., { id, window })";
  const std::string without_id = options.delivery == Delivery::exactly_once
                                     ? "deliver('exactly-once', { by: 'position' })"
                                     : "a deliver without id";
  const std::string& was = options.dedup ? without_id : with_id;
  const std::string& is = options.dedup ? with_id : without_id;
  return {Code::mismatch, options.directory + " was made by a pipeline with " + was +
                              ", and this one has " + is + "; go back to " + was +
                              ", or use another directory"};
}

Status compare(const Manifest& manifest, const StreamOptions& options) {
  const auto differs = [&](const char* option, const std::string& was, const std::string& is) {
    return differing(options, option, was, is);
  };
  if (manifest.name != options.name) return differs("pipeline", manifest.name, options.name);
  if (manifest.shards != options.shards) {
    return differs("shards", std::to_string(manifest.shards), std::to_string(options.shards));
  }
  if (manifest.delivery != options.delivery) {
    return differs("delivery", delivery_name(manifest.delivery), delivery_name(options.delivery));
  }
  if (manifest.dedup != options.dedup) return differing_ids(options);
  if (manifest.ring_bytes != options.ring_bytes) {
    return differs("ring", std::to_string(manifest.ring_bytes),
                   std::to_string(options.ring_bytes));
  }
  // Payloads read as another kind would give handlers wrong messages.
  if (manifest.payloads != Payloads::unknown && options.payloads != Payloads::unknown &&
      (manifest.payloads != options.payloads || manifest.frame_bytes != options.frame_bytes)) {
    return differs("accepts", payloads_name(manifest.payloads, manifest.frame_bytes),
                   payloads_name(options.payloads, options.frame_bytes));
  }
  return Status::ok();
}

// What a manifest that checks may still not say, since nothing makes such a stream.
const char* fault_of(const Manifest& manifest) {
  if (manifest.shards == 0 || manifest.shards > kShardsMax) return "an impossible number of shards";
  if (manifest.delivery > Delivery::exactly_once) return "a delivery that there is not";
  if (manifest.format < 2 && !manifest.journal) return "no journal, which its format had";
  if (manifest.payloads > Payloads::frames) return "payloads that there are not";
  const bool has_size = manifest.payloads == Payloads::frames;
  if (has_size ? manifest.frame_bytes == 0 || manifest.frame_bytes > kRawFrameBytesMax
               : manifest.frame_bytes != 0) {
    return "an impossible size of frames";
  }
  if (!is_ring_capacity(manifest.ring_bytes)) return "an impossible size of the rings";
  if (manifest.segment_bytes < acklog::kSegmentBytesMin ||
      manifest.segment_bytes > acklog::kSegmentBytesMax ||
      manifest.segment_bytes % kBlockBytes != 0) {
    return "an impossible size of the segments";
  }
  return nullptr;
}

// What a crash while the directory was made leaves is empty boxes at most.
Status refuse_traces(Storage& storage, const std::string& directory) {
  const auto refuse = [&](const std::string& name) {
    return Status{Code::damaged, path_of(directory) + " is missing, but " + directory + "/" + name +
                                     " is there; restore it from a copy, or use another directory"};
  };
  auto shard = storage.exists(directory + "/shard-0");
  if (!shard.is_ok()) return shard.status();
  if (shard.value()) return refuse("shard-0");
  for (const char* name : kBoxes) {
    auto exists = storage.exists(directory + "/" + name);
    if (!exists.is_ok()) return exists.status();
    if (!exists.value()) continue;
    auto content = read_whole(storage, directory + "/" + name);
    if (!content.is_ok()) return content.status();
    if (content.value().size() != kBoxHeaderBytes) return refuse(name);
  }
  return Status::ok();
}

}  // namespace

std::vector<uint8_t> manifest_bytes(const Manifest& manifest) {
  const auto bytes = encode(manifest);
  return {bytes.begin(), bytes.end()};
}

Result<Manifest> read_manifest(Storage& storage, const std::string& directory) {
  const std::string path = path_of(directory);
  auto exists = storage.exists(path);
  if (!exists.is_ok()) return exists.status();
  if (!exists.value()) {
    return Status{Code::format, directory + " holds no stream: " + path +
                                    " is missing; give the directory that a stream was opened with"};
  }
  auto content = read_whole(storage, path);
  if (!content.is_ok()) return content.status();
  return parse_manifest(content.value(), directory);
}

Result<Manifest> parse_manifest(std::span<const uint8_t> bytes, const std::string& directory) {
  const std::string path = path_of(directory);
  if (bytes.size() < 12 || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return Status::at(Code::damaged, path, 0, "not a stream's manifest");
  }
  const uint32_t format = load<uint32_t>(bytes.data() + 8);
  if (format < kOldestDirectoryFormat || format > kDirectoryFormat) {
    return Status{Code::format, directory + " has format " + std::to_string(format) +
                                    ", this version reads " +
                                    std::to_string(kOldestDirectoryFormat) + " to " +
                                    std::to_string(kDirectoryFormat) +
                                    "; drain it with the version that made it"};
  }
  if (bytes.size() != kManifestBytes ||
      load<uint32_t>(bytes.data() + kManifestCrcAt) != crc32c(0, bytes.data(), kManifestCrcAt)) {
    return Status::at(Code::damaged, path, kManifestCrcAt, "the checksum is wrong");
  }
  const uint8_t* at = bytes.data();
  Manifest manifest;
  manifest.format = format;
  manifest.shards = load<uint32_t>(at + 12);
  manifest.delivery = static_cast<Delivery>(at[16]);
  manifest.dedup = at[17] != 0;
  manifest.payloads = static_cast<Payloads>(at[18]);
  manifest.journal = at[19] == 0;
  manifest.frame_bytes = load<uint32_t>(at + 20);
  manifest.ring_bytes = load<uint64_t>(at + 24);
  manifest.segment_bytes = load<uint64_t>(at + 32);
  manifest.salt = load<uint64_t>(at + 40);
  manifest.hash_key = {load<uint64_t>(at + 48), load<uint64_t>(at + 56)};
  manifest.seed = load<uint64_t>(at + 64);
  const char* name = reinterpret_cast<const char*>(at + 72);
  manifest.name.assign(name, ::strnlen(name, kNameBytes));
  const char* fault = fault_of(manifest);
  // Bytes that mean nothing are zero: encoded again, what was read is the same.
  if (fault == nullptr && !std::ranges::equal(encode(manifest), bytes)) fault = "bytes without a meaning";
  if (fault != nullptr) {
    return Status::at(Code::damaged, path, 12, std::string("it says ") + fault);
  }
  return manifest;
}

Result<Manifest> open_manifest(Storage& storage, const StreamOptions& options) {
  auto exists = storage.exists(path_of(options.directory));
  if (!exists.is_ok()) return exists.status();
  if (exists.value()) {
    auto manifest = read_manifest(storage, options.directory);
    if (!manifest.is_ok()) return manifest.status();
    SEMEL_TRY(compare(manifest.value(), options));
    return manifest;
  }
  if (options.name.size() > kNameBytes || options.name.find('\0') != std::string::npos) {
    return Status{Code::invalid_argument,
                  "pipeline name '" + options.name + "' has " +
                      std::to_string(options.name.size()) + " bytes; give one of at most " +
                      std::to_string(kNameBytes) + " bytes, without NUL"};
  }
  SEMEL_TRY(refuse_traces(storage, options.directory));
  Manifest manifest;
  manifest.name = options.name;
  manifest.shards = options.shards;
  manifest.delivery = options.delivery;
  manifest.dedup = options.dedup;
  manifest.payloads = options.payloads;
  manifest.frame_bytes = options.frame_bytes;
  manifest.journal = options.journal;
  manifest.ring_bytes = options.ring_bytes;
  manifest.segment_bytes = options.segment_bytes;
  uint64_t secrets[4];
  if (::getrandom(secrets, sizeof secrets, 0) != sizeof secrets) {
    return Status::from_errno(errno, "draw random numbers for", options.directory);
  }
  manifest.salt = secrets[0];
  manifest.hash_key = {secrets[1], secrets[2]};
  manifest.seed = secrets[3];
  for (const char* name : kBoxes) {
    SEMEL_TRY(write_box(storage, options.directory, name, manifest.salt, {}));
  }
  const auto bytes = encode(manifest);
  SEMEL_TRY(write_atomically(storage, options.directory, "stream", bytes));
  return manifest;
}

Status adopt_payloads(Storage& storage, const StreamOptions& options, bool has_shapes,
                      Manifest* manifest) {
  if (manifest->payloads != Payloads::unknown || options.payloads == Payloads::unknown) {
    return Status::ok();
  }
  if (has_shapes && options.payloads == Payloads::frames) {
    return differing(options, "accepts", payloads_name(Payloads::objects, 0),
                     payloads_name(options.payloads, options.frame_bytes));
  }
  manifest->payloads = options.payloads;
  manifest->frame_bytes = options.frame_bytes;
  return write_atomically(storage, options.directory, "stream", encode(*manifest));
}

Status adopt_journal(Storage& storage, const StreamOptions& options, Manifest* manifest) {
  if (manifest->format == kDirectoryFormat && manifest->journal == options.journal) {
    return Status::ok();
  }
  manifest->format = kDirectoryFormat;
  manifest->journal = options.journal;
  return write_atomically(storage, options.directory, "stream", encode(*manifest));
}

}  // namespace semel
