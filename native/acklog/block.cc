#include "acklog/block.h"

#include <atomic>
#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "core/faults.h"

namespace semel::acklog {
namespace {

static_assert(sizeof(Id) == 16, "ids are copied as they lie");

constexpr uint64_t kEntryHeaderBytes = 8;
constexpr uint64_t kParkedFixedBytes = 56;
constexpr uint64_t kResolvedBytes = 8;
constexpr uint64_t kSourceBytes = 12;
constexpr uint64_t kWideSourceBytes = 20;
constexpr uint64_t kCommitBytes = 72;
constexpr uint64_t kPlaceBytes = 12;
constexpr uint8_t kHasId = 1;
constexpr uint16_t kGivenUp = 1;
constexpr uint8_t kKnownFlags = kSnapshot | kCleanClose | kSealed | kSynced;

uint64_t entry_bytes(uint64_t content) { return kEntryHeaderBytes + round_up(content, 8); }

uint64_t source_bytes(const SourceOffset& source) {
  return source.offset.high == 0 ? kSourceBytes : kWideSourceBytes;
}

uint64_t entries_bytes(const AckBlock& block) {
  uint64_t bytes = block.resolved.size() * entry_bytes(kResolvedBytes);
  if (block.commit.has_value()) bytes += entry_bytes(kCommitBytes);
  for (const SourceOffset& source : block.sources) bytes += entry_bytes(source_bytes(source));
  for (const Parked* parked : block.parked) bytes += parked_entry_bytes(*parked);
  bytes += block.header.sink_places.others.size() * entry_bytes(kPlaceBytes);
  return bytes;
}

// The entry's header and, since the memory may hold other bytes, zeros in its padding.
uint8_t* begin_entry(uint8_t* at, EntryType type, uint64_t content, uint16_t flags = 0) {
  store<uint16_t>(at, static_cast<uint16_t>(type));
  store<uint16_t>(at + 2, flags);
  store<uint32_t>(at + 4, static_cast<uint32_t>(content));
  const uint64_t padded = round_up(content, 8);
  if (padded != content) store<uint64_t>(at + kEntryHeaderBytes + padded - 8, 0);
  return at + kEntryHeaderBytes;
}

uint8_t* put_commit(uint8_t* at, const CommitStamp& stamp) {
  uint8_t* to = begin_entry(at, EntryType::commit, kCommitBytes);
  store<uint64_t>(to, stamp.epoch);
  store<uint64_t>(to + 8, stamp.n);
  store<uint64_t>(to + 16, stamp.parent.epoch);
  store<uint64_t>(to + 24, stamp.parent.n);
  store<uint64_t>(to + 32, stamp.confirmed.epoch);
  store<uint64_t>(to + 40, stamp.confirmed.n);
  store<uint64_t>(to + 48, stamp.through);
  store<uint64_t>(to + 56, stamp.journal_position);
  store<uint64_t>(to + 64, stamp.dead_letter_bytes);
  return at + entry_bytes(kCommitBytes);
}

CommitStamp get_commit(const uint8_t* at) {
  return {.epoch = load<uint64_t>(at),
          .n = load<uint64_t>(at + 8),
          .parent = {load<uint64_t>(at + 16), load<uint64_t>(at + 24)},
          .confirmed = {load<uint64_t>(at + 32), load<uint64_t>(at + 40)},
          .through = load<uint64_t>(at + 48),
          .journal_position = load<uint64_t>(at + 56),
          .dead_letter_bytes = load<uint64_t>(at + 64)};
}

uint8_t* put_parked(uint8_t* at, const Parked& parked) {
  const uint64_t content = kParkedFixedBytes + parked.history.size() + parked.payload.size();
  uint8_t* to = begin_entry(at, EntryType::parked, content);
  store<uint64_t>(to, parked.sequence);
  store<uint64_t>(to + 8, parked.time_us);
  store<uint64_t>(to + 16, parked.due_us);
  store<uint32_t>(to + 24, parked.attempts);
  store<uint8_t>(to + 28, parked.type);
  store<uint8_t>(to + 29, parked.has_id ? kHasId : 0);
  store<uint16_t>(to + 30, 0);
  store<uint64_t>(to + 32, parked.id.low);
  store<uint64_t>(to + 40, parked.id.high);
  store<uint32_t>(to + 48, static_cast<uint32_t>(parked.history.size()));
  store<uint32_t>(to + 52, static_cast<uint32_t>(parked.payload.size()));
  uint8_t* bytes = to + kParkedFixedBytes;
  if (!parked.history.empty()) std::memcpy(bytes, parked.history.data(), parked.history.size());
  bytes += parked.history.size();
  if (!parked.payload.empty()) std::memcpy(bytes, parked.payload.data(), parked.payload.size());
  return at + entry_bytes(content);
}

void put_counters(uint8_t* at, const Counters& counters) {
  store<uint64_t>(at, counters.processed);
  store<uint64_t>(at + 8, counters.filtered);
  store<uint64_t>(at + 16, counters.duplicate);
  store<uint64_t>(at + 24, counters.late);
  store<uint64_t>(at + 32, counters.dead_lettered);
  store<uint64_t>(at + 40, counters.dropped);
}

Counters get_counters(const uint8_t* at) {
  return {load<uint64_t>(at),      load<uint64_t>(at + 8),  load<uint64_t>(at + 16),
          load<uint64_t>(at + 24), load<uint64_t>(at + 32), load<uint64_t>(at + 40)};
}

Status malformed(const BlockView& block, const char* what) {
  return {Code::format, "block " + std::to_string(block.number) + " holds " + what};
}

}  // namespace

uint8_t id_width(std::span<const Id> ids) {
  if (ids.empty()) return 0;
  // The first id nearly always decides; the rest is one pass without branches.
  if (ids.front().high != kIntegerHigh) return 16;
  uint64_t difference = 0;
  for (const Id& id : ids) difference |= id.high ^ kIntegerHigh;
  return difference == 0 ? 8 : 16;
}

uint64_t parked_entry_bytes(const Parked& parked) {
  return entry_bytes(kParkedFixedBytes + parked.history.size() + parked.payload.size());
}

uint64_t block_bytes(const AckBlock& block, uint8_t width) {
  return kBlockHeaderBytes + block.ids.size() * width + entries_bytes(block);
}

void put(uint8_t* to, const AckBlock& block, uint8_t width, uint64_t length,
         const BlockStamp& stamp) {
  const AckHeader& header = block.header;
  const uint64_t ids_bytes = block.ids.size() * width;
  store<uint64_t>(to + 8, stamp.number);
  store<uint64_t>(to + 16, header.through);
  store<uint64_t>(to + 24, header.time_us);
  store<uint64_t>(to + 32, header.journal_position);
  store<uint64_t>(to + 40, header.journal_durable);
  store<uint64_t>(to + 48, header.ack_durable);
  store<int64_t>(to + 56, header.sink_places.first);
  store<uint64_t>(to + 64, header.dead_letter_bytes);
  store<uint64_t>(to + 72, stamp.oldest_segment);
  store<uint32_t>(to + 80, header.epoch);
  store<uint32_t>(to + 84, static_cast<uint32_t>(block.ids.size()));
  store<uint8_t>(to + 88, width);
  store<uint8_t>(to + 89, stamp.flags);
  store<uint16_t>(to + 90, 0);
  store<uint32_t>(to + 92, static_cast<uint32_t>(length - kBlockHeaderBytes - ids_bytes));
  put_counters(to + 96, header.counters);

  uint32_t crc = crc32c(stamp.seed, to + 8, kBlockHeaderBytes - 8);
  uint8_t* at = to + kBlockHeaderBytes;
  if (width == 8) {
    // One pass: the checksum's latency hides the copy.
    uint32_t running = ~crc;
    for (const Id& id : block.ids) {
      store<uint64_t>(at, id.low);
      running = crc32c_step(running, id.low);
      at += 8;
    }
    crc = ~running;
  } else if (ids_bytes != 0) {
    std::memcpy(at, block.ids.data(), ids_bytes);
    crc = crc32c(crc, at, ids_bytes);
    at += ids_bytes;
  }
  uint8_t* const entries = at;
  if (block.commit.has_value()) at = put_commit(at, *block.commit);
  for (const Parked* parked : block.parked) at = put_parked(at, *parked);
  for (const uint64_t sequence : block.resolved) {
    store<uint64_t>(begin_entry(at, EntryType::resolved, kResolvedBytes), sequence);
    at += entry_bytes(kResolvedBytes);
  }
  for (const SourceOffset& source : block.sources) {
    const uint64_t bytes = source_bytes(source);
    uint8_t* content = begin_entry(at, EntryType::source, bytes, source.given_up ? kGivenUp : 0);
    store<uint32_t>(content, source.partition);
    store<uint64_t>(content + 4, source.offset.low);
    if (bytes == kWideSourceBytes) store<uint64_t>(content + 12, source.offset.high);
    at += entry_bytes(bytes);
  }
  for (const SinkPlace& one : header.sink_places.others) {
    uint8_t* content = begin_entry(at, EntryType::place, kPlaceBytes);
    store<uint32_t>(content, one.sink);
    store<int64_t>(content + 4, one.place);
    at += entry_bytes(kPlaceBytes);
  }
  crc = crc32c(crc, entries, static_cast<uint64_t>(at - entries));
  store<uint32_t>(to + 4, crc);
  // Pairs with nothing that runs: what reads it is the recovery after this process has died, and it
  // relies on the compiler and the processor keeping this store behind all of the above.
  std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(to))
      .store(static_cast<uint32_t>(length), std::memory_order_release);
}

