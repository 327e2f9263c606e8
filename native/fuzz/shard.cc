// A whole shard with any bytes in its files: what each of them is believed to say meets the others.
//   - it is refused as damaged, naming the file, or it opens, and opens again to the same state
//   - what it holds can be polled, committed and closed; new messages can be stored behind it
#include <limits>

#include "acklog/ack_log.h"
#include "fuzz/memory_storage.h"
#include "fuzz/repair.h"
#include "fuzz/sparse.h"
#include "shard/shard.h"

namespace {

using namespace semel;
using namespace semel::fuzz;

constexpr uint64_t kSegmentBytes = 64 * 1024;
constexpr uint64_t kSalt = 0xd1d2d3d4d5d6d7d8;
constexpr uint32_t kFiles = 5;  // journal, dead letters, three segments
const std::string kDirectory = "d/shard-0";
const std::string kJournal = kDirectory + "/journal";
const std::string kLetters = kDirectory + "/dead-letters.log";

enum Mode : uint8_t { kSyncedLevel = 1, kDirect = 2, kDedup = 4, kClose = 8, kNoJournalRepair = 16 };

StreamOptions options_of(uint8_t mode) {
  StreamOptions options;
  options.name = "fuzz";
  options.directory = "d";
  options.delivery = Delivery::at_least_once;
  options.durability = (mode & kDirect) != 0        ? Durability::disk
                       : (mode & kSyncedLevel) != 0 ? Durability::interval
                                                    : Durability::process;
  options.ring_bytes = kRingBytesMin;
  options.segment_bytes = kSegmentBytes;
  options.dedup = (mode & kDedup) != 0;
  options.window_us = 1'000'000'000;
  options.ids_max = 256;
  options.parked_max = 64;
  options.in_flight_max = 64;
  return options;
}

// Puts right what the target's bits ask for, in the order in which recovery reads it.
void repair_all(MemoryStorage::Image& image, uint8_t repairs, uint8_t mode) {
  std::map<uint64_t, std::vector<uint8_t>*> segments;
  for (auto& [path, bytes] : image) {
    const auto number = acklog::segment_number(path.substr(kDirectory.size() + 1));
    if (number.has_value()) segments[*number] = &bytes;
  }
  repair_ack_log(segments, kSalt, repairs);
  if (const auto letters = image.find(kLetters); letters != image.end()) {
    repair_dead_letters(letters->second, kSalt, repairs);
  }
  const auto journal = image.find(kJournal);
  if (journal == image.end() || journal->second.size() != kJournalHeaderBytes + kRingBytesMin) {
    return;
  }
  uint8_t* page = journal->second.data();
  if ((repairs & kChecksums) != 0) store<uint32_t>(page + 36, crc32c(0, page, 36));
  if ((mode & kNoJournalRepair) != 0) return;
  MemoryStorage disk;
  disk.restore(image);
  AckLog::Options log;
  log.storage = &disk;
  log.directory = kDirectory;
  log.segment_bytes = kSegmentBytes;
  log.directory_salt = kSalt;
  const auto acked = AckLog::inspect(log, {});
  if (!acked.is_ok()) return;
  const AckHeader& header = acked.value().header;
  repair_ring(std::span<uint8_t>(journal->second).subspan(kJournalHeaderBytes),
              journal_seed({kSalt, 0, kRingBytesMin}), header.journal_position, header.through,
              repairs);
}

MemoryStorage::Image read_image(Input& input, uint8_t repairs, uint8_t mode) {
  auto files = read_sparse(input, kFiles, kSegmentBytes, kJournalHeaderBytes + kRingBytesMin);
  MemoryStorage::Image image;
  for (auto& [index, file] : files) {
    const std::string path = index == 0   ? kJournal
                             : index == 1 ? kLetters
                                          : kDirectory + "/" + acklog::segment_name(index - 1);
    image[path] = std::move(file.bytes);
  }
  repair_all(image, repairs, mode);
  return image;
}

struct State {
  ShardStatus status;
  std::vector<const Parked*> parked;
  uint64_t letters = 0;

