#include "acklog/chain.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "acklog/block.h"
#include "acklog/state_fold.h"
#include "core/bytes.h"
#include "core/faults.h"

namespace semel::acklog {
namespace {

// Scanning for blocks at every offset checksums few candidates of what semel writes. Bytes made to
// look like long blocks everywhere would take hours; past this many times the segment, give up.
constexpr uint64_t kScanFactor = 64;

uint64_t last_nonzero(std::span<const uint8_t> bytes) {
  uint64_t end = bytes.size();
  while (end >= 8 && load<uint64_t>(bytes.data() + end - 8) == 0) end -= 8;
  while (end > 0 && bytes[end - 1] == 0) --end;
  return end;
}

struct Loaded {
  std::string path;
  Identity identity;
  Link link;
  LinkState link_state = LinkState::none;
  std::vector<uint8_t> bytes;
};

class Reader {
 public:
  Reader(Storage& storage, const std::string& directory, uint64_t directory_salt,
         const IdVisitor& visitor)
      : storage_(storage), directory_(directory), salt_(directory_salt), state_(visitor) {}

  Result<Chain> read(const std::optional<SinkAnswer>& answer);
  void look_for(const CommitNumber& commit) { state_.look_for(commit); }

 private:
  enum class Stop { sealed, zero, invalid };

  Status list();
  Status load_segment(uint64_t number, Loaded* into);
  Status walk(const Loaded& segment, Stop* stop);
  Status accept(const Loaded& segment, uint64_t offset, const BlockView& block);
  Status check_joint(const Loaded& previous, const Loaded& next) const;
  bool begins_with_snapshot(const Loaded& segment) const;
  Status scan(const Loaded& segment, uint64_t from);
  Status decide(Loaded& current, Stop stop, std::size_t index);
  Status look_behind(std::size_t index);
  Status check_oldest();
  void claim(uint64_t block, const std::string& by);
  static Status damaged(const std::string& path, uint64_t offset, const std::string& why) {
    return Status::damaged(path, offset, why);
  }

  Storage& storage_;
  const std::string& directory_;
  const uint64_t salt_;

