// The ring's programs. The capacity is 256 bytes, so that it is full with eight frames and a frame in
// eight is preceded by padding; it is nearly filled before the threads begin.
#include <cstring>
#include <new>

#include "programs.h"
#include "ring/frame.h"
#include "ring/ring.h"
#include "shard/intake.h"

namespace semel::model {
namespace {

constexpr uint64_t kCapacity = 256;
constexpr uint32_t kSeed = 0xBEF45F4A;
constexpr const char* kFull = "a full ring";
constexpr const char* kPadding = "padding";
constexpr uint64_t kTimeUs = 1'700'000'000'000'000;

uint64_t start = 0;   // where the ring begins
uint64_t stored = 0;  // messages that are in it before the threads begin

struct Shared {
  alignas(kCacheLinePair) uint8_t memory[kCapacity];
  Ring ring;
  Intake intake;
  std::atomic<uint64_t> durable_position;  // as Shard has it
  std::atomic<uint64_t> acknowledged;      // as AckLog publishes its blocks, here the position only

  Shared()
      : memory{},
        ring(std::span<uint8_t>(memory), start, start),
        intake(ring, kSeed, 0, 0),
        durable_position(start),
        acknowledged(start) {}
};

alignas(Shared) uint8_t storage[sizeof(Shared)];
Shared& shared() { return *std::launder(reinterpret_cast<Shared*>(storage)); }

// 24 or 32 bytes with the header: sizes that leave 8 to 24 bytes of padding at the ring's end.
uint32_t length_of(uint64_t sequence) {
  constexpr uint32_t kLengths[] = {8, 0, 5, 8, 0};
  return kLengths[sequence % 5];
}

void payload_of(uint64_t sequence, uint8_t (&payload)[8]) {
  for (uint8_t& byte : payload) byte = static_cast<uint8_t>(sequence * 37 + 1);
}

bool send(uint64_t sequence) {
  uint8_t payload[8];
  payload_of(sequence, payload);
  FrameHeader header;
  return shared().intake.append_full(header, payload, length_of(sequence));
}

void reset() {
  new (storage) Shared;
  shared().intake.begin(kTimeUs);
  for (uint64_t sequence = 1; sequence <= stored; ++sequence) send(sequence);
  shared().intake.publish();
  name_location("tail", [] { shared().ring.tail(); });
  name_location("released", [] { shared().ring.released(); });
  name_location("published sequence", [] { shared().intake.published_sequence(); });
  name_location("durable position", [] { shared().durable_position.load(); });
  name_location("acknowledged", [] { shared().acknowledged.load(); });
}

// Sends the messages up to `last`, two to a publication, and waits while the ring is full.
void produce(uint64_t last) {
  Ring& ring = shared().ring;
  Intake& intake = shared().intake;
  bool unpublished = false;
  for (uint64_t sequence = stored + 1; sequence <= last; ++sequence) {
    while (!send(sequence)) {
      const uint64_t bytes =
          round_up(full_header_bytes(IdKind::none) + length_of(sequence), kFrameAlignment);
      const uint64_t to_end = kCapacity - ring.offset(ring.claimed());
      const uint64_t end = ring.claimed() + (bytes > to_end ? to_end : 0) + bytes;
      expect(end - seen("released") > kCapacity, "the ring says that it is full and has room");
      reached(kFull);
      if (unpublished) intake.publish();
      unpublished = false;
      await_newer();
    }
    unpublished = true;
    if (sequence % 2 == 0 || sequence == last) {
      intake.publish();
      unpublished = false;
    }
  }
}

// Reads the frames of one thread's way through the ring, and checks all of each.
struct Reader {
  uint64_t position = start;
  uint64_t sequence = 0;

  void read_until(uint64_t tail) {
    while (position < tail) read_frame();
    expect(position == tail, "the tail lies in the middle of a frame");
  }

