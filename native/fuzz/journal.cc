// A journal with any bytes in it: the walk over its frames, and the file's header.
//   - every frame that is handed on lies inside the ring, behind the one before, and checks
//   - the walk ends within a lap, and finds the same when what lies behind its end is zeroed: so what a
//     recovery cuts was of no account
#include "fuzz/memory_storage.h"
#include "fuzz/repair.h"
#include "fuzz/sparse.h"
#include "ring/journal.h"

namespace {

using namespace semel;
using namespace semel::fuzz;

enum Mode : uint8_t { kThroughFile = 1, kDirect = 2 };

constexpr uint64_t kSalt = 0x0123456789abcdef;
constexpr uint32_t kShard = 3;

struct Walk {
  JournalScan scan;
  uint64_t frames = 0;
  uint32_t content = 0;  // a checksum of all that can be read of the frames
};

Walk walk(std::span<uint8_t> ring, uint32_t seed, uint64_t position, uint64_t sequence) {
  Walk walked;
  uint64_t before = position;
  walked.scan = scan_journal(ring, seed, position, sequence, [&](const uint8_t* frame,
                                                                 uint64_t meta) {
    ++walked.frames;
    const auto offset = static_cast<uint64_t>(frame - ring.data());
    const uint64_t length = frame_length(frame);
    require(offset % kFrameAlignment == 0 && offset + length <= ring.size(),
            "a frame lies inside the ring");
    require(length <= frame_bytes_max(ring.size()), "a frame keeps its bound");
    require(meta_header_bytes(meta) <= length, "a frame holds its header");
    const uint64_t at = before + ((offset - before) & (ring.size() - 1));
    require(at - position < ring.size(), "a frame lies within the lap");
    before = at + length;
    const Id id = full_id(frame, meta);
    walked.content = crc32c(walked.content, &id, sizeof id);
    if (meta_has_source(meta)) {
      const FrameSource source = full_source(frame, meta);
      walked.content = crc32c(walked.content, &source.offset, sizeof source.offset);
    }
    if (meta_type(meta) == FrameType::offset) {
      require(meta_has_source(meta), "a frame that tells an offset has one");
    }
    if (meta_type(meta) == FrameType::drop) {
      require(length >= meta_header_bytes(meta) + 8, "a frame that drops a letter names it");
    }
    walked.content = crc32c(walked.content, frame, length);
  });
  return walked;
}

bool same(const Walk& a, const Walk& b) {
  return a.scan.sequence == b.scan.sequence && a.scan.position == b.scan.position &&
         a.scan.time_us == b.scan.time_us && a.frames == b.frames && a.content == b.content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto repairs = input.take<uint8_t>();
  const auto mode = input.take<uint8_t>();
  // Small rings are no smaller than frames need to be interesting; in a file it is the least there is.
  const uint64_t capacity =
      (mode & kThroughFile) != 0 ? kRingBytesMin : uint64_t{512} << input.take<uint8_t>() % 8;
  const auto position = input.take<uint64_t>();
  const auto sequence = input.take<uint64_t>();
  const JournalIdentity identity{kSalt, kShard, capacity};
  const uint64_t header = (mode & kThroughFile) != 0 ? kJournalHeaderBytes : 0;
  auto files = read_sparse(input, 1, header + capacity, header + capacity);
  if (files.empty()) return 0;
  std::vector<uint8_t>& bytes = files.begin()->second.bytes;
  const uint32_t seed = journal_seed(identity);

  // An allocation of its own, so that a read behind the end is seen.
  std::unique_ptr<uint8_t[]> memory;
  std::unique_ptr<Region> region;
  std::span<uint8_t> ring;
  MemoryStorage disk;
  if (header != 0) {
    if ((repairs & kChecksums) != 0 && bytes.size() >= header) {
      store<uint32_t>(bytes.data() + 36, crc32c(0, bytes.data(), 36));
    }
    disk.restore({{"d/journal", bytes}});
    bool created = false;
    auto opened = open_journal(disk, "d", identity,
                               (mode & kDirect) != 0 ? Writer::direct : Writer::mapped, &created);
    require(!created, "a journal that is there is not made");
    if (!opened.is_ok()) {
      require_names_file(opened.status(), "d");
      require(disk.image().at("d/journal") == bytes, "what is refused is left as it is");
      return 0;
    }
    region = std::move(opened.value());
    ring = region->memory().subspan(header);
    require(ring.size() == capacity, "what is accepted has its size");
  } else {
    bytes.resize(capacity);
    memory.reset(new uint8_t[capacity]);
    std::memcpy(memory.get(), bytes.data(), capacity);
    ring = {memory.get(), capacity};
  }
  repair_ring(ring, seed, position, sequence, repairs);
  const std::vector<uint8_t> before(ring.begin(), ring.end());

  const Walk first = walk(ring, seed, position, sequence);
  require(std::equal(before.begin(), before.end(), ring.begin()), "the walk changes nothing");
  const uint64_t used = first.scan.position - position;
  require(used <= capacity, "the walk ends within a lap");
  require(first.scan.sequence - sequence <= first.frames, "only frames take sequences");
  for (uint64_t at = used; at < capacity; ++at) ring[(position + at) & (capacity - 1)] = 0;
  require(same(first, walk(ring, seed, position, sequence)), "what is cut was of no account");
  return 0;
}
