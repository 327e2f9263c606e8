#include "repair/dead_letters_survey.h"

#include <algorithm>
#include <map>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "deadletters/record.h"
#include "repair/crc32c_reverse.h"

namespace semel::deadletters {
namespace {

constexpr uint64_t kWorkFactor = 64;
constexpr uint64_t kProofBytes = 64 * 1024 * 1024;  // what is checksummed to find out a seed
constexpr uint64_t kHeaderUsed = 48;

uint64_t salt_of(const DeadLetters::Options& options) {
  return options.random ? options.random() : random_salt();
}

class Surveyor {
 public:
  Surveyor(const DeadLetters::Options& options, uint64_t letters)
      : options_(options), letters_(letters), path_(options.directory + "/" + DeadLetters::kName) {}

  Result<Survey> run() {
    survey_.next_number = letters_ + 1;
    if (options_.committed_bytes <= kHeaderBytes) return std::move(survey_);
    auto exists = options_.storage->exists(path_);
    if (!exists.is_ok()) return exists.status();
    if (!exists.value()) {
      fault(0, "the ack log counts " + std::to_string(options_.committed_bytes) + " bytes of it",
            FindingKind::missing);
      survey_.lost.add(1, letters_);
      return std::move(survey_);
    }
    auto content = read_whole(*options_.storage, path_);
    if (!content.is_ok()) return content.status();
    bytes_ = std::move(content.value());
    if (!read_header()) return std::move(survey_);
    read_records();
    tell_lost();
    return std::move(survey_);
  }

 private:
  void fault(uint64_t offset, std::string what, FindingKind kind = FindingKind::damage) {
    survey_.faults.push_back({kind, path_, offset, std::move(what)});
  }

  // False: nothing behind the header can be made out.
  bool read_header() {
    if (bytes_.size() < kHeaderBytes) {
      fault(bytes_.size(), "it ends within its header");
      survey_.lost.add(1, letters_);
      return false;
    }
    const std::span<const uint8_t> all = bytes_;
    auto header = decode_header(all.first(kHeaderBytes), path_, options_.directory_salt);
    uint64_t base = load<uint64_t>(all.data() + 32);
    if (header.is_ok()) {
      survey_.seed = header.value().seed();
    } else if (header.status().code() == Code::format) {
      fault(8, header.status().file_fault()->what, FindingKind::foreign);
      return false;
    } else {
      fault(0, "its header does not check");
      if (!mend_header(all, &base)) {
        survey_.lost.add(1, letters_);
        return false;
      }
    }
    committed_ = options_.committed_bytes - base;
    if (base > options_.committed_bytes || committed_ < kHeaderBytes ||
        (!header.is_ok() && committed_ > bytes_.size())) {
      if (header.is_ok()) fault(32, "it begins behind the committed length");
      committed_ = bytes_.size();
    }
    if (bytes_.size() < committed_) {
      fault(bytes_.size(), "it ends there; " + std::to_string(committed_) + " bytes were committed");
    }
    return true;
  }

  // What the header's checksum says that one changed byte was, and, if that does not explain it, the
  // fields as they are: right where a record agrees.
  bool mend_header(std::span<const uint8_t> all, uint64_t* base) {
    const auto rest = all.subspan(kHeaderBytes);
    std::vector<uint8_t> page(all.begin(), all.begin() + kHeaderUsed);
    const uint32_t found = crc32c(0, page.data(), kHeaderUsed);
    if (auto fix = one_byte_fix(found, load<uint32_t>(all.data() + kHeaderUsed), kHeaderUsed)) {
      page[fix->at] ^= fix->xor_with;
      if (fits(rest, page, base)) return true;
    }
    if (fits(rest, {all.begin(), all.begin() + kHeaderUsed}, base)) return true;
    const uint64_t length = length_at(rest);
    if (length == 0) return false;
    survey_.seed = crc32c_seed(load<uint32_t>(rest.data() + 4), rest.subspan(8, length - 8));
    *base = UINT64_MAX;
    return proves(rest.subspan(length));
  }
  bool fits(std::span<const uint8_t> records, const std::vector<uint8_t>& page, uint64_t* base) {
    const uint64_t salt = load<uint64_t>(page.data() + 16);
    survey_.seed = static_cast<uint32_t>(salt ^ salt >> 32);
    *base = load<uint64_t>(page.data() + 32);
    return records.empty() || proves(records);
  }
  bool proves(std::span<const uint8_t> records) const {
    uint64_t work = 0;
    for (uint64_t at = 0; at < records.size() && work < kProofBytes; at += 8) {
      const uint64_t length = length_at(records.subspan(at));
      work += 8 + length;
      if (length != 0 && check_record(records.subspan(at, length), survey_.seed)) return true;
    }
    return false;
  }

 public:
  static uint64_t length_at(std::span<const uint8_t> rest) {
    return record_length(rest.first(std::min<uint64_t>(rest.size(), kRecordHeaderBytes)),
                         rest.size());
  }