  void read_frame() {
    const uint8_t* at = shared().ring.at(position);
    const uint32_t length = frame_length(at);
    if (is_padding(at)) {
      expect(length == kCapacity - shared().ring.offset(position) &&
                 load<uint32_t>(at + 4) == frame_seed(kSeed, position, length),
             "padding is not what was written");
      position += length;
      reached(kPadding);
      return;
    }
    ++sequence;
    expect(length == full_header_bytes(IdKind::none) + length_of(sequence) &&
               load<uint64_t>(at + 8) == sequence,
           "a frame is lost or out of order");
    uint8_t payload[8];
    payload_of(sequence, payload);
    const uint64_t meta = full_meta(at);
    expect(meta_type(meta) == FrameType::message && meta_time_us(meta) == kTimeUs &&
               std::memcmp(at + kFullHeaderBytes, payload, length_of(sequence)) == 0 &&
               load<uint32_t>(at + 4) ==
                   crc32c(frame_seed(kSeed, position, length), at + 8, length - 8),
           "a frame is not what was written");
    position += round_up(length, kFrameAlignment);
  }
};

// Reads all there is, then releases it: at once, or, lagging, when it has read more or found nothing.
void consume(uint64_t last, bool looks_at_sequence, bool lags) {
  Reader reader;
  uint64_t released = reader.position;
  while (reader.sequence < last) {
    const uint64_t read = reader.position;
    const uint64_t published = looks_at_sequence ? shared().intake.published_sequence() : 0;
    const uint64_t tail = shared().ring.tail();
    expect(tail - released <= kCapacity, "more is published than the ring can hold");
    reader.read_until(tail);
    expect(reader.sequence >= published, "the tail does not cover a published message");
    const uint64_t releasable = lags ? read : reader.position;
    if (releasable > released) {
      released = releasable;
      shared().ring.release(released);
    } else if (tail == read) {
      await_newer();
    }
  }
}

// Shard::sync_group() in its order, with the atomics that it uses; the disk itself is left out.
void sync_groups(uint64_t last) {
  Reader reader;
  uint64_t released = reader.position;
  while (released < reader.position || reader.sequence < last) {
    const uint64_t acknowledged = shared().acknowledged.load(std::memory_order_acquire);
    const uint64_t published = shared().intake.published_sequence();
    const uint64_t tail = shared().ring.tail();
    const bool is_new = tail != reader.position;
    expect(tail - released <= kCapacity, "more is published than the ring can hold");
    reader.read_until(tail);
    expect(reader.sequence >= published, "the tail does not cover a published message");
    if (is_new) shared().durable_position.store(tail, std::memory_order_release);
    const bool is_free = acknowledged > released;
    if (is_free) {
      released = acknowledged;
      shared().ring.release(released);
    }
    if (!is_new && !is_free) await_newer();
  }
}

void work(uint64_t last) {
  Reader reader;
  while (reader.sequence < last) {
    const uint64_t visible = shared().durable_position.load(std::memory_order_acquire);
    if (visible == reader.position) {
      await_newer();
      continue;
    }
    reader.read_until(visible);
    shared().acknowledged.store(reader.position, std::memory_order_release);
  }
}

Program program(int threads, uint64_t offset, uint64_t messages_before,
                std::function<void(int)> run) {
  Program made;
  made.threads = threads;
  made.reset = [=] {
    start = kCapacity * 3 + offset;
    stored = messages_before;
    reset();
    name_thread(0, "producer");
    name_thread(1, threads == 2 ? "consumer" : "worker");
    name_thread(2, "sync thread");
  };
  made.run = std::move(run);
  made.memory = storage;
  made.bytes = sizeof storage;
  return made;
}

constexpr uint64_t kStored = 7;  // leaves 56 bytes

// One program for each offset in the ring where it can begin, with a consumer that lags or does not.
std::vector<Program> at_every_offset(uint64_t last, bool looks_at_sequence) {
  std::vector<Program> programs;
  for (uint64_t offset = 0; offset < kCapacity; offset += kFrameAlignment) {
    for (const bool lags : {false, true}) {
      programs.push_back(program(2, offset, kStored, [=](int thread) {
        thread == 0 ? produce(last) : consume(last, looks_at_sequence, lags);
      }));
    }
  }
  return programs;
}

void produce_tail_first(uint64_t last) {
  Ring& ring = shared().ring;
  for (uint64_t sequence = stored + 1; sequence <= last; ++sequence) {
    const uint64_t bytes = full_header_bytes(IdKind::none) + length_of(sequence);
    Ring::Claim claim;
    while (!ring.claim(bytes, &claim)) await_newer();
    ring.publish();
    if (claim.padding_bytes != 0) {
      const uint64_t at = claim.position - claim.padding_bytes;
      write_padding(ring.at(at), kSeed, at, claim.padding_bytes);
    }
    uint8_t payload[8];
    payload_of(sequence, payload);
    FrameHeader header;
    header.sequence = sequence;
    header.time_us = kTimeUs;
    write_full(ring.at(claim.position), kSeed, claim.position, header, payload,
               length_of(sequence));
  }
}

}  // namespace

Named ring_program(const Bounds& bounds) {
  return {"ring", "producer and consumer", at_every_offset(kStored + bounds.messages, false),
          {kFull, kPadding}};
}

Named group_program(const Bounds& bounds) {
  return {"group", "the published sequence, then the tail",
          at_every_offset(kStored + bounds.messages_of_group, true),
          {kFull, kPadding}};
}

Named disk_program(const Bounds& bounds) {
  // The ring has 24 bytes of room, and the frame needs padding: with one message it is full already.
  constexpr uint64_t kBefore = 8;
  const uint64_t last = kBefore + bounds.messages_of_disk;
  return {"disk", "producer, worker and sync thread",
          {program(3, 16, kBefore, [last](int thread) {
            if (thread == 0) produce(last);
            if (thread == 1) work(last);
            if (thread == 2) sync_groups(last);
          })},
          {kFull, kPadding}};
}

Named tail_first_program(const Bounds& bounds) {
  const uint64_t last = kStored + bounds.messages;
  return {"ring, tail first", "the tail before the frame", {program(2, 0, kStored, [last](int thread) {
            thread == 0 ? produce_tail_first(last) : consume(last, false, false);
          })}};
}

}  // namespace semel::model