BlockView view(const uint8_t* at) {
  BlockView block;
  block.length = load<uint32_t>(at);
  block.number = load<uint64_t>(at + 8);
  block.header.through = load<uint64_t>(at + 16);
  block.header.time_us = load<uint64_t>(at + 24);
  block.header.journal_position = load<uint64_t>(at + 32);
  block.header.journal_durable = load<uint64_t>(at + 40);
  block.header.ack_durable = load<uint64_t>(at + 48);
  block.header.sink_places = load<int64_t>(at + 56);
  block.header.dead_letter_bytes = load<uint64_t>(at + 64);
  block.oldest_segment = load<uint64_t>(at + 72);
  block.header.epoch = load<uint32_t>(at + 80);
  block.id_count = load<uint32_t>(at + 84);
  block.width = load<uint8_t>(at + 88);
  block.flags = load<uint8_t>(at + 89);
  block.header.counters = get_counters(at + 96);
  return block;
}

std::optional<CommitStamp> commit_of(const uint8_t* at) {
  const BlockView block = view(at);
  const uint64_t entries = kBlockHeaderBytes + uint64_t{block.id_count} * block.width;
  if (entries == block.length) return std::nullopt;
  if (load<uint16_t>(at + entries) != static_cast<uint16_t>(EntryType::commit)) return std::nullopt;
  return get_commit(at + entries + kEntryHeaderBytes);
}