  explicit State(Shard& shard) : status(shard.status()) {
    shard.consumer().parked().collect(parked);
    letters = shard.dead_letters()->open_count();
  }
};

void require_same(const State& a, const State& b, const char* property) {
  require(a.status.stored == b.status.stored && a.status.consumer.through == b.status.consumer.through &&
              a.status.consumer.outcomes == b.status.consumer.outcomes,
          property, "how far it is");
  require(a.letters == b.letters, property, "the dead letters");
  require(a.parked.size() == b.parked.size(), property, "how many are parked");
  for (std::size_t at = 0; at < a.parked.size(); ++at) {
    require(*a.parked[at] == *b.parked[at], property, "what is parked");
  }
}

// Where what was asked of a shard can't be done, it says so and no more.
bool went_well(const Status& status) {
  if (status.is_ok()) return true;
  require(status.code() != Code::io && status.code() != Code::poisoned,
          "a shard that opened does not fail at its files", status.message());
  return false;
}

// Polls and commits what there is, then stores one more message and does the same.
void use(Shard& shard, MemoryStorage&) {
  Consumer& consumer = shard.consumer();
  const std::span<uint8_t> ring = shard.ring_memory();
  const uint64_t first = shard.status().stored;
  for (int round = 0; round < 2; ++round) {
    for (int batch = 0; batch < 4096; ++batch) {
      auto polled = consumer.poll(32, 1);
      if (!went_well(polled.status()) || polled.value().count == 0) break;
      for (uint32_t at = 0; at < polled.value().count; ++at) {
        Slot& slot = consumer.slots()[(consumer.first_in_flight() + at) % consumer.capacity()];
        require(slot.offset >= 0 && slot.length >= 0 &&
                    static_cast<uint64_t>(slot.offset) + static_cast<uint64_t>(slot.length) <=
                        ring.size(),
                "a message lies inside the ring");
        if (slot.outcome != static_cast<int32_t>(Outcome::duplicate)) slot.outcome = 0;
      }
      auto committed = consumer.commit(polled.value().count, -1, {});
      if (!went_well(committed.status())) return;
      if (committed.value() == Committed::full && !went_well(shard.maintain(1))) return;
      if (!went_well(shard.sync_group())) return;
      if (committed.value() == Committed::full) consumer.adopt();
    }
    if (round == 1) break;
    FrameHeader header;
    header.id_kind = IdKind::integer;
    header.id = integer_id(4711);
    const uint8_t payload[3] = {1, 2, 3};
    if (!shard.intake().append_full(header, payload, sizeof payload)) break;
    shard.intake().publish();
    require(shard.status().stored == first + 1, "a message that is stored is counted");
    if (!went_well(shard.sync_group())) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto repairs = input.take<uint8_t>();
  const auto mode = input.take<uint8_t>();
  const StreamOptions options = options_of(mode);
  Manifest manifest;
  manifest.ring_bytes = options.ring_bytes;
  manifest.segment_bytes = options.segment_bytes;
  manifest.salt = kSalt;
  const MemoryStorage::Image image = read_image(input, repairs, mode);
  MemoryStorage disk;
  disk.restore(image);
  MemoryStorage untouched;
  untouched.restore(image);
  Doorbell doorbell;

  auto opened = Shard::open(disk, options, manifest, 0, false);
  if (!opened.is_ok()) {
    // An epoch at its end is refused by the fence, a segment that is full of parked messages by its
    // size.
    const Code code = opened.status().code();
    if (code != Code::too_large) require_names_file(opened.status(), kDirectory);
    return 0;
  }
  opened.value()->doorbell = &doorbell;
  const State first(*opened.value());
  // Beside the first one, which has changed nothing since: as after a crash.
  MemoryStorage crashed;
  crashed.restore(disk.image());
  auto again = Shard::open(crashed, options, manifest, 0, false);
  if (!again.is_ok()) {
    require(again.status().code() == Code::too_large, "what was opened can be opened again",
            again.status().message());
    return 0;
  }
  require_same(first, State(*again.value()), "opening twice finds the same");
  require(again.value()->epoch() == opened.value()->epoch() + 1, "each opening has its epoch");

  use(*opened.value(), disk);
  if ((mode & kClose) != 0) went_well(opened.value()->close());
  const State last(*opened.value());
  crashed.restore(disk.image());
  again = Shard::open(crashed, options, manifest, 0, false);
  if (!again.is_ok()) {
    require(again.status().code() == Code::too_large, "what was used can be opened again",
            again.status().message());
    return 0;
  }
  require_same(last, State(*again.value()), "what was committed is there");
  return 0;
}
