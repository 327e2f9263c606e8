#include "deadletters/record.h"

#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include <cstdlib>
#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"

namespace semel::deadletters {
namespace {

constexpr char kMagic[9] = "semeldls";
constexpr uint32_t kVersion = 1;
constexpr uint64_t kHeaderUsed = 48;
constexpr uint64_t kLetterFixedBytes = 48;
constexpr uint64_t kResolvedBytes = 16;
constexpr uint8_t kHasId = 1;

std::vector<uint8_t> begin_record(Kind kind, uint64_t number, uint64_t content) {
  std::vector<uint8_t> record(kRecordHeaderBytes + round_up(content, 8), 0);
  store<uint32_t>(record.data(), static_cast<uint32_t>(record.size()));
  store<uint64_t>(record.data() + 8, number);
  store<uint8_t>(record.data() + 16, static_cast<uint8_t>(kind));
  store<uint32_t>(record.data() + 20, static_cast<uint32_t>(content));
  return record;
}

void seal(std::vector<uint8_t>& record, uint32_t seed) {
  store<uint32_t>(record.data() + 4, crc32c(seed, record.data() + 8, record.size() - 8));
}

Status malformed(const char* what) { return {Code::format, what}; }

}  // namespace

uint64_t random_salt() {
  uint64_t salt = 0;
  // Fails only for more than 256 bytes or on a system without an entropy source.
  if (::getentropy(&salt, sizeof salt) != 0) std::abort();
  return salt;
}

std::vector<uint8_t> encode_header(const FileHeader& header) {
  std::vector<uint8_t> page(kHeaderBytes, 0);
  uint8_t* at = page.data();
  std::memcpy(at, kMagic, 8);
  store<uint32_t>(at + 8, kVersion);
  store<uint32_t>(at + 12, kHeaderBytes);
  store<uint64_t>(at + 16, header.salt);
  store<uint64_t>(at + 24, header.directory_salt);
  store<uint64_t>(at + 32, header.base);
  store<uint64_t>(at + 40, header.next_number);
  store<uint32_t>(at + kHeaderUsed, crc32c(0, at, kHeaderUsed));
  return page;
}

Result<FileHeader> decode_header(std::span<const uint8_t> page, const std::string& path,
                                 uint64_t directory_salt) {
  const uint8_t* at = page.data();
  bool blank_behind = true;
  for (uint64_t byte = kHeaderUsed + 4; byte < kHeaderBytes; ++byte) blank_behind &= at[byte] == 0;
  if (crc32c(0, at, kHeaderUsed) != load<uint32_t>(at + kHeaderUsed) || !blank_behind) {
    return Status::damaged(path, 0, "its header does not check");
  }
  if (std::memcmp(at, kMagic, 8) != 0) {
    return Status::about(Code::format, path, "does not hold dead letters");
  }
  if (load<uint32_t>(at + 8) != kVersion || load<uint32_t>(at + 12) != kHeaderBytes) {
    return Status::about(Code::format, path,
                         "has format version " + std::to_string(load<uint32_t>(at + 8)) +
                             "; this semel reads version " + std::to_string(kVersion));
  }
  const FileHeader header{load<uint64_t>(at + 16), load<uint64_t>(at + 24), load<uint64_t>(at + 32),
                          load<uint64_t>(at + 40)};
  if (header.directory_salt != directory_salt) {
    return Status::about(Code::format, path, "belongs to another directory");
  }
  return header;
}

std::vector<uint8_t> encode_letter(const DeadLetter& letter, uint32_t seed) {
  const uint64_t content = kLetterFixedBytes + letter.history.size() + letter.payload.size();
  std::vector<uint8_t> record = begin_record(Kind::letter, letter.number, content);
  uint8_t* at = record.data() + kRecordHeaderBytes;
  store<uint64_t>(at, letter.sequence);
  store<uint64_t>(at + 8, letter.time_us);
  store<uint32_t>(at + 16, letter.attempts);
  store<uint8_t>(at + 20, letter.type);
  store<uint8_t>(at + 21, letter.has_id ? kHasId : 0);
  store<uint64_t>(at + 24, letter.id.low);
  store<uint64_t>(at + 32, letter.id.high);
  store<uint32_t>(at + 40, static_cast<uint32_t>(letter.history.size()));
  store<uint32_t>(at + 44, static_cast<uint32_t>(letter.payload.size()));
  at += kLetterFixedBytes;
  if (!letter.history.empty()) std::memcpy(at, letter.history.data(), letter.history.size());
  at += letter.history.size();
  if (!letter.payload.empty()) std::memcpy(at, letter.payload.data(), letter.payload.size());
  seal(record, seed);
  return record;
}

std::vector<uint8_t> encode_resolved(uint64_t number, DeadLetters::How how, uint64_t time_us,
                                     uint32_t seed) {
  std::vector<uint8_t> record = begin_record(Kind::resolved, number, kResolvedBytes);
  uint8_t* at = record.data() + kRecordHeaderBytes;
  store<uint64_t>(at, time_us);
  store<uint8_t>(at + 8, static_cast<uint8_t>(how));
  seal(record, seed);
  return record;
}

uint64_t record_length(std::span<const uint8_t> header, uint64_t rest) {
  if (header.size() < kRecordHeaderBytes) return 0;
  const uint64_t length = load<uint32_t>(header.data());
  const uint64_t content = load<uint32_t>(header.data() + 20);
  if (length != kRecordHeaderBytes + round_up(content, 8) || length > rest) return 0;
  return length;
}

bool check_record(std::span<const uint8_t> record, uint32_t seed) {
  return crc32c(seed, record.data() + 8, record.size() - 8) == load<uint32_t>(record.data() + 4);
}

Result<RecordView> view_record(std::span<const uint8_t> record) {
  const uint8_t* at = record.data();
  RecordView view;
  view.number = load<uint64_t>(at + 8);
  view.kind = static_cast<Kind>(at[16]);
  view.content = record.subspan(kRecordHeaderBytes, load<uint32_t>(at + 20));
  switch (view.kind) {
    case Kind::letter:
      if (view.content.size() < kLetterFixedBytes) return malformed("a letter without its parts");
      if (kLetterFixedBytes + uint64_t{load<uint32_t>(view.content.data() + 40)} +
              load<uint32_t>(view.content.data() + 44) != view.content.size()) {
        return malformed("a letter whose lengths disagree");
      }
      return view;
    case Kind::resolved:
      if (view.content.size() != kResolvedBytes) return malformed("a resolution of another size");
      return view;
  }
  return malformed("a record of another version");
}

Result<DeadLetter> decode_letter(const RecordView& record) {
  const uint8_t* at = record.content.data();
  const uint64_t history = load<uint32_t>(at + 40);
  const uint64_t payload = load<uint32_t>(at + 44);
  if (record.kind != Kind::letter ||
      kLetterFixedBytes + history + payload != record.content.size()) {
    return malformed("a letter whose lengths disagree");
  }
  DeadLetter letter;
  letter.number = record.number;
  letter.sequence = load<uint64_t>(at);
  letter.time_us = load<uint64_t>(at + 8);
  letter.attempts = load<uint32_t>(at + 16);
  letter.type = at[20];
  letter.has_id = (at[21] & kHasId) != 0;
  letter.id = {load<uint64_t>(at + 24), load<uint64_t>(at + 32)};
  at += kLetterFixedBytes;
  letter.history.assign(reinterpret_cast<const char*>(at), history);
  letter.payload.assign(at + history, at + history + payload);
  return letter;
}

}  // namespace semel::deadletters
