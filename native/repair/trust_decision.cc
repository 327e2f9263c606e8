// One shard: how its log and journal stand to what the sink has, and the state to go on from.
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "acklog/chain.h"
#include "acklog/segment_header.h"
#include "repair/journal_frames.h"
#include "repair/sink_trust.h"

namespace semel {
namespace {

using acklog::KnownIds;

uint64_t ended(const Counters& c) {
  return c.processed + c.filtered + c.duplicate + c.late + c.dead_lettered + c.dropped;
}

// So many messages have ended, whatever the counters knew of (I5): what nothing tells of was dropped, and
// what is to end once more was processed, or else something.
void balance(Counters& counters, uint64_t due) {
  const uint64_t had = ended(counters);
  if (had <= due) {
    counters.dropped += due - had;
    return;
  }
  uint64_t over = had - due;
  for (uint64_t* one : {&counters.processed, &counters.filtered, &counters.duplicate, &counters.late,
                        &counters.dropped, &counters.dead_lettered}) {
    const uint64_t taken = std::min(*one, over);
    *one -= taken;
    over -= taken;
  }
}

std::vector<SourceOffset> to_list(const std::map<uint32_t, SourceOffset>& sources) {
  std::vector<SourceOffset> list;
  for (const auto& one : sources) list.push_back(one.second);
  return list;
}

std::map<uint32_t, SourceOffset> to_map(const std::vector<SourceOffset>& sources) {
  std::map<uint32_t, SourceOffset> map;
  for (const SourceOffset& one : sources) map[one.partition] = one;
  return map;
}

class Decider {
 public:
  Decider(Storage& storage, const Manifest& manifest, ShardSurvey& survey, const SinkHeld& held,
          bool by_position)
      : storage_(storage), manifest_(manifest), survey_(survey), held_(held),
        by_position_(by_position),
        seed_(journal_seed({manifest.salt, survey.shard, manifest.ring_bytes})) {
    trust_.shard = survey.shard;
    trust_.confirmed = held.last;
    trust_.knows_sources = held.knows_sources;
    std::vector<uint8_t>& bytes = survey.journal.bytes;
    if (bytes.size() > kJournalHeaderBytes) ring_ = std::span(bytes).subspan(kJournalHeaderBytes);
  }

  Result<ShardTrust> run() {
    SEMEL_TRY(look());
    SEMEL_TRY(decide_standing());
    switch (trust_.standing) {
      case Standing::agreed: trust_.through = old_.header.through; break;
      case Standing::ahead: go_ahead(); break;
      case Standing::behind: go_back(); break;
      case Standing::other: begin_anew(); break;
    }
    if (trust_.changes()) finish();
    return std::move(trust_);
  }

 private:
  Status look() {
    auto exists = storage_.exists(survey_.directory);
    if (!exists.is_ok()) return exists.status();
    has_files_ = exists.value();
    if (!has_files_) return Status::ok();
    SEMEL_TRY(list_files());
    const uint64_t salt = shard_salt(manifest_, survey_.shard);
    auto chain = acklog::look_back(
        storage_, survey_.directory, salt,
        [this](const RecoveredIds& block) {
          known_.push_back({block.time_us, {block.ids.begin(), block.ids.end()}});
          known_through_.push_back(block.through);
        },
        held_.last);
    if (!chain.is_ok()) return chain.status();
    old_ = std::move(chain.value().recovered);
    sought_ = std::move(chain.value().sought);
    waiting_ = frames_from(old_.header.journal_position, old_.header.through, &scan_);
    trust_.stored = scan_.sequence;
    trust_.through_before = old_.header.through;
    trust_.confirmed_before = old_.confirmed;
    trust_.sink_epoch = old_.sink_epoch;
    trust_.state = old_;
    return Status::ok();
  }

  Status list_files() {
    auto names = storage_.list(survey_.directory);
    if (!names.is_ok()) return names.status();
    for (const std::string& name : names.value()) {
      const auto number = acklog::segment_number(name);
      if (!number.has_value()) continue;
      trust_.old_files.push_back(name);
      trust_.highest_segment = std::max(trust_.highest_segment, *number);
    }
    return Status::ok();
  }

  Status decide_standing() {
    if (!held_.last.is_none() && held_.lineage != manifest_.salt) {
      trust_.standing = Standing::other;
      return Status::ok();
    }
    if (!has_files_) {
      trust_.standing = held_.last.is_none() ? Standing::agreed : Standing::ahead;
      return Status::ok();
    }
    // Of an epoch that is newer than any: whether this one is, only asking it in earnest tells.
    const SinkAnswer answer{std::numeric_limits<uint64_t>::max(), held_.last};
    auto chain = acklog::read_chain(storage_, survey_.directory, shard_salt(manifest_, survey_.shard),
                                    {}, answer);
    const Code code = chain.is_ok() ? Code::ok : chain.status().code();
    if (code == Code::sink_ahead) {
      trust_.standing = Standing::ahead;
    } else if (code == Code::sink_behind) {
      trust_.standing = Standing::behind;
    } else if (code != Code::ok) {
      return chain.status();
    } else {
      trust_.standing = Standing::agreed;
    }
    return Status::ok();
  }

