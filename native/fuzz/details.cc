// A commit's details as JavaScript hands them over, and the commit itself, over a shard with messages in
// flight and parked.
//   - whatever the bytes, they are read within their bounds or refused
//   - a commit happens whole or changes nothing; every message is in one place at every instant (I5)
//   - opened again the shard stands where the last commit left it
#include "shard/details.h"

#include <limits>

#include "fuzz/input.h"
#include "fuzz/memory_storage.h"
#include "shard/shard.h"

namespace {

using namespace semel;
using namespace semel::fuzz;

enum Mode : uint8_t { kRetries = 1, kDedup = 2 };

constexpr uint32_t kMessages = 12;

StreamOptions options_of(uint8_t mode) {
  StreamOptions options;
  options.name = "fuzz";
  options.directory = "d";
  options.delivery = Delivery::at_least_once;
  options.durability = Durability::process;
  options.ring_bytes = kRingBytesMin;
  options.segment_bytes = 64 * 1024;
  options.dedup = (mode & kDedup) != 0;
  options.window_us = 1'000'000'000;
  options.ids_max = 256;
  options.parked_max = 8;
  options.in_flight_max = 64;
  return options;
}

void put_messages(Shard& shard, uint8_t mode) {
  for (uint32_t i = 0; i < kMessages; ++i) {
    FrameHeader header;
    header.type = (mode & kRetries) != 0 && i % 3 == 0 ? FrameType::retry : FrameType::message;
    header.id_kind = IdKind::integer;
    header.id = integer_id(i % 10);
    header.has_source = i % 4 == 0;
    header.source = {1, i * 10ull};
    const uint8_t payload[5] = {1, 2, 3, 4, static_cast<uint8_t>(i)};
    require(shard.intake().append_full(header, payload, sizeof payload), "the ring has room");
  }
  shard.intake().publish();
}

uint64_t ended(const ConsumerCounters& counters) {
  const Counters& c = counters.outcomes;
  return c.processed + c.filtered + c.duplicate + c.late + c.dead_lettered + c.dropped;
}

void require_conserved(const Shard& shard) {
  const ConsumerCounters counters = shard.status().consumer;
  require(counters.through == ended(counters) + counters.parked,
          "every message up to `through` has ended or is parked");
}

bool same(const ConsumerCounters& a, const ConsumerCounters& b) {
  return a.through == b.through && a.outcomes == b.outcomes && a.parked == b.parked;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto mode = input.take<uint8_t>();
  const StreamOptions options = options_of(mode);
  MemoryStorage disk;
  Manifest manifest;
  manifest.ring_bytes = options.ring_bytes;
  manifest.segment_bytes = options.segment_bytes;
  manifest.salt = 99;
  Doorbell doorbell;
  ConsumerCounters before;
  {
    auto opened = Shard::open(disk, options, manifest, 0, false);
    require(opened.is_ok(), "a new shard opens", opened.status().message());
    Shard& shard = *opened.value();
    shard.doorbell = &doorbell;
    Consumer& consumer = shard.consumer();
    put_messages(shard, mode);
    require(consumer.poll(kMessages, 1).is_ok(), "messages are polled");
    for (int step = 0; step < 3 && !input.empty(); ++step) {
      const auto count = input.take<uint8_t>() % (kMessages + 2u);
      for (uint64_t at = 0; at < count; ++at) {
        Slot& slot = consumer.slots()[(consumer.first_in_flight() + at) % consumer.capacity()];
        slot.outcome = input.take<uint8_t>() % 9 - 1;
      }
      const auto place = input.take<int64_t>();
      const auto length = input.take<uint16_t>();
      // Bytes of their own, so that a read behind their end is seen.
      const auto taken = input.take_bytes(length);
      const std::unique_ptr<uint8_t[]> bytes(new uint8_t[taken.size()]);
      std::copy(taken.begin(), taken.end(), bytes.get());
      std::vector<Detail> details;
      if (!read_details({bytes.get(), taken.size()}, &details)) continue;
      require(details.size() <= taken.size() / 32, "each detail takes its bytes");
      before = shard.status().consumer;
      auto committed = consumer.commit(count, place, details);
      if (!committed.is_ok()) {
        require(committed.status().code() == Code::invalid_argument, "misuse is refused as such",
                committed.status().message());
        require(same(before, shard.status().consumer), "what is refused changes nothing");
      }
      require_conserved(shard);
    }
    before = shard.status().consumer;
  }
  auto again = Shard::open(disk, options, manifest, 0, false);
  require(again.is_ok(), "the shard opens again", again.status().message());
  require(same(before, again.value()->status().consumer), "it stands where the last commit left it");
  require(again.value()->status().stored == kMessages, "every message is still stored");
  require_conserved(*again.value());
  return 0;
}