 private:
  void read_records() {
    const uint64_t end = std::min<uint64_t>(committed_, bytes_.size());
    const std::span<const uint8_t> all = std::span<const uint8_t>(bytes_).first(end);
    uint64_t work = 0;
    bool hole = false;
    for (uint64_t at = kHeaderBytes; at < end;) {
      const auto rest = all.subspan(at);
      const uint64_t length = length_at(rest);
      if (length != 0) work += length;
      const bool good = length != 0 && work <= kWorkFactor * bytes_.size() &&
                        check_record(rest.first(length), survey_.seed) && take(rest.first(length), at);
      if (!good) {
        if (!hole) {
          fault(at, "a record does not check");
          begin_hole();
        }
        hole = true;
        at += 8;
        continue;
      }
      hole = false;
      at += length;
    }
    if (bytes_.size() < committed_) begin_hole();
    if (in_doubt_) gaps_.push_back({last_letter_ + 1, letters_});
  }

  bool take(std::span<const uint8_t> record, uint64_t offset) {
    auto view = view_record(record);
    if (!view.is_ok()) return false;
    const uint64_t number = view.value().number;
    if (view.value().kind == Kind::resolved) {
      known_[number] = true;
      open_.erase(number);
      maybe_.erase(number);
      return true;
    }
    auto letter = decode_letter(view.value());
    if (!letter.is_ok() || number == 0) return false;
    // Letters stand in the order of their numbers.
    if (in_doubt_) gaps_.push_back({last_letter_ + 1, std::min(number - 1, letters_)});
    in_doubt_ = false;
    last_letter_ = number;
    known_[number] = true;
    open_[number] = {number, letter.value().sequence, offset, record.size()};
    return true;
  }

  // Letters may be lost from here to the next one that is good, and the resolutions of those before.
  void begin_hole() {
    in_doubt_ = true;
    for (const auto& [number, extent] : open_) maybe_[number] = true;
  }

  void tell_lost() {
    for (const Range& gap : gaps_) {
      for (uint64_t number = gap.first; number <= gap.last; ++number) {
        if (!known_.contains(number)) survey_.lost.add(number, number);
      }
    }
    for (const auto& [number, extent] : open_) survey_.open.push_back(extent);
    for (const auto& [number, yes] : maybe_) survey_.maybe_resolved.add(number, number);
    if (!known_.empty()) {
      survey_.next_number = std::max(survey_.next_number, known_.rbegin()->first + 1);
    }
  }

  const DeadLetters::Options& options_;
  const uint64_t letters_;
  const std::string path_;
  std::vector<uint8_t> bytes_;
  uint64_t committed_ = 0;
  std::vector<Range> gaps_;
  uint64_t last_letter_ = 0;
  bool in_doubt_ = false;
  std::map<uint64_t, LetterExtent> open_;
  std::map<uint64_t, bool> known_;
  std::map<uint64_t, bool> maybe_;
  Survey survey_;
};

}  // namespace

Result<Survey> survey(const DeadLetters::Options& options, uint64_t letters) {
  return Surveyor(options, letters).run();
}

Result<SoundEnd> sound_end(const DeadLetters::Options& options) {
  const std::string path = options.directory + "/" + DeadLetters::kName;
  auto exists = options.storage->exists(path);
  if (!exists.is_ok()) return exists.status();
  if (!exists.value()) return SoundEnd{};
  auto content = read_whole(*options.storage, path);
  if (!content.is_ok()) return content.status();
  const std::span<const uint8_t> bytes = content.value();
  if (bytes.size() < kHeaderBytes) return SoundEnd{};
  auto header = decode_header(bytes.first(kHeaderBytes), path, options.directory_salt);
  if (!header.is_ok()) return SoundEnd{};
  uint64_t at = kHeaderBytes;
  uint64_t letters = header.value().next_number - 1;
  while (at < bytes.size()) {
    const uint64_t length = Surveyor::length_at(bytes.subspan(at));
    if (length == 0 || !check_record(bytes.subspan(at, length), header.value().seed())) break;
    auto view = view_record(bytes.subspan(at, length));
    if (!view.is_ok()) break;
    if (view.value().kind == Kind::letter) letters = std::max(letters, view.value().number);
    at += length;
  }
  return SoundEnd{header.value().base + at, letters};
}

Status rewrite(const DeadLetters::Options& options, const Survey& survey, const std::string& name) {
  Storage& storage = *options.storage;
  const std::string from = options.directory + "/" + DeadLetters::kName;
  std::vector<uint8_t> old;
  if (!survey.open.empty()) {
    auto content = read_whole(storage, from);
    if (!content.is_ok()) return content.status();
    old = std::move(content.value());
  }
  uint64_t bytes = kHeaderBytes;
  for (const LetterExtent& extent : survey.open) bytes += extent.bytes;
  FileHeader header;
  header.salt = salt_of(options);
  header.directory_salt = options.directory_salt;
  header.base = options.committed_bytes - bytes;
  header.next_number = survey.next_number;
  auto made = storage.open(options.directory + "/" + name, Open::create);
  if (!made.is_ok()) return made.status();
  File& file = *made.value();
  SEMEL_TRY(file.truncate(0));
  SEMEL_TRY(file.write(0, encode_header(header)));
  uint64_t at = kHeaderBytes;
  for (const LetterExtent& extent : survey.open) {
    const auto record = std::span<const uint8_t>(old).subspan(extent.offset, extent.bytes);
    auto view = view_record(record);
    if (!view.is_ok()) return view.status();
    auto letter = decode_letter(view.value());
    if (!letter.is_ok()) return letter.status();
    const std::vector<uint8_t> again = encode_letter(letter.value(), header.seed());
    SEMEL_TRY(file.write(at, again));
    at += again.size();
  }
  return file.sync();
}

}  // namespace semel::deadletters
