#include "repair/ack_log_survey.h"

#include <algorithm>
#include <map>

#include "acklog/block.h"
#include "core/bytes.h"

namespace semel::acklog {
namespace {

constexpr uint64_t kScanFactor = 64;  // as in chain.cc

class Surveyor final : EntryVisitor {
 public:
  Surveyor(Storage& storage, const std::string& directory, uint64_t directory_salt)
      : storage_(storage), directory_(directory), salt_(directory_salt) {}

  Result<Survey> run() {
    SEMEL_TRY(list());
    for (const uint64_t number : numbers_) SEMEL_TRY(find_blocks(number));
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Found& a, const Found& b) {
                       return a.address.number < b.address.number;
                     });
    for (const Found& one : found_) {
      if (!take(one)) break;
    }
    return finish();
  }

 private:
  // A good block, with what is needed of it later: the bytes are let go segment by segment.
  struct Found {
    BlockAddress address;
    AckHeader header;
    uint8_t flags = 0;
    uint32_t id_count = 0;
    uint64_t oldest_segment = 0;
    std::vector<uint8_t> entries;
  };

  Status list() {
    auto names = storage_.list(directory_);
    if (!names.is_ok()) return names.status();
    for (const std::string& name : names.value()) {
      const std::optional<uint64_t> number = segment_number(name);
      if (!number.has_value()) continue;
      survey_.names.push_back(name);
      numbers_.push_back(*number);
    }
    survey_.exists = !numbers_.empty();
    if (survey_.exists) survey_.highest_segment = numbers_.back();
    return Status::ok();
  }

  Status find_blocks(uint64_t number) {
    auto read = survey_segment(storage_, directory_, segment_name(number), salt_);
    if (!read.is_ok()) return read.status();
    SurveyedSegment& segment = read.value();
    for (Finding& one : segment.faults) survey_.faults.push_back(std::move(one));
    if (!segment.readable) return Status::ok();
    if (segment.linked) claimed_ = std::max(claimed_, segment.link.claims);
    if (segment.linked) claimed_ = std::max(claimed_, segment.link.previous_block);
    const std::span<const uint8_t> bytes = segment.bytes;
    const std::string path = directory_ + "/" + segment_name(number);
    uint64_t work = 0;
    uint64_t bad = 0;  // where bytes began that are no block
    uint64_t end = kSegmentHeaderBytes;  // of the last good one
    for (uint64_t offset = kSegmentHeaderBytes; offset + kBlockHeaderBytes <= bytes.size();) {
      BlockView block;
      if (check(bytes.subspan(offset), segment.seed, &block, &work) != BlockCheck::valid) {
        if (bad == 0) bad = offset;
        if (work > kScanFactor * bytes.size()) break;
        offset += 8;
        continue;
      }
      if (bad != 0) {
        survey_.faults.push_back({FindingKind::damage, path, bad,
                                  "no block checks there, though good ones follow"});
      }
      bad = 0;
      claimed_ = std::max(claimed_, block.claims());
      found_.push_back({{number, offset, block.number},
                        block.header,
                        block.flags,
                        block.id_count,
                        block.oldest_segment,
                        {block.entries.begin(), block.entries.end()}});
      offset += block.length;
      end = offset;
    }
    const auto behind = bytes.subspan(end);
    const bool blank = std::all_of(behind.begin(), behind.end(), [](uint8_t b) { return b == 0; });
    // Where the log ends its length word is zero; what a cut took behind that was never written.
    ends_[number] = {end, blank && behind.size() >= 8,
                     segment.meant_bytes == 0 || segment.meant_bytes > bytes.size()};
    return Status::ok();
  }

  // False: this block and all behind it never counted.
  bool take(const Found& one) {
    AckRecovered& state = survey_.state;
    const AckHeader& header = one.header;
    if (!state.empty && one.address.number <= state.block_number) return true;  // there twice
    const uint64_t expected = state.empty ? 1 : state.block_number + 1;
    const bool gap = one.address.number != expected;
    const bool snapshot = (one.flags & kSnapshot) != 0;
    if (gap && !state.empty && claimed_ < expected) return false;
    if (header.through < state.header.through || header.time_us < state.header.time_us) return true;
    if (gap && !(state.empty && snapshot)) lose(header, snapshot);
    if (snapshot) {
      // All that is parked and all source offsets are in it, whatever was lost before.
      parked_.clear();
      sources_.clear();
      survey_.maybe_done.clear();
      survey_.unsure = {};
    }
    places_.clear();
    BlockView view;
    view.number = one.address.number;
    view.entries = one.entries;
    if (!visit_entries(view, *this).is_ok()) return true;  // of another version: as if it were lost
    if (state.empty) first_segment_ = one.address.segment;
    state.empty = false;
    state.header = header;
    for (const SinkPlace& one : places_) state.header.sink_places.set(one.sink, one.place);
    state.block_number = one.address.number;
    state.clean = (one.flags & kCleanClose) != 0;
    state.ids += one.id_count;
    state.synced = (one.flags & kSynced) != 0;
    sealed_ = (one.flags & kSealed) != 0;
    oldest_ = std::max(oldest_, one.oldest_segment);
    survey_.blocks.push_back(one.address);
    return true;
  }

