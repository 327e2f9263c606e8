#include "shard/stream.h"

#include <algorithm>
#include <utility>

#include "shard/box.h"
#include "shard/unfinished_repair.h"

namespace semel {
namespace {

// The boxes of the layer above.
constexpr const char* kFiles[] = {"structures", "sources", "offsets", kSinksBox};

}  // namespace

Result<std::unique_ptr<Stream>> Stream::open(Storage& storage, StreamOptions options) {
  auto locked = lock(storage, std::move(options));
  if (!locked.is_ok()) return locked.status();
  SEMEL_TRY(locked.value()->open_shards({}));
  return locked;
}

Result<std::unique_ptr<Stream>> Stream::lock(Storage& storage, StreamOptions options) {
  std::unique_ptr<Stream> stream(new Stream(storage, std::move(options)));
  StreamOptions& opened = stream->options_;
  if (!opened.directory.empty()) {
    SEMEL_TRY(storage.make_directory(opened.directory));
    auto lock = storage.lock(opened.directory);
    if (!lock.is_ok()) return lock.status();
    stream->lock_ = std::move(lock.value());
    SEMEL_TRY(refuse_unfinished_repair(storage, opened.directory));
    auto manifest = open_manifest(storage, opened);
    if (!manifest.is_ok()) return manifest.status();
    stream->manifest_ = manifest.value();
    opened.segment_bytes = manifest.value().segment_bytes;
    SEMEL_TRY(stream->load_files());
    const bool has_shapes = !stream->files_["structures"].empty();
    SEMEL_TRY(adopt_payloads(storage, opened, has_shapes, &stream->manifest_));
  } else if (keeps_files(opened)) {
    return Status{Code::invalid_argument, "a durable stream needs a directory: set `dir`"};
  }
  return stream;
}

Status Stream::open_shards(std::span<const SinkAnswer> answers) {
  doorbells_ = std::make_unique<Doorbell[]>(options_.workers);
  uint64_t stored_us = 0;
  std::vector<Shard*> shards;
  for (uint32_t i = 0; i < options_.shards; ++i) {
    auto shard = Shard::open(storage_, options_, manifest_, i, shards_made_,
                             i < answers.size() ? answers[i] : SinkAnswer{});
    if (!shard.is_ok()) return shard.status();
    shard.value()->doorbell = &doorbells_[i % options_.workers];
    stored_us = std::max(stored_us, shard.value()->recovery().time_us);
    shards.push_back(shard.value().get());
    shards_.push_back(std::move(shard.value()));
  }
  if (keeps_files(options_) && !shards_made_) {
    const std::string count = std::to_string(options_.shards);
    SEMEL_TRY(write_box(storage_, options_.directory, kShardsBox, manifest_.salt,
                        {reinterpret_cast<const uint8_t*>(count.data()), count.size()}));
  }
  if (!options_.directory.empty()) SEMEL_TRY(adopt_journal(storage_, options_, &manifest_));
  clock_ = std::make_unique<StreamClock>(stored_us);
  if (keeps_files(options_)) {
    syncer_ = std::make_unique<Syncer>(std::move(shards), options_, *clock_,
                                       [this] { return lock_->check(); }, [this] { give_notice(); });
  }
  return Status::ok();
}

Stream::~Stream() {
  if (syncer_ != nullptr) syncer_->stop();
}

void Stream::publish(uint32_t index) {
  Shard& shard = *shards_[index];
  if (!shard.ring().has_unpublished()) return;
  shard.intake().publish();
  if (options_.durability == Durability::disk && options_.journal) syncer_->wake();
  // Where only durable frames are visible, the sync thread rings the worker.
  if (!shard.waits_for_durable()) shard.doorbell->ring();
}

Status Stream::health() const {
  return syncer_ != nullptr && syncer_->failed() ? syncer_->failure() : Status::ok();
}

Status Stream::fail(const Status& cause) {
  const Code code = cause.code();
  const bool files = code == Code::io || code == Code::no_space || code == Code::read_only;
  if (!files || syncer_ == nullptr) return cause;
  syncer_->fail(cause);
  return health();
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
  if (!is_file(name)) {
    return {Code::invalid_argument, "no file of a stream is named " + name};
  }
  if (!options_.directory.empty()) {
    SEMEL_TRY(lock_->check());
    Status written = write_box(storage_, options_.directory, name, manifest_.salt, content);
    if (!written.is_ok()) {
      // A full disk has left the old content, and the same call may come again. After any other failure
      // nobody knows what a second sync would be worth (I9).
      return written.code() == Code::no_space ? written : fail(written);
    }
  }
  std::lock_guard guard(files_mutex_);
  files_[name].assign(content.begin(), content.end());
  files_version_.fetch_add(1, std::memory_order_release);
  return Status::ok();
}

std::vector<uint8_t> Stream::get_file(const std::string& name) const {
  std::lock_guard guard(files_mutex_);
  const auto at = files_.find(name);
  return at == files_.end() ? std::vector<uint8_t>() : at->second;
}

Status Stream::load_files() {
  for (const char* name : kBoxes) {
    auto content = read_box(storage_, options_.directory, name, manifest_.salt);
    if (!content.is_ok()) return content.status();
    files_[name] = std::move(content.value());
  }
  shards_made_ = !files_[kShardsBox].empty();
  SEMEL_TRY(load_file_of_sinks(kSinksBox));
  for (uint32_t shard = 0; shard < options_.shards; ++shard) {
    SEMEL_TRY(load_file_of_sinks(sink_box(shard)));
  }
  return Status::ok();
}

// It is made when there is something to keep.
Status Stream::load_file_of_sinks(const std::string& name) {
  auto exists = storage_.exists(options_.directory + "/" + name);
  if (!exists.is_ok() || !exists.value()) return exists.status();
  auto content = read_box(storage_, options_.directory, name, manifest_.salt);
  if (!content.is_ok()) return content.status();
  files_[name] = std::move(content.value());
  return Status::ok();
}

bool Stream::is_file(const std::string& name) const {
  if (std::find(std::begin(kFiles), std::end(kFiles), name) != std::end(kFiles)) return true;
  for (uint32_t shard = 0; shard < options_.shards; ++shard) {
    if (name == sink_box(shard)) return true;
  }
  return false;
}

void Stream::abandon() {
  closed_ = true;
  set_notice(nullptr);
  if (syncer_ != nullptr) syncer_->stop();
  file_locks_.clear();
  lock_.reset();
}

Status Stream::close() {
  if (closed_) return Status::ok();
  closed_ = true;
  set_notice(nullptr);
  file_locks_.clear();
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