  std::vector<uint64_t> run_;    // consecutive numbers up to the highest
  std::vector<uint64_t> below_;  // others: they must have expired
  StateFold state_;
  uint64_t next_block_ = 1;
  uint64_t offset_ = 0;  // where the walk stands
  uint64_t before_last_offset_ = 0;
  bool before_last_clean_ = false;
  uint64_t claimed_ = 0;
  std::string claimed_by_;
  Chain chain_;
};

Status Reader::list() {
  auto names = storage_.list(directory_);
  if (!names.is_ok()) return names.status();
  for (const std::string& name : names.value()) {
    const auto number = segment_number(name);
    if (!number.has_value()) continue;
    if (!run_.empty() && run_.back() + 1 != *number) {
      below_.insert(below_.end(), run_.begin(), run_.end());
      run_.clear();
    }
    run_.push_back(*number);
  }
  return Status::ok();
}

Status Reader::load_segment(uint64_t number, Loaded* into) {
  *into = Loaded{};
  into->path = directory_ + "/" + segment_name(number);
  auto file = storage_.open(into->path, Open::read_only);
  if (!file.is_ok()) return file.status();
  auto size = file.value()->size();
  if (!size.is_ok()) return size.status();
  if (size.value() < kSegmentHeaderBytes) {
    return damaged(into->path, 0, "it has " + std::to_string(size.value()) +
                                      " bytes, less than its header");
  }
  std::vector<uint8_t> page(kSegmentHeaderBytes);
  SEMEL_TRY(file.value()->read(0, page));
  auto identity = check_identity(page, into->path, salt_);
  if (!identity.is_ok()) return identity.status();
  into->identity = identity.value();
  if (into->identity.number != number) {
    return damaged(into->path, 0, "it holds segment " + std::to_string(into->identity.number));
  }
  if (into->identity.bytes != size.value()) {
    return damaged(into->path, std::min(into->identity.bytes, size.value()),
                   "it has " + std::to_string(size.value()) + " bytes instead of " +
                       std::to_string(into->identity.bytes));
  }
  into->link_state = check_link(page, into->identity, &into->link);
  into->bytes.resize(size.value());
  return file.value()->read(0, into->bytes);
}

void Reader::claim(uint64_t block, const std::string& by) {
  if (block <= claimed_) return;
  claimed_ = block;
  claimed_by_ = by;
}

Status Reader::accept(const Loaded& segment, uint64_t offset, const BlockView& block) {
  AckRecovered& recovered = chain_.recovered;
  const bool first = offset == kSegmentHeaderBytes;
  const bool snapshot = (block.flags & kSnapshot) != 0;
  if (block.number != next_block_) {
    return damaged(segment.path, offset, "it holds block " + std::to_string(block.number) +
                                             " instead of " + std::to_string(next_block_));
  }
  if (snapshot != (first && segment.identity.number > 1)) {
    return damaged(segment.path, offset, "its snapshot is not at the start");
  }
  const std::string name = "block " + std::to_string(block.number);
  // The log itself never names a segment that is still to come as the oldest that must be there.
  if (block.oldest_segment > segment.identity.number) {
    return damaged(segment.path, offset, name + " says that segment " +
                                             std::to_string(block.oldest_segment) + " is the oldest");
  }
  // A seal may be taken back (decide), so there is a block before it and nothing in it.
  if ((block.flags & kSealed) != 0 &&
      (first || block.length != kBlockHeaderBytes || (block.flags & kSnapshot) != 0)) {
    return damaged(segment.path, offset, "its seal is not one");
  }
  // Within a log nothing of this ever falls, but for what did not count. A segment's snapshot repeats what
  // was.
  if (block.header.epoch < chain_.last.epoch || block.header.through < state_.header().through ||
      block.header.time_us < chain_.last.time_us || block.oldest_segment < chain_.oldest_segment) {
    return damaged(segment.path, offset, name + " goes back behind the one before");
  }
  if (block.header.epoch == std::numeric_limits<uint32_t>::max()) {
    return damaged(segment.path, offset, name + " has an epoch that no opening can raise");
  }
  if (const Status taken = state_.take(block); !taken.is_ok()) {
    return Status::at(taken.code(), segment.path, offset, taken.message());
  }
  recovered.ids += block.id_count;
  before_last_clean_ = recovered.clean;
  before_last_offset_ = chain_.last_offset;
  recovered.empty = false;
  recovered.block_number = block.number;
  recovered.clean = (block.flags & kCleanClose) != 0;
  recovered.synced = (block.flags & kSynced) != 0;
  // A seal repeats the block before it, and may be taken back.
  if ((block.flags & kSealed) == 0) chain_.last = block.header;
  chain_.last_offset = offset;
  chain_.oldest_segment = block.oldest_segment;
  claim(block.claims(), segment.path + " at offset " + std::to_string(offset));
  ++next_block_;
  return Status::ok();
}

Status Reader::walk(const Loaded& segment, Stop* stop) {
  const std::span<const uint8_t> bytes = segment.bytes;
  const uint32_t seed = segment.identity.seed();
  offset_ = kSegmentHeaderBytes;
  for (;;) {
    BlockView block;
    const BlockCheck found = check(bytes.subspan(offset_), seed, &block);
    if (found != BlockCheck::valid) {
      const bool blank = last_nonzero(bytes.subspan(offset_)) == 0;
      *stop = found == BlockCheck::zero && blank ? Stop::zero : Stop::invalid;
      return Status::ok();
    }
    SEMEL_TRY(accept(segment, offset_, block));
    offset_ += block.length;
    if ((block.flags & kSealed) != 0) {
      const uint64_t stray = last_nonzero(bytes.subspan(offset_));
      if (stray != 0) return damaged(segment.path, offset_ + stray - 1, "it goes on behind its seal");
      *stop = Stop::sealed;
      return Status::ok();
    }
  }
}

Status Reader::check_joint(const Loaded& previous, const Loaded& next) const {
  const Link& link = next.link;
  if (link.previous_salt == previous.identity.salt && link.previous_end == offset_ &&
      link.previous_block + 1 == next_block_ && link.first_block == next_block_) {
    return Status::ok();
  }
  return damaged(next.path, 0, "it does not follow " + previous.path);
}

bool Reader::begins_with_snapshot(const Loaded& segment) const {
  BlockView block;
  return check(std::span(segment.bytes).subspan(kSegmentHeaderBytes), segment.identity.seed(),
               &block) == BlockCheck::valid &&
         block.number == segment.link.first_block && (block.flags & kSnapshot) != 0;
}

// Finds every valid block from `from` on, wherever it begins, and takes in what it claims.
Status Reader::scan(const Loaded& segment, uint64_t from) {
  const std::span<const uint8_t> bytes = segment.bytes;
  const uint64_t end = last_nonzero(bytes);
  uint64_t work = 0;
  for (uint64_t offset = from; offset < end;) {
    BlockView block;
    if (check(bytes.subspan(offset), segment.identity.seed(), &block, &work) == BlockCheck::valid) {
      claim(block.claims(), segment.path + " at offset " + std::to_string(offset));
      offset += block.length;
      continue;
    }
    if (work > kScanFactor * bytes.size()) {
      return damaged(segment.path, from, "what lies behind cannot be told from acknowledged data");
    }
    offset += 8;
  }
  return Status::ok();
}

// The segments behind the one at `index`: what they claim, and what is to become of them.
Status Reader::look_behind(std::size_t index) {
  for (std::size_t at = index + 1; at < run_.size(); ++at) {
    Loaded segment;
    SEMEL_TRY(load_segment(run_[at], &segment));
    if (segment.link_state == LinkState::valid) claim(segment.link.claims, segment.path);
    SEMEL_TRY(scan(segment, kSegmentHeaderBytes));
    const uint64_t body = last_nonzero(std::span(segment.bytes).subspan(kSegmentHeaderBytes));
    const bool unused = segment.link_state == LinkState::none && body == 0;
    if (at == index + 1) {
      (unused ? chain_.prepared : chain_.blank) = segment.identity;
    } else {
      chain_.discard.push_back(run_[at]);
    }
    if (body != 0) {
      chain_.torn.push_back({run_[at], 0, kSegmentHeaderBytes + body});
      chain_.recovered.torn_bytes += body;
    }
  }
  return Status::ok();
}

// The walk has ended in `current`, at offset_, before block next_block_. Is that all there was?
Status Reader::decide(Loaded& current, Stop stop, std::size_t index) {
  const uint64_t missing = next_block_;
  const uint64_t at = offset_;
  if (stop == Stop::invalid) SEMEL_TRY(scan(current, offset_));
  SEMEL_TRY(look_behind(index));
  if (claimed_ >= missing && !planted(Bug::claims_ignored)) {
    return damaged(current.path, at, "block " + std::to_string(missing) +
                                         " was complete, says " + claimed_by_ +
                                         ", but does not check");
  }
  chain_.end = offset_;
  if (stop == Stop::invalid) {
    const uint64_t torn = last_nonzero(std::span<const uint8_t>(current.bytes).subspan(offset_));
    chain_.zero_to = offset_ + round_up(torn, 8);
    if (torn != 0) {
      chain_.torn.insert(chain_.torn.begin(), {current.identity.number, offset_, torn});
      chain_.recovered.torn_bytes += torn;
    }
  } else if (stop == Stop::sealed) {
    // The log was about to move on, and the next segment has no snapshot yet. The seal says nothing
    // but that: it is taken back.
    chain_.zero_to = offset_;
    chain_.end = chain_.last_offset;
    chain_.last_offset = before_last_offset_;
    chain_.recovered.block_number -= 1;
    chain_.recovered.clean = before_last_clean_;
  }
  chain_.active = current.identity;
  chain_.image = std::move(current.bytes);
  return Status::ok();
}

Status Reader::check_oldest() {
  const uint64_t oldest = chain_.oldest_segment;
  const auto missing = [&](uint64_t number) {
    return Status{Code::damaged, directory_ + "/" + segment_name(number) +
                                     " is missing; the log still needs it"};
  };
  if (run_.front() > oldest) {
    return missing(below_.empty() ? oldest : run_.front() - 1);
  }
  chain_.expired = below_;
  for (const uint64_t number : run_) {
    if (number < oldest) chain_.expired.push_back(number);
  }
  std::erase_if(chain_.sealed, [&](const SealedSegment& one) { return one.number < oldest; });
  return Status::ok();
}

Result<Chain> Reader::read(const std::optional<SinkAnswer>& answer) {
  SEMEL_TRY(list());
  if (run_.empty()) {
    if (answer.has_value()) SEMEL_TRY(state_.ask(*answer));
    state_.finish(&chain_.recovered);
    return std::move(chain_);
  }
  chain_.exists = true;

  Loaded current;
  SEMEL_TRY(load_segment(run_.front(), &current));
  // The first segment is linked before it is named, and those before any other are deleted only once
  // its snapshot is durable: neither can be torn.
  const bool very_first = current.identity.number == 1;
  if (current.link_state != LinkState::valid) {
    return damaged(current.path, 0, "its header does not say which block comes first");
  }
  if (current.link.oldest_segment > current.identity.number) {
    return damaged(current.path, 0, "its header says that a later segment is the oldest");
  }
  if (very_first ? current.link.first_block != 1 : !begins_with_snapshot(current)) {
    return damaged(current.path, kSegmentHeaderBytes, "its first block does not check");
  }
  next_block_ = current.link.first_block;
  chain_.oldest_segment = current.link.oldest_segment;
  claim(current.link.claims, current.path);

  for (std::size_t index = 0;; ++index) {
    chain_.recovered.segments += 1;
    chain_.recovered.bytes += current.identity.bytes;
    Stop stop = Stop::zero;
    SEMEL_TRY(walk(current, &stop));
    if (stop == Stop::sealed) {
      if (index + 1 == run_.size()) {
        return Status{Code::damaged, directory_ + "/" +
                                         segment_name(current.identity.number + 1) +
                                         " is missing; " + current.path + " is followed by it"};
      }
      Loaded next;
      SEMEL_TRY(load_segment(run_[index + 1], &next));
      if (next.link_state == LinkState::valid) {
        SEMEL_TRY(check_joint(current, next));
        if (begins_with_snapshot(next)) {
          claim(next.link.claims, next.path);
          chain_.sealed.push_back({current.identity.number, chain_.last.time_us});
          current = std::move(next);
          continue;
        }
      }
    }
    SEMEL_TRY(decide(current, stop, index));
    break;
  }
  SEMEL_TRY(check_oldest());
  if (answer.has_value()) SEMEL_TRY(state_.ask(*answer));
  state_.finish(&chain_.recovered);
  chain_.recovered.header.epoch = chain_.last.epoch;
  chain_.last.sink_places = chain_.recovered.header.sink_places;
  chain_.sought = std::move(state_.sought());
  return std::move(chain_);
}

}  // namespace

Result<Chain> read_chain(Storage& storage, const std::string& directory, uint64_t directory_salt,
                         const IdVisitor& visitor, const std::optional<SinkAnswer>& answer) {
  return Reader(storage, directory, directory_salt, visitor).read(answer);
}

Result<Chain> look_back(Storage& storage, const std::string& directory, uint64_t directory_salt,
                        const IdVisitor& visitor, const CommitNumber& sought) {
  Reader reader(storage, directory, directory_salt, visitor);
  reader.look_for(sought);
  return reader.read(std::nullopt);
}

}  // namespace semel::acklog
