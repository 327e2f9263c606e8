#include "deadletters/dead_letters.h"

#include <algorithm>
#include <utility>

#include "core/bytes.h"
#include "deadletters/record.h"

namespace semel {

using deadletters::FileHeader;
using deadletters::Kind;
using deadletters::RecordView;
using deadletters::kHeaderBytes;
using deadletters::kRecordHeaderBytes;

DeadLetters::DeadLetters(const Options& options)
    : options_(options),
      path_(options.directory + "/" + kName),
      committed_(std::max(options.committed_bytes, kHeaderBytes)) {}

Result<std::unique_ptr<DeadLetters>> DeadLetters::open(const Options& options) {
  return open_as(options, false);
}

Result<std::unique_ptr<DeadLetters>> DeadLetters::open_read_only(const Options& options) {
  return open_as(options, true);
}

Result<std::unique_ptr<DeadLetters>> DeadLetters::open_as(const Options& options, bool read_only) {
  if (options.storage == nullptr || options.directory.empty()) {
    return Status{Code::invalid_argument, "dead letters need a storage and a directory"};
  }
  std::unique_ptr<DeadLetters> letters(new DeadLetters(options));
  letters->read_only_ = read_only;
  auto exists = options.storage->exists(letters->path_);
  if (!exists.is_ok()) return exists.status();
  // Up to one header nothing was committed but the file itself.
  const bool nothing = options.committed_bytes <= kHeaderBytes;
  if (!exists.value() && !nothing) {
    return Status{Code::damaged, letters->path_ + " is missing; the ack log counts " +
                                     std::to_string(options.committed_bytes) + " bytes of it"};
  }
  if (nothing && read_only) {
    letters->length_ = letters->durable_ = kHeaderBytes;
    return letters;
  }
  if (nothing && !(exists.value() && letters->is_begun())) {
    // The file may be half made: nobody has relied on it.
    SEMEL_TRY(letters->create());
    return letters;
  }
  SEMEL_TRY(letters->load());
  letters->show(letters->length());
  if (!read_only && letters->worth_compacting()) {
    // On a full disk the file stays as large as it is.
    const Status compacted = letters->compact();
    if (!compacted.is_ok() && compacted.code() != Code::no_space) return compacted;
  }
  return letters;
}

// Whether the file is one that create() has made, whatever is behind its header.
bool DeadLetters::is_begun() const {
  auto file = options_.storage->open(path_, Open::read_only);
  if (!file.is_ok()) return false;
  std::vector<uint8_t> page(kHeaderBytes);
  if (!file.value()->read(0, page).is_ok()) return false;
  const auto header = deadletters::decode_header(page, path_, options_.directory_salt);
  return header.is_ok() && header.value().base == 0 && header.value().next_number == 1;
}

uint64_t DeadLetters::random_salt() const {
  return options_.random ? options_.random() : deadletters::random_salt();
}

Status DeadLetters::create() {
  Storage& storage = *options_.storage;
  FileHeader header;
  header.salt = random_salt();
  header.directory_salt = options_.directory_salt;
  SEMEL_TRY(write_atomically(storage, options_.directory, kName,
                             deadletters::encode_header(header)));
  auto file = storage.open(path_, Open::existing);
  if (!file.is_ok()) return file.status();
  file_ = std::move(file.value());
  seed_ = header.seed();
  length_ = durable_ = kHeaderBytes;
  return Status::ok();
}

// Reads what is committed, checks all of it, and cuts the rest.
Status DeadLetters::load() { return read_to(committed_); }

Status DeadLetters::rewind(uint64_t length) {
  const std::lock_guard lock(mutex_);
  SEMEL_TRY(ready_to_append());
  if (length == length_.load(std::memory_order_relaxed)) return Status::ok();
  const std::map<uint64_t, Extent> before = std::move(letters_);
  letters_.clear();
  open_bytes_ = 0;
  show(std::min(length, shown_.load(std::memory_order_relaxed)));
  if (Status read = read_to(length); !read.is_ok()) {
    cause_ = read;
    return read;
  }
  // Its message is on its way again.
  for (const auto& [number, extent] : letters_) {
    if (!before.contains(number)) asked_.emplace(number, How::retried);
  }
  std::erase_if(asked_, [this](const auto& one) { return !letters_.contains(one.first); });
  return Status::ok();
}

Status DeadLetters::read_to(uint64_t committed_length) {
  auto file = options_.storage->open(path_, read_only_ ? Open::read_only : Open::existing);
  if (!file.is_ok()) return file.status();
  file_ = std::move(file.value());
  auto size = file_->size();
  if (!size.is_ok()) return size.status();
  if (size.value() < kHeaderBytes) return Status::damaged(path_, 0, "it is shorter than its header");
  std::vector<uint8_t> page(kHeaderBytes);
  SEMEL_TRY(file_->read(0, page));
  auto header = deadletters::decode_header(page, path_, options_.directory_salt);
  if (!header.is_ok()) return header.status();
  seed_ = header.value().seed();
  base_ = header.value().base;
  next_number_ = header.value().next_number;
  if (committed_length < base_ || physical(committed_length) < kHeaderBytes) {
    return Status::damaged(path_, 0, "it begins behind the committed length");
  }
  const uint64_t committed = physical(committed_length);
  if (size.value() < committed) {
    return Status::damaged(path_, size.value(), "it ends there; " + std::to_string(committed) +
                                            " bytes were committed");
  }
  std::vector<uint8_t> record;
  for (uint64_t at = kHeaderBytes; at < committed;) {
    const uint64_t rest = committed - at;
    record.resize(std::min(rest, kRecordHeaderBytes));
    SEMEL_TRY(file_->read(at, record));
    const uint64_t length = deadletters::record_length(record, rest);
    if (length == 0) return Status::damaged(path_, at, "no record begins there");
    record.resize(length);
    SEMEL_TRY(file_->read(at, record));
    if (!deadletters::check_record(record, seed_)) return Status::damaged(path_, at, "a record does not check");
    SEMEL_TRY(index_record(record, at));
    at += length;
  }
  if (!read_only_) {
    if (size.value() > committed) SEMEL_TRY(file_->truncate(committed));
    // What survived the process alone must not be claimed as durable before it is.
    SEMEL_TRY(file_->sync());
  }
  length_ = durable_ = committed_length;
  return Status::ok();
}

Status DeadLetters::index_record(const std::vector<uint8_t>& record, uint64_t offset) {
  auto view = deadletters::view_record(record);
  if (!view.is_ok()) {
    return Status::at(view.status().code(), path_, offset, view.status().message());
  }
  const uint64_t number = view.value().number;
  if (view.value().kind == Kind::letter) {
    if (letters_.contains(number)) return Status::damaged(path_, offset, "a letter is there twice");
    letters_.emplace(number, Extent{offset, record.size()});
    open_bytes_ += record.size();
    if (number >= next_number_) next_number_ = number + 1;
    return Status::ok();
  }
  const auto letter = letters_.find(number);
  if (letter == letters_.end()) {
    return Status::damaged(path_, offset, "it resolves a letter that is not open");
  }
  open_bytes_ -= letter->second.bytes;
  letters_.erase(letter);
  return Status::ok();
}

bool DeadLetters::worth_compacting() const {
  if (options_.compact_bytes == 0) return false;
  const uint64_t records = physical(length()) - kHeaderBytes;
  const uint64_t resolved = records - open_bytes_;
  return resolved > options_.compact_bytes && resolved > records / 2;
}

// Rewrites the file with the open letters alone. Whatever a crash leaves, old file or new, the
// committed length in the ack log fits it: the new base makes up for what was taken out.
Status DeadLetters::compact() {
  Storage& storage = *options_.storage;
  FileHeader header;
  header.salt = random_salt();
  header.directory_salt = options_.directory_salt;
  header.base = length() - (kHeaderBytes + open_bytes_);
  header.next_number = next_number_;
  const std::string fresh = path_ + ".new";
  std::map<uint64_t, Extent> moved;
  if (Status written = write_open_letters(fresh, header, &moved); !written.is_ok()) {
    // What it did get of a full disk goes back. The cause is the answer.
    static_cast<void>(storage.remove(fresh));
    return written;
  }
  SEMEL_TRY(storage.rename(fresh, path_));
  SEMEL_TRY(storage.sync_directory(options_.directory));
  auto file = storage.open(path_, Open::existing);
  if (!file.is_ok()) return file.status();
  file_ = std::move(file.value());
  seed_ = header.seed();
  base_ = header.base;
  letters_ = std::move(moved);
  return Status::ok();
}

Status DeadLetters::write_open_letters(const std::string& path, const FileHeader& header,
                                       std::map<uint64_t, Extent>* extents) const {
  auto made = options_.storage->open(path, Open::create);
  if (!made.is_ok()) return made.status();
  File& file = *made.value();
  SEMEL_TRY(file.truncate(0));
  SEMEL_TRY(file.write(0, deadletters::encode_header(header)));
  uint64_t at = kHeaderBytes;
  for (const auto& [number, extent] : letters_) {
    auto letter = read_at(number, extent);
    if (!letter.is_ok()) return letter.status();
    const std::vector<uint8_t> record = deadletters::encode_letter(letter.value(), header.seed());
    SEMEL_TRY(file.write(at, record));
    extents->emplace(number, Extent{at, record.size()});
    at += record.size();
  }
  return file.sync();
}

Status DeadLetters::ready_to_append() const {
  if (read_only_) return {Code::read_only, path_ + " was opened for reading"};
  return cause_;
}

Status DeadLetters::append(const std::vector<uint8_t>& record) {
  const uint64_t length = length_.load(std::memory_order_relaxed);
  // After a failure the next record goes to the same offset, over what was written of this one.
  SEMEL_TRY(file_->write(physical(length), record));
  length_.store(length + record.size(), std::memory_order_release);
  return Status::ok();
}

Result<uint64_t> DeadLetters::append_letter(const DeadLetter& letter) {
  if (letter.history.size() + letter.payload.size() > kLetterBytesMax) {
    return Status{Code::too_large, "a dead letter may hold " + std::to_string(kLetterBytesMax) +
                                       " bytes of payload and history"};
  }
  const std::lock_guard lock(mutex_);
  SEMEL_TRY(ready_to_append());
  DeadLetter numbered = letter;
  numbered.number = next_number_;
  const std::vector<uint8_t> record = deadletters::encode_letter(numbered, seed_);
  const uint64_t offset = physical(length());
  SEMEL_TRY(append(record));
  letters_.emplace(numbered.number, Extent{offset, record.size()});
  open_bytes_ += record.size();
  return next_number_++;
}

Status DeadLetters::append_resolved(uint64_t number, How how, uint64_t time_us) {
  const std::lock_guard lock(mutex_);
  SEMEL_TRY(ready_to_append());
  const auto letter = letters_.find(number);
  if (letter == letters_.end()) {
    return {Code::invalid_argument, "there is no open dead letter " + std::to_string(number)};
  }
  SEMEL_TRY(append(deadletters::encode_resolved(number, how, time_us, seed_)));
  open_bytes_ -= letter->second.bytes;
  letters_.erase(letter);
  asked_.erase(number);
  return Status::ok();
}

Status DeadLetters::sync() {
  uint64_t length;
  {
    const std::lock_guard lock(mutex_);
    SEMEL_TRY(ready_to_append());
    length = length_.load(std::memory_order_relaxed);
  }
  if (length == durable_length()) return Status::ok();
  if (Status status = file_->sync(); !status.is_ok()) {
    const std::lock_guard lock(mutex_);
    cause_ = {Code::poisoned, "dead letters could not be made durable; open the stream again: " +
                                  status.message()};
    return status;
  }
  durable_.store(length, std::memory_order_release);
  return Status::ok();
}

bool DeadLetters::contains_open(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return letters_.contains(number);
}

void DeadLetters::ask(uint64_t number, How how) {
  const std::lock_guard lock(mutex_);
  if (letters_.contains(number)) asked_.emplace(number, how);
}

std::optional<DeadLetters::How> DeadLetters::asked(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find(number);
  if (found == asked_.end()) return std::nullopt;
  return found->second;
}

bool DeadLetters::shows(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto letter = letters_.find(number);
  return letter != letters_.end() && is_shown(letter->second);
}

uint64_t DeadLetters::open_count() const {
  const std::lock_guard lock(mutex_);
  return letters_.size();
}

uint64_t DeadLetters::open_bytes() const {
  const std::lock_guard lock(mutex_);
  return open_bytes_;
}

Result<DeadLetter> DeadLetters::read_at(uint64_t number, Extent extent) const {
  std::vector<uint8_t> record(extent.bytes);
  SEMEL_TRY(file_->read(extent.offset, record));
  if (deadletters::record_length(record, extent.bytes) != extent.bytes ||
      !deadletters::check_record(record, seed_)) {
    return Status::damaged(path_, extent.offset,
                           "letter " + std::to_string(number) + " does not check");
  }
  auto view = deadletters::view_record(record);
  if (!view.is_ok()) return view.status();
  return deadletters::decode_letter(view.value());
}

Result<DeadLetter> DeadLetters::read(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto letter = letters_.find(number);
  if (letter == letters_.end()) {
    return Status{Code::invalid_argument, "there is no open dead letter " + std::to_string(number)};
  }
  return read_at(number, letter->second);
}

Status DeadLetters::visit_open(const std::function<bool(const DeadLetter&)>& visitor,
                               uint64_t after) const {
  const std::lock_guard lock(mutex_);
  for (auto at = letters_.upper_bound(after); at != letters_.end(); ++at) {
    if (!is_shown(at->second)) break;
    auto letter = read_at(at->first, at->second);
    if (!letter.is_ok()) return letter.status();
    if (!visitor(letter.value())) break;
  }
  return Status::ok();
}

}  // namespace semel
