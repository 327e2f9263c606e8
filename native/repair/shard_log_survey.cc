#include "repair/shard_log_survey.h"

#include <algorithm>
#include <set>

namespace semel {
namespace {

bool contains(const Ranges& ranges, uint64_t value) {
  return std::any_of(ranges.all().begin(), ranges.all().end(), [&](const Range& one) {
    return one.first <= value && value <= one.last;
  });
}

// Parked messages that came or went in a lost block. The counters are absolute, so they tell how many
// must be parked; every message keeps exactly one outcome (I5).
void decide_parked(ShardSurvey& survey) {
  const acklog::Survey& log = survey.log;
  Counters& counters = survey.state.header.counters;
  const int64_t missing = log.parked_missing;
  if (missing > 0) {
    counters.dropped += static_cast<uint64_t>(missing);
  } else {
    // They end once more: what they were counted as is taken back.
    counters.processed -= std::min(counters.processed, static_cast<uint64_t>(-missing));
  }
  if (log.unsure.empty()) return;
  for (const uint64_t sequence : log.maybe_done) survey.stake.again.add(sequence, sequence);
  // Nothing parked before and none missing now: then no lost block parked a message for long.
  if (missing != 0 || !log.maybe_done.empty()) survey.stake.unknown.add(log.unsure);
}

// A message that is done may still lie in the ring, until its space is used again: its id then need not
// be forgotten. Which of them were parked is known only where none is missing.
void find_ids(ShardSurvey& survey, std::span<uint8_t> ring, uint32_t seed) {
  if (survey.log.parked_missing != 0 || !survey.log.maybe_done.empty()) return;
  std::set<uint64_t> parked;
  for (const Parked& one : survey.state.parked) parked.insert(one.sequence);
  Ranges found;
  for (const FrameRun& run : find_runs_in_any_lap(ring, seed, 0, 0)) {
    scan_journal(ring, seed, run.position, run.before, [&](const uint8_t* frame, uint64_t meta) {
      const uint64_t sequence = load<uint64_t>(frame + 8);
      if (is_control(meta_type(meta)) || meta_id_kind(meta) == IdKind::none ||
          sequence > survey.state.header.through || !contains(survey.stake.forgotten, sequence)) {
        return;
      }
      if (!parked.contains(sequence)) survey.ids_unseen.push_back(full_id(frame, meta));
      found.add(sequence, sequence);
    });
  }
  Ranges left;
  for (const Range& one : survey.stake.forgotten.all()) {
    uint64_t from = one.first;
    for (const Range& known : found.all()) {
      if (known.last < from || known.first > one.last) continue;
      if (known.first > from) left.add(from, known.first - 1);
      from = known.last + 1;
    }
    left.add(from, one.last);
  }
  survey.stake.forgotten = left;
}

// The newest acks are gone: the log goes back to an older state. What the journal still has of the
// messages behind it is delivered again.
void decide_tail(ShardSurvey& survey, std::span<uint8_t> ring, uint32_t seed) {
  AckHeader& header = survey.state.header;
  Stake& stake = survey.stake;
  survey.state.clean = false;
  survey.journal_damaged = true;  // what lies behind must go before the ring is written again
  // A sink that is cut back to the older state forgets what it was given since.
  const bool rewinds = header.sink_places.of_any();
  const JournalScan sound = scan_journal(ring, seed, header.journal_position, header.through, {});
  if (sound.sequence > header.through) {
    if (!rewinds) stake.again.add(header.through + 1, sound.sequence);
    stake.unknown_behind = sound.sequence;
    return;
  }
  // Its bytes have been used again, or wiped: then those messages were done. The journal goes on with the
  // first that it still has.
  const auto runs =
      find_runs_in_any_lap(ring, seed, header.journal_position, header.through);
  if (runs.empty()) {
    stake.unknown_behind = header.through;
    return;
  }
  const FrameRun& first = runs.front();
  (rewinds ? stake.lost : stake.unknown).add(header.through + 1, first.before);
  stake.forgotten.add(header.through + 1, first.before);
  if (!rewinds) stake.again.add(first.before + 1, runs.back().last);
  header.counters.processed += first.before - header.through;
  header.through = first.before;
  header.journal_position = first.position;
  stake.unknown_behind = runs.back().last;
}

}  // namespace

Status keep_later_letters(ShardSurvey& survey, const DeadLetters::Options& options) {
  const uint64_t went_back_to = survey.log.state.header.through;
  AckHeader& header = survey.state.header;
  if (!survey.log.tail_lost || header.through == went_back_to) return Status::ok();
  auto sound = deadletters::sound_end(options);
  if (!sound.is_ok()) return sound.status();
  if (sound.value().length <= header.dead_letter_bytes) return Status::ok();
  header.dead_letter_bytes = sound.value().length;
  Counters& counters = header.counters;
  if (sound.value().letters <= counters.dead_lettered) return Status::ok();
  // They were counted as processed, for want of a better word.
  const uint64_t more = std::min(sound.value().letters - counters.dead_lettered, counters.processed);
  counters.dead_lettered += more;
  counters.processed -= more;
  return Status::ok();
}

void decide_log(ShardSurvey& survey, std::span<uint8_t> ring, uint32_t seed, bool dedup) {
  decide_parked(survey);
  if (dedup) {
    survey.stake.forgotten.add(survey.log.forgotten);
    find_ids(survey, ring, seed);
  }
  if (survey.log.tail_lost) decide_tail(survey, ring, seed);
  if (!dedup) survey.stake.forgotten = {};
}

}  // namespace semel
