#include "shard/stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/crc32c.h"

namespace semel {
namespace {

constexpr const char* kFiles[] = {"structures", "sources", "offsets"};
constexpr char kFileMagic[8] = {'s', 'e', 'm', 'e', 'l', 'b', 'o', 'x'};
constexpr std::size_t kFileHeaderBytes = 16;  // magic 8, format 4, CRC-32C of the content 4

std::vector<uint8_t> seal_file(std::span<const uint8_t> content) {
  std::vector<uint8_t> bytes(kFileHeaderBytes + content.size());
  std::memcpy(bytes.data(), kFileMagic, sizeof kFileMagic);
  store<uint32_t>(bytes.data() + 8, kDirectoryFormat);
  store<uint32_t>(bytes.data() + 12, crc32c(kDirectoryFormat, content.data(), content.size()));
  if (!content.empty()) {
    std::memcpy(bytes.data() + kFileHeaderBytes, content.data(), content.size());
  }
  return bytes;
}

}  // namespace

Result<std::unique_ptr<Stream>> Stream::open(Storage& storage, StreamOptions options) {
  std::unique_ptr<Stream> stream(new Stream(storage, std::move(options)));
  StreamOptions& opened = stream->options_;
  if (!opened.directory.empty()) {
    SEMEL_TRY(storage.make_directory(opened.directory));
    auto lock = DirectoryLock::take(opened.directory);
    if (!lock.is_ok()) return lock.status();
    stream->lock_ = std::move(lock.value());
    auto manifest = open_manifest(storage, opened);
    if (!manifest.is_ok()) return manifest.status();
    stream->manifest_ = manifest.value();
    opened.segment_bytes = manifest.value().segment_bytes;
    SEMEL_TRY(stream->load_files());
  } else if (keeps_files(opened)) {
    return Status{Code::invalid_argument, "a durable stream needs a directory: set `dir`"};
  }
  stream->doorbells_ = std::make_unique<Doorbell[]>(opened.workers);
  uint64_t stored_us = 0;
  std::vector<Shard*> shards;
  for (uint32_t i = 0; i < opened.shards; ++i) {
    auto shard = Shard::open(storage, opened, stream->manifest_, i);
    if (!shard.is_ok()) return shard.status();
    shard.value()->doorbell = &stream->doorbells_[i % opened.workers];
    stored_us = std::max(stored_us, shard.value()->recovery().time_us);
    shards.push_back(shard.value().get());
    stream->shards_.push_back(std::move(shard.value()));
  }
  stream->clock_ = std::make_unique<StreamClock>(stored_us);
  if (keeps_files(opened)) {
    Stream* self = stream.get();
    stream->syncer_ = std::make_unique<Syncer>(std::move(shards), opened, *stream->clock_,
                                               [self] { self->give_notice(); });
  }
  return stream;
}

Stream::~Stream() {
  if (syncer_ != nullptr) syncer_->stop();
}

void Stream::publish(uint32_t index) {
  Shard& shard = *shards_[index];
  if (!shard.ring().has_unpublished()) return;
  shard.intake().publish();
  if (options_.durability == Durability::disk) syncer_->wake();
  // Where only durable frames are visible, the sync thread rings the worker.
  if (!shard.waits_for_durable()) shard.doorbell->ring();
}

Status Stream::health() const {
  return syncer_ != nullptr && syncer_->failed() ? syncer_->failure() : Status::ok();
}

void Stream::set_notice(std::function<void()> notice) {
  std::lock_guard guard(notice_mutex_);
  notice_ = std::move(notice);
}

void Stream::give_notice() {
  if (!notice_wanted_.take()) return;
  std::lock_guard guard(notice_mutex_);
  if (notice_) notice_();
}

Status Stream::put_file(const std::string& name, std::span<const uint8_t> content) {
  if (std::find(std::begin(kFiles), std::end(kFiles), name) == std::end(kFiles)) {
    return {Code::invalid_argument, "no file of a stream is named " + name};
  }
  if (!options_.directory.empty()) {
    SEMEL_TRY(write_atomically(storage_, options_.directory, name, seal_file(content)));
  }
  std::lock_guard guard(files_mutex_);
  files_[name].assign(content.begin(), content.end());
  return Status::ok();
}

std::vector<uint8_t> Stream::get_file(const std::string& name) const {
  std::lock_guard guard(files_mutex_);
  const auto at = files_.find(name);
  return at == files_.end() ? std::vector<uint8_t>() : at->second;
}

Status Stream::load_files() {
  for (const char* name : kFiles) {
    const std::string path = options_.directory + "/" + name;
    auto exists = storage_.exists(path);
    if (!exists.is_ok()) return exists.status();
    if (!exists.value()) continue;
    auto content = read_whole(storage_, path);
    if (!content.is_ok()) return content.status();
    const std::vector<uint8_t>& bytes = content.value();
    if (bytes.size() < kFileHeaderBytes ||
        std::memcmp(bytes.data(), kFileMagic, sizeof kFileMagic) != 0) {
      return {Code::damaged, path + " at offset 0: not a file of a stream"};
    }
    const std::span<const uint8_t> inside(bytes.data() + kFileHeaderBytes,
                                          bytes.size() - kFileHeaderBytes);
    if (load<uint32_t>(bytes.data() + 8) != kDirectoryFormat) {
      return {Code::format, path + " has another format than this version reads"};
    }
    if (load<uint32_t>(bytes.data() + 12) !=
        crc32c(kDirectoryFormat, inside.data(), inside.size())) {
      return {Code::damaged, path + " at offset 12: the checksum is wrong"};
    }
    files_[name].assign(inside.begin(), inside.end());
  }
  return Status::ok();
}

void Stream::abandon() {
  closed_ = true;
  set_notice(nullptr);
  if (syncer_ != nullptr) syncer_->stop();
  lock_.reset();
}

Status Stream::close() {
  if (closed_) return Status::ok();
  closed_ = true;
  set_notice(nullptr);
  if (syncer_ == nullptr) {
    lock_.reset();
    return Status::ok();
  }
  syncer_->stop();
  Status first = health();
  for (auto& shard : shards_) {
    if (!first.is_ok()) break;
    first = shard->close();
  }
  lock_.reset();
  return first;
}

}  // namespace semel
