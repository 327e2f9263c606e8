#include "ring/journal.h"

#include <algorithm>
#include <cstring>

#include "core/faults.h"

namespace semel {
namespace {

constexpr char kMagic[8] = {'s', 'e', 'm', 'e', 'l', 'j', 'n', 'l'};
constexpr uint64_t kHeaderUsed = 40;  // magic 8, format 4, shard 4, capacity 8, salt 8, zero 4, crc 4

Status check_header(const Region& region, const JournalIdentity& identity) {
  Status found = check_journal_header(region.memory(), region.path(), identity);
  if (found.code() != Code::mismatch) return found;
  // To a user, mismatch is what other options are.
  const FileFault& fault = *found.file_fault();
  return Status::at(Code::damaged, region.path(), fault.offset.value(), fault.what);
}

}  // namespace

void write_journal_header(uint8_t* at, const JournalIdentity& identity) {
  std::memset(at, 0, kHeaderUsed);
  std::memcpy(at, kMagic, sizeof kMagic);
  store<uint32_t>(at + 8, kJournalFormat);
  store<uint32_t>(at + 12, identity.shard);
  store<uint64_t>(at + 16, identity.capacity);
  store<uint64_t>(at + 24, identity.salt);
  store<uint32_t>(at + 36, crc32c(0, at, 36));
}

Status check_journal_header(std::span<const uint8_t> file, const std::string& path,
                            const JournalIdentity& identity) {
  const uint8_t* at = file.data();
  const auto fault = [&](Code code, uint64_t offset, std::string what) {
    return Status::at(code, path, offset, std::move(what));
  };
  if (std::memcmp(at, kMagic, sizeof kMagic) != 0) {
    return fault(Code::damaged, 0, "not a journal of semel; restore it from a copy");
  }
  if (load<uint32_t>(at + 36) != crc32c(0, at, 36)) {
    return fault(Code::damaged, 36, "the header's checksum is wrong");
  }
  if (load<uint32_t>(at + 8) != kJournalFormat) {
    return fault(Code::format, 8, "it has format " + std::to_string(load<uint32_t>(at + 8)) +
                                      ", this version reads " + std::to_string(kJournalFormat));
  }
  if (load<uint64_t>(at + 24) != identity.salt || load<uint32_t>(at + 12) != identity.shard) {
    return fault(Code::mismatch, 12, "belongs to another stream or shard");
  }
  if (load<uint64_t>(at + 16) != identity.capacity ||
      file.size() != kJournalHeaderBytes + identity.capacity) {
    return fault(Code::damaged, 16, "is not of the size that it was made with");
  }
  return Status::ok();
}

namespace {

// Whether a frame has what its type and its kinds say that it has.
bool is_whole(uint64_t meta, uint64_t length) {
  if (meta_type(meta) > FrameType::drop || meta_id_kind(meta) > IdKind::wide) return false;
  const uint64_t header = meta_header_bytes(meta);
  if ((meta & kWideOffsetBit) != 0 && !meta_has_source(meta)) return false;
  switch (meta_type(meta)) {
    case FrameType::message:
    case FrameType::retry:
    case FrameType::malformed: return header <= length;
    case FrameType::offset: return header <= length && meta_has_source(meta);
    // A repair fills holes with longer ones.
    case FrameType::drop: return header + sizeof(uint64_t) <= length;
  }
  return false;
}

}  // namespace

uint32_t journal_seed(const JournalIdentity& identity) {
  return crc32c(identity.shard, &identity.salt, sizeof identity.salt);
}

Result<std::unique_ptr<Region>> open_journal(Storage& storage, const std::string& directory,
                                             const JournalIdentity& identity, Writer writer,
                                             bool* created) {
  const std::string path = directory + "/journal";
  auto exists = storage.exists(path);
  if (!exists.is_ok()) return exists.status();
  *created = !exists.value();
  if (exists.value()) {
    auto region = Region::open(storage, path, writer);
    if (!region.is_ok()) return region.status();
    SEMEL_TRY(check_header(*region.value(), identity));
    return std::move(region.value());
  }
  // Made under another name: a journal that exists is whole.
  const std::string fresh = path + ".new";
  {
    auto region =
        Region::create(storage, fresh, kJournalHeaderBytes + identity.capacity, Writer::direct);
    if (!region.is_ok()) return region.status();
    write_journal_header(region.value()->memory().data(), identity);
    SEMEL_TRY(region.value()->write(0, region.value()->memory().size()));
    SEMEL_TRY(region.value()->sync());
  }
  SEMEL_TRY(storage.rename(fresh, path));
  SEMEL_TRY(storage.sync_directory(directory));
  return Region::open(storage, path, writer);
}

Status write_journal(Region& journal, uint64_t from, uint64_t to, uint64_t released) {
  const uint64_t capacity = journal.memory().size() - kJournalHeaderBytes;
  const uint64_t busy = released + capacity - to;
  while (from < to) {
    const uint64_t offset = from & (capacity - 1);
    const uint64_t bytes = std::min(to - from, capacity - offset);
    // The header's block is no part of the ring, and a piece that ends with the ring ends with a block.
    const Beside beside{.steady_before = from - released, .busy_behind = busy};
    const uint64_t at = kJournalHeaderBytes + offset;
    SEMEL_TRY(journal.write(at, at + bytes, beside));
    from += bytes;
  }
  return Status::ok();
}

JournalScan scan_journal(std::span<uint8_t> ring, uint32_t seed, uint64_t position,
                         uint64_t sequence,
                         const std::function<void(const uint8_t* frame, uint64_t meta)>& visit) {
  JournalScan scan{sequence, position, 0};
  const uint64_t capacity = ring.size();
  // Frames begin at multiples of 8. A position that is none is nobody's, and its first word might lie
  // across the end of the ring.
  if (position % kFrameAlignment != 0) return scan;
  const uint64_t limit = position + capacity;
  while (scan.position < limit) {
    const uint64_t offset = scan.position & (capacity - 1);
    const uint8_t* at = ring.data() + offset;
    const uint64_t room = capacity - offset < limit - scan.position ? capacity - offset
                                                                    : limit - scan.position;
    const uint64_t length = frame_length(at);
    if (is_padding(at)) {
      const uint32_t crc = frame_seed(seed, scan.position, static_cast<uint32_t>(length));
      if (length != capacity - offset || length > room || load<uint32_t>(at + 4) != crc) break;
      scan.position += length;
      continue;
    }
    if (length < kFullHeaderBytes || length > frame_bytes_max(capacity) ||
        round_up(length, kFrameAlignment) > room) {
      break;
    }
    const uint64_t meta = full_meta(at);
    const bool counts = !is_control(meta_type(meta));
    const uint64_t expected = scan.sequence + (counts ? 1 : 0);
    if (!is_whole(meta, length) || load<uint64_t>(at + 8) != expected) break;
    const uint32_t crc = crc32c(
        frame_seed(seed, scan.position, static_cast<uint32_t>(length)), at + 8, length - 8);
    if (load<uint32_t>(at + 4) != crc && !planted(Bug::frame_crc_not_checked)) break;
    scan.sequence = expected;
    scan.position += round_up(length, kFrameAlignment);
    scan.time_us = meta_time_us(meta);
    if (visit) visit(at, meta);
  }
  return scan;
}

}  // namespace semel