BlockCheck check(std::span<const uint8_t> rest, uint32_t seed, BlockView* into, uint64_t* work) {
  if (rest.size() < kBlockHeaderBytes) {
    for (const uint8_t byte : rest) {
      if (byte != 0) return BlockCheck::invalid;
    }
    return BlockCheck::zero;
  }
  const uint8_t* at = rest.data();
  const uint64_t length = load<uint32_t>(at);
  if (length == 0) return BlockCheck::zero;
  if (length < kBlockHeaderBytes || length % 8 != 0 || length > rest.size()) {
    return BlockCheck::invalid;
  }
  const uint8_t width = load<uint8_t>(at + 88);
  const uint64_t id_count = load<uint32_t>(at + 84);
  const uint64_t entry_bytes = load<uint32_t>(at + 92);
  if (width != 0 && width != 8 && width != 16) return BlockCheck::invalid;
  if ((width == 0) != (id_count == 0)) return BlockCheck::invalid;
  if (kBlockHeaderBytes + id_count * width + entry_bytes != length) return BlockCheck::invalid;
  if (work != nullptr) *work += length;
  if (crc32c(seed, at + 8, length - 8) != load<uint32_t>(at + 4) &&
      !planted(Bug::block_crc_not_checked)) {
    return BlockCheck::invalid;
  }
  *into = view(at);
  into->ids = at + kBlockHeaderBytes;
  into->entries = rest.subspan(kBlockHeaderBytes + id_count * width, entry_bytes);
  return BlockCheck::valid;
}