  // The blocks before this one are gone; what they held is somewhere between the state and it.
  void lose(const AckHeader& next, bool snapshot) {
    const uint64_t before = survey_.state.header.through;
    survey_.forgotten.add(before + 1, next.through);
    if (snapshot) return;
    survey_.unsure.add(before + 1, next.through);
    for (const auto& [sequence, parked] : parked_) survey_.maybe_done.push_back(sequence);
  }

  Result<Survey> finish() {
    AckRecovered& state = survey_.state;
    const uint64_t last_segment = survey_.blocks.empty() ? 0 : survey_.blocks.back().segment;
    for (const uint64_t number : numbers_) expect(number);
    if (sealed_ && !std::binary_search(numbers_.begin(), numbers_.end(), last_segment + 1)) {
      missing(last_segment + 1);
    }
    for (uint64_t number = oldest_; number < first_segment_; ++number) missing(number);
    if (oldest_ < first_segment_) survey_.forgotten.add(1, state.header.through);
    survey_.tail_lost = claimed_ > state.block_number || lost_next(last_segment);
    const auto end = ends_.find(last_segment);
    if (end != ends_.end()) {
      survey_.tail_lost |= end->second.cut && !end->second.blank;
      if (survey_.tail_lost && !sealed_) {
        survey_.faults.push_back({FindingKind::damage, directory_ + "/" + segment_name(last_segment),
                                  end->second.offset, "blocks that were complete are gone"});
      }
    }
    const Counters& c = state.header.counters;
    const uint64_t ended =
        c.processed + c.filtered + c.duplicate + c.late + c.dead_lettered + c.dropped;
    survey_.parked_missing = static_cast<int64_t>(state.header.through - ended) -
                             static_cast<int64_t>(parked_.size());
    for (auto& [sequence, parked] : parked_) state.parked.push_back(std::move(parked));
    for (const auto& [partition, source] : sources_) state.sources.push_back(source);
    std::erase_if(survey_.maybe_done,
                  [&](uint64_t sequence) { return !parked_.contains(sequence); });
    state.segments = numbers_.size();
    return std::move(survey_);
  }

  // Whether the log had moved on into a segment of which nothing can be read.
  bool lost_next(uint64_t last_segment) const {
    if (!sealed_) return false;
    const auto next = ends_.find(last_segment + 1);
    return next == ends_.end() || next->second.cut;
  }

  // Numbers that are missing between those that are there.
  void expect(uint64_t number) {
    if (previous_ != 0) {
      for (uint64_t gone = std::max(previous_ + 1, oldest_); gone < number; ++gone) missing(gone);
    }
    previous_ = number;
  }

  void missing(uint64_t number) {
    if (missing_count_++ >= kMissingMax) return;
    survey_.faults.push_back({FindingKind::missing, directory_ + "/" + segment_name(number), 0,
                              "the log still needs it"});
  }

  void commit(const CommitStamp&) override { survey_.state.has_commits = true; }
  void parked(Parked&& parked) override {
    const uint64_t sequence = parked.sequence;
    parked_.insert_or_assign(sequence, std::move(parked));
  }
  void resolved(uint64_t sequence) override { parked_.erase(sequence); }
  void source(SourceOffset source) override {
    SourceOffset& known = sources_[source.partition];
    known = {source.partition, std::max(known.offset, source.offset), source.given_up};
  }
  void place(SinkPlace one) override { places_.push_back(one); }

  static constexpr uint64_t kMissingMax = 64;

  // Where a segment's good blocks end, whether zeros follow, and whether the file is shorter than meant.
  struct End {
    uint64_t offset = 0;
    bool blank = false;
    bool cut = false;
  };

  Storage& storage_;
  const std::string& directory_;
  const uint64_t salt_;
  std::vector<uint64_t> numbers_;
  std::vector<Found> found_;
  std::map<uint64_t, End> ends_;
  std::map<uint64_t, Parked> parked_;
  std::map<uint32_t, SourceOffset> sources_;
  std::vector<SinkPlace> places_;  // of the block that is read
  uint64_t claimed_ = 0;
  uint64_t oldest_ = 1;
  uint64_t first_segment_ = 0;
  uint64_t previous_ = 0;
  uint64_t missing_count_ = 0;
  bool sealed_ = false;
  bool cut_ = false;
  Survey survey_;
};

}  // namespace

Result<Survey> survey(Storage& storage, const std::string& directory, uint64_t directory_salt) {
  return Surveyor(storage, directory, directory_salt).run();
}

}  // namespace semel::acklog