  // ---- the journal ----

  std::vector<JournalFrame> frames_from(uint64_t position, uint64_t sequence, JournalScan* scan) {
    return read_frames(ring_, seed_, position, sequence, scan);
  }

  // Where the messages behind that sequence begin, where the journal still has all of them.
  std::optional<uint64_t> position_of_all(uint64_t sequence) {
    if (sequence == old_.header.through) return old_.header.journal_position;
    if (ring_.empty()) return std::nullopt;
    for (const FrameRun& run : find_runs_in_any_lap(ring_, seed_, 0, 0)) {
      if (run.before > sequence || run.last < old_.header.through) continue;
      JournalScan scan{};
      const std::vector<JournalFrame> frames = frames_from(run.position, run.before, &scan);
      if (scan.sequence != scan_.sequence || scan.position != scan_.position) continue;
      return run.before == sequence ? run.position : position_behind(frames, scan, sequence);
    }
    return std::nullopt;
  }

  // ---- the sink has more ----

  void go_ahead() {
    AckHeader& header = trust_.state.header;
    const uint64_t through = std::max(held_.through, old_.header.through);
    drop_parked();
    std::map<uint32_t, SourceOffset> sources = to_map(old_.sources);
    KnownIds from_journal{old_.header.time_us, {}};
    for (const JournalFrame& frame : waiting_) {
      if (frame.sequence > through) break;
      from_journal.time_us = std::max(from_journal.time_us, frame.time_us);
      if (frame.id.has_value()) from_journal.ids.push_back(*frame.id);
      if (frame.source.has_value()) raise(sources, {frame.source->partition, frame.source->offset});
    }
    for (const SourceOffset& one : held_.sources) raise(sources, one);
    trust_.state.sources = to_list(sources);
    header.time_us = from_journal.time_us;
    known_.push_back(std::move(from_journal));
    header.journal_position = through >= scan_.sequence
                                  ? scan_.position
                                  : position_behind(waiting_, scan_, through);
    trust_.done.add(old_.header.through + 1, std::min(through, scan_.sequence));
    forget(std::max(scan_.sequence, old_.header.through) + 1, through);
    header.counters.processed += through - old_.header.through;
    header.counters.dropped += old_.parked.size();
    header.through = through;
  }

  static void raise(std::map<uint32_t, SourceOffset>& sources, SourceOffset to) {
    const auto known = sources.find(to.partition);
    if (known == sources.end()) {
      sources[to.partition] = to;
    } else if (to.offset > known->second.offset) {
      known->second = to;
    }
  }

  void drop_parked() {
    for (const Parked& one : old_.parked) trust_.parked.add(one.sequence, one.sequence);
    trust_.state.parked.clear();
  }

  void forget(uint64_t first, uint64_t last) {
    if (manifest_.dedup) trust_.forgotten.add(first, last);
  }

  // ---- the sink has less ----

  void go_back() {
    const uint64_t back = sought_.has_value() ? sought_->header.through
                                              : std::min(held_.through, old_.header.through);
    const std::vector<Parked> parked = parked_by(back);
    const auto position = position_of_all(back);
    AckHeader& header = trust_.state.header;
    keep_ids(back, parked);
    forget(back + 1, old_.header.through);
    if (position.has_value()) {
      if (sought_.has_value()) header.counters = sought_->header.counters;
      header.through = back;
      header.journal_position = *position;
      header.time_us = time_by();
      trust_.state.parked = parked;
      trust_.redone.add(back + 1, old_.header.through);
      // The journal has all that they were read to.
      trust_.state.sources = sought_.has_value() ? sought_->sources
                             : held_.knows_sources ? held_.sources
                                                   : old_.sources;
    } else {
      trust_.lost.add(back + 1, old_.header.through);
      read_again(parked, back);
    }
    balance(header.counters, header.through - trust_.state.parked.size());
  }

  // What was parked when the sink had no more than it has: it is tried again, for its effect may be what was
  // lost.
  std::vector<Parked> parked_by(uint64_t back) const {
    if (sought_.has_value()) return sought_->parked;
    std::vector<Parked> parked;
    std::copy_if(old_.parked.begin(), old_.parked.end(), std::back_inserter(parked),
                 [&](const Parked& one) { return one.sequence <= back; });
    return parked;
  }

