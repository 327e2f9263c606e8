#include "repair/ack_log_rebuild.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include "acklog/block.h"
#include "acklog/segment_writer.h"
#include "core/bytes.h"

namespace semel::acklog {
namespace {

// Appends blocks to segments in memory and writes each out when it is full.
class Rebuilder final {
 public:
  Rebuilder(Storage& storage, const RebuildOrder& order, uint64_t first_segment, bool synced,
            const std::optional<CommitStamp>& commit = std::nullopt)
      : storage_(storage), order_(order), writer_(synced), number_(first_segment),
        oldest_(first_segment), commit_(commit) {}

  Status append(AckBlock block) {
    block.commit = commit_;
    const uint8_t width = id_width(block.ids);
    const uint64_t length = block_bytes(block, width);
    if (!page_.empty() && !writer_.fits(length)) {
      writer_.seal(bounds());
      SEMEL_TRY(write_out());
    }
    if (page_.empty()) begin(block.header);
    if (!writer_.fits(length)) {
      return {Code::too_large, "a block of " + std::to_string(length) +
                                   " bytes does not fit a segment of " +
                                   std::to_string(page_.size())};
    }
    writer_.put(block, width, length, 0, bounds());
    return Status::ok();
  }

  Status finish() { return page_.empty() ? Status::ok() : write_out(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  // All of it is durable before any of it counts.
  SegmentWriter::Bounds bounds() const { return {writer_.number(), oldest_}; }

  void begin(const AckHeader& header) {
    page_.assign(order_.segment_bytes, 0);
    const Identity identity{number_, order_.segment_bytes, random_salt(), order_.directory_salt};
    put_identity(page_.data(), identity);
    writer_.move_to(page_.data(), identity, writer_.number(), bounds());
    // A snapshot of nothing: what is parked comes with the last block.
    AckBlock snapshot;
    snapshot.header = writer_.number() == 0 ? header : writer_.last();
    snapshot.commit = commit_;
    writer_.put(snapshot, 0, block_bytes(snapshot, 0), kSnapshot, bounds());
  }

  Status write_out() {
    const std::string name = segment_name(number_);
    auto file = storage_.open(order_.directory + "/" + name + order_.suffix, Open::create);
    if (!file.is_ok()) return file.status();
    SEMEL_TRY(file.value()->truncate(0));
    SEMEL_TRY(file.value()->preallocate(page_.size()));
    SEMEL_TRY(file.value()->write(0, page_));
    SEMEL_TRY(file.value()->sync());
    names_.push_back(name);
    page_.clear();
    ++number_;
    return Status::ok();
  }

  Storage& storage_;
  const RebuildOrder& order_;
  SegmentWriter writer_;
  uint64_t number_;
  const uint64_t oldest_;
  const std::optional<CommitStamp> commit_;  // of every block, where there is a transactional sink
  std::vector<uint8_t> page_;
  std::vector<std::string> names_;
};

std::vector<Id> ids_of(const BlockView& block) {
  std::vector<Id> ids(block.id_count);
  for (uint32_t at = 0; at < block.id_count; ++at) {
    const uint8_t* from = block.ids + uint64_t{at} * block.width;
    ids[at] = block.width == 8 ? integer_id(load<uint64_t>(from))
                               : Id{load<uint64_t>(from), load<uint64_t>(from + 8)};
  }
  return ids;
}

// In pieces, so that a block with many ids leaves room for a snapshot before it.
Status append_ids(Rebuilder& rebuilder, const AckHeader& header, std::span<const Id> ids,
                  uint64_t segment_bytes) {
  const std::size_t piece = segment_bytes / 4 / sizeof(Id);
  for (std::size_t at = 0; at < ids.size(); at += piece) {
    AckBlock block;
    block.header = header;
    block.ids = ids.subspan(at, std::min(piece, ids.size() - at));
    SEMEL_TRY(rebuilder.append(block));
  }
  return Status::ok();
}

Status copy_ids(Storage& storage, const RebuildOrder& order, const Survey& survey, Rebuilder& rebuilder) {
  SurveyedSegment segment;
  uint64_t loaded = 0;
  for (const BlockAddress& address : survey.blocks) {
    if (address.segment != loaded) {
      auto read = survey_segment(storage, order.directory, segment_name(address.segment),
                                 order.directory_salt);
      if (!read.is_ok()) return read.status();
      segment = std::move(read.value());
      loaded = address.segment;
    }
    BlockView block;
    const auto rest = std::span<const uint8_t>(segment.bytes).subspan(address.offset);
    if (check(rest, segment.seed, &block) != BlockCheck::valid) {
      return {Code::io, "the ack log in " + order.directory + " changed while it was read"};
    }
    if (block.id_count == 0) continue;
    SEMEL_TRY(append_ids(rebuilder, block.header, ids_of(block), order.segment_bytes));
  }
  return Status::ok();
}

// What is parked, in pieces, and the last block.
Status append_state(Rebuilder& rebuilder, const RebuildOrder& order, const AckRecovered& state) {
  AckBlock block;
  block.header = state.header;
  std::vector<const Parked*> parked;
  uint64_t bytes = 0;
  for (const Parked& one : state.parked) {
    if (bytes + parked_entry_bytes(one) > order.segment_bytes / 4 && !parked.empty()) {
      block.parked = parked;
      SEMEL_TRY(rebuilder.append(block));
      parked.clear();
      bytes = 0;
    }
    bytes += parked_entry_bytes(one);
    parked.push_back(&one);
  }
  block.parked = parked;
  block.sources = state.sources;
  SEMEL_TRY(rebuilder.append(block));
  return rebuilder.finish();
}

}  // namespace

Result<std::vector<std::string>> rebuild(Storage& storage, const RebuildOrder& order,
                                         const Survey& survey, const AckRecovered& state) {
  // Only a segment behind the first may begin with a snapshot.
  Rebuilder rebuilder(storage, order, std::max<uint64_t>(2, survey.highest_segment + 1), state.synced);
  SEMEL_TRY(copy_ids(storage, order, survey, rebuilder));
  if (order.ids_unseen != nullptr) {
    SEMEL_TRY(append_ids(rebuilder, state.header, *order.ids_unseen, order.segment_bytes));
  }
  SEMEL_TRY(append_state(rebuilder, order, state));
  return rebuilder.names();
}

Result<std::vector<std::string>> write_anew(Storage& storage, const RebuildOrder& order,
                                            uint64_t highest_segment, std::span<const KnownIds> ids,
                                            const AckRecovered& state, const CommitStamp& commit) {
  Rebuilder rebuilder(storage, order, std::max<uint64_t>(2, highest_segment + 1), state.synced,
                      commit);
  AckHeader header = state.header;
  for (const KnownIds& one : ids) {
    header.time_us = one.time_us;
    SEMEL_TRY(append_ids(rebuilder, header, one.ids, order.segment_bytes));
  }
  SEMEL_TRY(append_state(rebuilder, order, state));
  return rebuilder.names();
}

}  // namespace semel::acklog