Status visit_entries(const BlockView& block, EntryVisitor& visitor) {
  if ((block.flags & ~kKnownFlags) != 0) return malformed(block, "flags of another version");
  std::span<const uint8_t> rest = block.entries;
  while (!rest.empty()) {
    if (rest.size() < kEntryHeaderBytes) return malformed(block, "an entry that is cut short");
    const uint16_t type = load<uint16_t>(rest.data());
    const uint64_t content = load<uint32_t>(rest.data() + 4);
    if (entry_bytes(content) > rest.size()) return malformed(block, "an entry that is cut short");
    const uint8_t* at = rest.data() + kEntryHeaderBytes;
    switch (static_cast<EntryType>(type)) {
      case EntryType::commit:
        if (content != kCommitBytes || rest.data() != block.entries.data()) {
          return malformed(block, "a commit entry that is not its first, or of another size");
        }
        visitor.commit(get_commit(at));
        break;
      case EntryType::parked: {
        if (content < kParkedFixedBytes) return malformed(block, "a parked entry without its parts");
        const uint64_t history = load<uint32_t>(at + 48);
        const uint64_t payload = load<uint32_t>(at + 52);
        if (kParkedFixedBytes + history + payload != content) {
          return malformed(block, "a parked entry whose lengths disagree");
        }
        Parked parked;
        parked.sequence = load<uint64_t>(at);
        parked.time_us = load<uint64_t>(at + 8);
        parked.due_us = load<uint64_t>(at + 16);
        parked.attempts = load<uint32_t>(at + 24);
        parked.type = load<uint8_t>(at + 28);
        parked.has_id = (load<uint8_t>(at + 29) & kHasId) != 0;
        parked.id = {load<uint64_t>(at + 32), load<uint64_t>(at + 40)};
        const uint8_t* bytes = at + kParkedFixedBytes;
        parked.history.assign(reinterpret_cast<const char*>(bytes), history);
        parked.payload.assign(bytes + history, bytes + history + payload);
        visitor.parked(std::move(parked));
        break;
      }
      case EntryType::resolved:
        if (content != kResolvedBytes) return malformed(block, "a resolved entry of another size");
        visitor.resolved(load<uint64_t>(at));
        break;
      case EntryType::source:
        if (content != kSourceBytes && content != kWideSourceBytes) {
          return malformed(block, "a source entry of another size");
        }
        visitor.source({load<uint32_t>(at),
                        {content == kWideSourceBytes ? load<uint64_t>(at + 12) : 0,
                         load<uint64_t>(at + 4)},
                        (load<uint16_t>(rest.data() + 2) & kGivenUp) != 0});
        break;
      case EntryType::place: {
        if (content != kPlaceBytes) return malformed(block, "a place entry of another size");
        const SinkPlace one{load<uint32_t>(at), load<int64_t>(at + 4)};
        if (one.sink == 0 || one.sink >= kSinksMax || one.place < 0) {
          return malformed(block, "a place of a sink that there can't be");
        }
        visitor.place(one);
        break;
      }
      case EntryType::state:
      default:
        return malformed(block, "an entry type of another version");
    }
    rest = rest.subspan(entry_bytes(content));
  }
  return Status::ok();
}

}  // namespace semel::acklog