  void keep_ids(uint64_t back, const std::vector<Parked>& parked) {
    std::set<std::pair<uint64_t, uint64_t>> waiting;
    for (const Parked& one : parked) {
      if (one.has_id) waiting.insert({one.id.low, one.id.high});
    }
    std::vector<KnownIds> kept;
    for (std::size_t at = 0; at < known_.size(); ++at) {
      if (known_through_[at] > back) continue;
      std::erase_if(known_[at].ids, [&](const Id& id) { return waiting.contains({id.low, id.high}); });
      kept.push_back(std::move(known_[at]));
    }
    known_ = std::move(kept);
  }

  uint64_t time_by() const {
    if (sought_.has_value()) return sought_->header.time_us;
    return known_.empty() ? 0 : known_.back().time_us;
  }

  // What the journal does not have any more can only come from the sources.
  void read_again(const std::vector<Parked>& parked, uint64_t back) {
    AckHeader& header = trust_.state.header;
    trust_.state.parked = parked;
    std::map<uint32_t, SourceOffset> sources =
        to_map(sought_.has_value() ? sought_->sources : held_.sources);
    const auto known = to_map(old_.sources);
    if (!sought_.has_value() && !held_.knows_sources) {
      for (const auto& one : known) trust_.stuck_sources.push_back(one.first);
      sources = known;
    } else if (by_position_) {
      // All that waits in the journal comes again, too.
      header.through = scan_.sequence;
      header.journal_position = scan_.position;
    } else {
      for (const JournalFrame& frame : waiting_) {
        if (!frame.source.has_value()) continue;
        const uint32_t partition = frame.source->partition;
        const auto at = known.find(partition);
        if (at == known.end()) continue;
        const auto back_to = sources.find(partition);
        const bool moves = back_to == sources.end() || back_to->second.offset < at->second.offset;
        if (!moves) continue;
        sources[partition] = at->second;
        trust_.stuck_sources.push_back(partition);
      }
    }
    trust_.state.sources = to_list(sources);
    for (const Parked& one : old_.parked) {
      if (one.sequence <= back) continue;
      // With an id a copy that is read again is known as one; else it is what is read again.
      if (!by_position_) trust_.state.parked.push_back(one);
    }
  }

  // ---- the sink has another directory's ----

  void begin_anew() {
    AckHeader& header = trust_.state.header;
    header = AckHeader{};
    header.through = held_.through;
    header.counters.processed = held_.through;
    header.epoch = old_.header.epoch;
    trust_.state.sources = held_.sources;
    trust_.state.parked.clear();
    known_.clear();
    forget(1, held_.through);
  }

  // ---- all ----

  void finish() {
    AckRecovered& state = trust_.state;
    AckHeader& header = state.header;
    state.empty = false;
    // Others beside it are cut back with it where the log knows how far, and else keep what they have.
    header.sink_places = sought_.has_value() ? sought_->header.sink_places : SinkPlaces();
    header.journal_durable = state.synced ? header.through : 0;
    header.ack_durable = 0;
    trust_.through = header.through;
    for (KnownIds& one : known_) {
      if (!one.ids.empty() && manifest_.dedup) trust_.ids.push_back(std::move(one));
    }
    tell_moves();
  }

  void tell_moves() {
    const auto before = to_map(old_.sources);
    const auto after = to_map(trust_.state.sources);
    std::set<uint32_t> all;
    for (const auto& one : before) all.insert(one.first);
    for (const auto& one : after) all.insert(one.first);
    for (const uint32_t partition : all) {
      MovedSource moved{partition, {}, {}};
      if (const auto at = before.find(partition); at != before.end()) moved.before = at->second.offset;
      if (const auto at = after.find(partition); at != after.end()) moved.after = at->second.offset;
      if (moved.before != moved.after) trust_.sources.push_back(moved);
    }
    auto& stuck = trust_.stuck_sources;
    std::sort(stuck.begin(), stuck.end());
    stuck.erase(std::unique(stuck.begin(), stuck.end()), stuck.end());
  }

  Storage& storage_;
  const Manifest& manifest_;
  ShardSurvey& survey_;
  const SinkHeld& held_;
  const bool by_position_;
  const uint32_t seed_;
  std::span<uint8_t> ring_;  // empty where there is no journal
  bool has_files_ = false;
  AckRecovered old_;
  std::optional<AckRecovered> sought_;  // the state when the sink had no more than it has
  std::vector<KnownIds> known_;
  std::vector<uint64_t> known_through_;  // of each
  JournalScan scan_{};
  std::vector<JournalFrame> waiting_;  // in the journal, and not done
  ShardTrust trust_;
};

}  // namespace

Result<ShardTrust> decide_trust(Storage& storage, const Manifest& manifest, ShardSurvey& survey,
                                const SinkHeld& held, bool by_position) {
  return Decider(storage, manifest, survey, held, by_position).run();
}

}  // namespace semel
