// Opening an ack log: makes the first segment, or carries out what chain.h found to be needed. A crash
// at any point leaves a directory that opens to the same state.
#include <algorithm>
#include <cstring>

#include "acklog/ack_log.h"
#include "acklog/block.h"
#include "acklog/chain.h"
#include "core/bytes.h"
#include "core/faults.h"

namespace semel {

using acklog::Identity;
using acklog::Link;
using acklog::Segment;
using acklog::Window;
using acklog::kSegmentHeaderBytes;

namespace {

constexpr const char* kTornSuffix = ".torn-";
constexpr std::size_t kTornCopiesMax = 8;  // older ones go: kills must not fill the disk

Status check_options(const AckLog::Options& options) {
  if (options.storage == nullptr || options.directory.empty()) {
    return {Code::invalid_argument, "an ack log needs a storage and a directory"};
  }
  if (options.segment_bytes < acklog::kSegmentBytesMin ||
      options.segment_bytes > acklog::kSegmentBytesMax ||
      options.segment_bytes % kBlockBytes != 0) {
    return {Code::invalid_argument, "segment_bytes is " + std::to_string(options.segment_bytes) +
                                        "; it must be a multiple of 4096 from 65536 to 1073741824"};
  }
  if (options.writer == Writer::direct && !options.synced) {
    return {Code::invalid_argument, "the direct writer is for levels that sync"};
  }
  return Status::ok();
}

// The number of a torn copy, 0 for other names.
uint64_t torn_number(const std::string& name) {
  const std::size_t at = name.rfind(kTornSuffix);
  if (at == std::string::npos || !acklog::segment_number(name.substr(0, at)).has_value()) return 0;
  const std::string digits = name.substr(at + std::strlen(kTornSuffix));
  if (digits.empty() || digits.size() > 18) return 0;
  uint64_t number = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return 0;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  return number;
}

bool is_new_file(const std::string& name) {
  const std::string suffix = acklog::NextSegment::new_suffix();
  return name.size() > suffix.size() && name.ends_with(suffix) &&
         acklog::segment_number(name.substr(0, name.size() - suffix.size())).has_value();
}

Status zero_range(Storage& storage, const std::string& path, uint64_t from, uint64_t to) {
  if (from >= to) return Status::ok();
  auto file = storage.open(path, Open::existing);
  if (!file.is_ok()) return file.status();
  const std::vector<uint8_t> zeros(kBlockBytes);
  while (from < to) {
    const uint64_t bytes = std::min<uint64_t>(zeros.size(), to - from);
    SEMEL_TRY(file.value()->write(from, {zeros.data(), bytes}));
    from += bytes;
  }
  return file.value()->sync();
}

}  // namespace

Result<std::unique_ptr<AckLog>> AckLog::open(const Options& options, Recovered* recovered,
                                             const IdVisitor& visitor) {
  SEMEL_TRY(check_options(options));
  std::unique_ptr<AckLog> log(new AckLog(options));
  SEMEL_TRY(log->recover(recovered, visitor));
  return log;
}

Result<AckLog::Recovered> AckLog::inspect(const Options& options, const IdVisitor& visitor) {
  SEMEL_TRY(check_options(options));
  auto chain = acklog::read_chain(*options.storage, options.directory, options.directory_salt, visitor);
  if (!chain.is_ok()) return chain.status();
  if (!chain.value().exists && options.must_exist) {
    return Status{Code::damaged, options.directory + " has lost its ack log"};
  }
  return std::move(chain.value().recovered);
}

Status AckLog::recover(Recovered* recovered, const IdVisitor& visitor) {
  Storage& storage = *options_.storage;
  const std::string& directory = options_.directory;
  auto read = acklog::read_chain(storage, directory, options_.directory_salt, visitor, options_.answer);
  if (!read.is_ok()) return read.status();
  acklog::Chain& chain = read.value();
  if (chain.recovered.undecided > 0) {
    return {Code::mismatch, directory + " has commits of which only the transactional sink that it was "
                                        "opened with knows whether they took effect; open it with that "
                                        "sink, close it, then open it with another one"};
  }
  if (!chain.exists && options_.must_exist) {
    return {Code::damaged, directory + " has lost its ack log"};
  }
  auto names = storage.list(directory);
  if (!names.is_ok()) return names.status();
  for (const std::string& name : names.value()) {
    if (is_new_file(name)) SEMEL_TRY(storage.remove(directory + "/" + name));
  }
  if (!chain.exists) {
    *recovered = std::move(chain.recovered);
    recovered->segments = 1;
    recovered->bytes = options_.segment_bytes;
    return begin_anew();
  }

  for (const acklog::TornBytes& torn : chain.torn) {
    SEMEL_TRY(keep_torn(acklog::segment_name(torn.segment), torn.offset, torn.bytes,
                        &chain.recovered.torn_copy));
  }
  // The newest first, and all before the active segment's own tail: while a later segment is there,
  // the next attempt must find the same hole before it.
  std::sort(chain.discard.rbegin(), chain.discard.rend());
  for (const uint64_t number : chain.discard) {
    SEMEL_TRY(storage.remove(directory + "/" + acklog::segment_name(number)));
  }
  if (chain.blank.has_value()) {
    // Not removed: until the seal before it has been taken back, that wants a segment behind it.
    SEMEL_TRY(zero_range(storage, directory + "/" + acklog::segment_name(chain.blank->number),
                         acklog::kLinkAt, chain.blank->bytes));
    chain.prepared = chain.blank;
  }
  for (const uint64_t number : chain.expired) {
    SEMEL_TRY(storage.remove(directory + "/" + acklog::segment_name(number)));
  }
  if (!chain.discard.empty() || !chain.expired.empty()) {
    SEMEL_TRY(storage.sync_directory(directory));
  }
  fault_point("open.acks-discarded");
  const std::string path = directory + "/" + acklog::segment_name(chain.active.number);
  SEMEL_TRY(zero_range(storage, path, chain.end, chain.zero_to));
  fault_point("open.acks-cut");
  std::fill(chain.image.begin() + static_cast<std::ptrdiff_t>(chain.end), chain.image.end(), 0);
  if (options_.synced) {
    // What survived the process alone must not be claimed as durable before it is.
    std::vector<std::string> paths{path};
    for (const auto& one : chain.sealed) paths.push_back(directory + "/" + acklog::segment_name(one.number));
    for (const std::string& one : paths) {
      auto file = storage.open(one, Open::existing);
      if (!file.is_ok()) return file.status();
      SEMEL_TRY(file.value()->sync());
    }
  }

  const auto window_with = [&](std::span<const uint8_t> content, uint64_t bytes) -> Result<Window> {
    if (mapped()) return Window{};
    auto made = Window::make(std::max(bytes, options_.segment_bytes));
    if (!made.is_ok()) return made.status();
    std::memcpy(made.value().image->memory().data(), content.data(), content.size());
    return made;
  };
  auto window = window_with(chain.image, chain.active.bytes);
  if (!window.is_ok()) return window.status();
  auto active = Segment::open(storage, path, chain.active, std::move(window.value()));
  if (!active.is_ok()) return active.status();
  if (mapped()) active.value()->touch(0, chain.active.bytes);
  live_.push_back({std::move(active.value()), chain.end, chain.end});

  Segment& first = *live_.front().segment;
  writer_.enter(first.memory(), first.identity(), chain.end);
  writer_.resume(chain.last, chain.recovered.block_number);
  publish(chain.last_offset, chain.recovered.header.through);
  target_ = published();
  oldest_segment_.store(chain.oldest_segment, std::memory_order_relaxed);
  durable_oldest_ = chain.oldest_segment;
  durable_segment_ = first.number();
  retired_.assign(chain.sealed.begin(), chain.sealed.end());
  if (options_.synced) {
    const AckHeader& last = chain.recovered.header;
    show_durable(last.through, last.journal_position, last.dead_letter_bytes);
    durable_block_.store(writer_.number(), std::memory_order_release);
  }

  if (chain.prepared.has_value() && chain.prepared->bytes == options_.segment_bytes) {
    uint8_t page[kSegmentHeaderBytes];
    acklog::put_identity(page, *chain.prepared);
    auto spare = window_with(page, chain.prepared->bytes);
    if (!spare.is_ok()) return spare.status();
    auto next = Segment::open(
        storage, directory + "/" + acklog::segment_name(chain.prepared->number), *chain.prepared,
        std::move(spare.value()));
    if (!next.is_ok()) return next.status();
    if (mapped()) next.value()->touch(0, chain.prepared->bytes);
    live_.push_back({std::move(next.value()), 0, 0});
    ready_.store(live_.back().segment.get(), std::memory_order_release);
  }
  *recovered = std::move(chain.recovered);
  return prepare_all();
}

Status AckLog::begin_anew() {
  Window window;
  if (!mapped()) {
    auto made = Window::make(options_.segment_bytes);
    if (!made.is_ok()) return made.status();
    window = std::move(made.value());
  }
  const Identity identity{1, options_.segment_bytes, random(), options_.directory_salt};
  Link link;
  link.first_block = 1;
  link.oldest_segment = 1;
  acklog::NextSegment first(*options_.storage, options_.directory, identity, std::move(window),
                            mapped(), options_.synced, &link);
  while (!first.done()) SEMEL_TRY(first.step());
  live_.push_back({first.take(), kSegmentHeaderBytes, kSegmentHeaderBytes});
  writer_.enter(live_.front().segment->memory(), identity, kSegmentHeaderBytes);
  durable_segment_ = 1;
  publish(0, 0);
  target_ = published();
  return prepare_all();
}

// A disk too full for the next segment does not keep the log from opening: maintain() says so again.
Status AckLog::prepare_all() {
  while (maintenance_pending()) {
    if (next_ == nullptr) SEMEL_TRY(begin_next());
    const Status status = step_next();
    if (status.code() == Code::no_space) return Status::ok();
    if (!status.is_ok()) return status;
  }
  return Status::ok();
}

// Copies bytes that are about to be cut to `<name>.torn-<n>`, durably, where there is room for them.
Status AckLog::keep_torn(const std::string& name, uint64_t offset, uint64_t bytes,
                         std::string* copy) {
  Storage& storage = *options_.storage;
  const std::string& directory = options_.directory;
  auto names = storage.list(directory);
  if (!names.is_ok()) return names.status();
  std::vector<std::pair<uint64_t, std::string>> kept;
  for (const std::string& one : names.value()) {
    if (const uint64_t number = torn_number(one); number != 0) kept.emplace_back(number, one);
  }
  std::sort(kept.begin(), kept.end());
  const uint64_t number = kept.empty() ? 1 : kept.back().first + 1;
  for (std::size_t at = 0; at + kTornCopiesMax <= kept.size(); ++at) {
    SEMEL_TRY(storage.remove(directory + "/" + kept[at].second));
  }
  auto from = storage.open(directory + "/" + name, Open::existing);
  if (!from.is_ok()) return from.status();
  std::vector<uint8_t> content(bytes);
  SEMEL_TRY(from.value()->read(offset, content));
  const std::string path = directory + "/" + name + kTornSuffix + std::to_string(number);
  if (Status written = write_new(storage, path, content); !written.is_ok()) {
    static_cast<void>(storage.remove(path));
    // A copy is for people. Recovery needs none, so a disk without room for it keeps nothing closed.
    return written.code() == Code::no_space ? Status::ok() : written;
  }
  SEMEL_TRY(storage.sync_directory(directory));
  if (copy->empty()) *copy = path;
  return Status::ok();
}

}  // namespace semel
