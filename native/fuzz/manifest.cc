// The small files of a directory with any bytes in them: the manifest and the boxes.
//   - what is refused names its file; what is accepted can be used as it is
//   - both read the same whoever asks, and opening a manifest that fits changes nothing
#include <cstring>

#include "core/crc32c.h"
#include "fuzz/input.h"
#include "fuzz/memory_storage.h"
#include "ring/ring.h"
#include "shard/box.h"
#include "shard/manifest.h"

namespace {

using namespace semel;
using namespace semel::fuzz;

enum Mode : uint8_t { kChecksum = 1, kBox = 2 };

constexpr std::size_t kManifestBytes = 160;
constexpr std::size_t kBoxHeaderBytes = 16;

void fuzz_manifest(std::vector<uint8_t> bytes, bool repair) {
  if (repair && bytes.size() == kManifestBytes) {
    store<uint32_t>(bytes.data() + kManifestBytes - 4, crc32c(0, bytes.data(), kManifestBytes - 4));
  }
  MemoryStorage disk;
  disk.restore({{"d/stream", bytes}});
  auto read = read_manifest(disk, "d");
  require(disk.changes == 0, "reading changes nothing");
  if (!read.is_ok()) {
    // Another format is a matter of the whole directory.
    require(read.status().code() == Code::format ||
                (read.status().code() == Code::damaged &&
                 read.status().message().find("d/stream") != std::string::npos),
            "what is refused names its file", read.status().message());
    return;
  }
  const Manifest& manifest = read.value();
  require(manifest.shards >= 1 && manifest.shards <= 256, "the number of shards is one that is made");
  require(manifest.delivery <= Delivery::exactly_once, "the delivery is one of the three");
  require(is_ring_capacity(manifest.ring_bytes), "the ring has a size that is made");
  require(manifest.segment_bytes >= 64 * 1024 && manifest.segment_bytes <= 1024 * 1024 * 1024 &&
              manifest.segment_bytes % kBlockBytes == 0,
          "a segment has a size that is made");
  require(manifest.name.size() <= 80, "the name keeps its bound");

  StreamOptions options;
  options.directory = "d";
  options.name = manifest.name;
  options.shards = manifest.shards;
  options.delivery = manifest.delivery;
  options.dedup = manifest.dedup;
  options.ring_bytes = manifest.ring_bytes;
  options.payloads = manifest.payloads;
  options.frame_bytes = manifest.frame_bytes;
  options.journal = manifest.journal;
  auto opened = open_manifest(disk, options);
  require(opened.is_ok(), "a manifest fits its own options", opened.status().message());
  require(disk.changes == 0, "a manifest is never changed");
  // Made anew from what was read, with the same secrets in it, it has the same bytes: nothing in the
  // file goes unread.
  options.segment_bytes = manifest.segment_bytes;
  MemoryStorage other;
  require(open_manifest(other, options).is_ok(), "such a manifest can be made");
  std::vector<uint8_t> made = other.image().at("d/stream");
  require(made.size() == bytes.size(), "a manifest has one size");
  std::memcpy(made.data() + 40, bytes.data() + 40, 32);
  // What is made has the newest format; the older one says the same.
  store<uint32_t>(made.data() + 8, manifest.format);
  store<uint32_t>(made.data() + kManifestBytes - 4, crc32c(0, made.data(), kManifestBytes - 4));
  require(made == bytes, "a manifest has one form");
}

constexpr uint64_t kSalt = 0;  // of the seeds

void fuzz_box(std::vector<uint8_t> bytes, bool repair) {
  if (repair && bytes.size() >= kBoxHeaderBytes) {
    const auto sealed = seal_box("structures", kSalt, std::span(bytes).subspan(kBoxHeaderBytes));
    std::copy_n(sealed.begin() + 12, 4, bytes.begin() + 12);
  }
  MemoryStorage disk;
  disk.restore({{"d/structures", bytes}});
  auto content = read_box(disk, "d", "structures", kSalt);
  require(disk.changes == 0, "reading changes nothing");
  if (!content.is_ok()) return require_names_file(content.status(), "d");
  require(seal_box("structures", kSalt, content.value()) == bytes, "a box has one form");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto mode = input.take<uint8_t>();
  const auto rest = input.rest();
  std::vector<uint8_t> bytes(rest.begin(), rest.end());
  const bool repair = (mode & kChecksum) != 0;
  if ((mode & kBox) != 0) {
    fuzz_box(std::move(bytes), repair);
  } else {
    fuzz_manifest(std::move(bytes), repair);
  }
  return 0;
}
