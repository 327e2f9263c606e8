// The bytes of the dead letters' file: header and records (FORMAT.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "deadletters/dead_letters.h"

namespace semel::deadletters {

constexpr uint64_t kHeaderBytes = 4096;
constexpr uint64_t kRecordHeaderBytes = 24;

enum class Kind : uint8_t { letter = 1, resolved = 2 };

struct FileHeader {
  uint64_t salt = 0;
  uint64_t directory_salt = 0;
  uint64_t base = 0;
  uint64_t next_number = 1;  // of the first letter that is appended behind this header's making

  uint32_t seed() const { return static_cast<uint32_t>(salt ^ (salt >> 32)); }
};

uint64_t random_salt();
std::vector<uint8_t> encode_header(const FileHeader& header);
Result<FileHeader> decode_header(std::span<const uint8_t> page, const std::string& path,
                                 uint64_t directory_salt);

std::vector<uint8_t> encode_letter(const DeadLetter& letter, uint32_t seed);
std::vector<uint8_t> encode_resolved(uint64_t number, DeadLetters::How how, uint64_t time_us,
                                     uint32_t seed);

struct RecordView {
  Kind kind = Kind::letter;
  uint64_t number = 0;
  std::span<const uint8_t> content;
};

// The length that a record's first bytes give; 0 where none can begin with them in `rest` bytes.
uint64_t record_length(std::span<const uint8_t> header, uint64_t rest);
// Whether a whole record checks.
bool check_record(std::span<const uint8_t> record, uint32_t seed);
// Of a record that checks; Code::format for what another version wrote.
Result<RecordView> view_record(std::span<const uint8_t> record);
Result<DeadLetter> decode_letter(const RecordView& record);

}  // namespace semel::deadletters
