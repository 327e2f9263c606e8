// Lets a directory go on from what its transactional sink has, where the two disagree: `semel repair
// --trust-sink`. The sink's word decides what is done; what of the directory does not agree with it goes, and
// the plan says before what that costs.
//
// Invariants:
//  1. Afterwards every shard's log says that the sink has exactly the commit that it told, so that the next
//     opening finds the two agreed, unless somebody has committed since.
//  2. What is stored and what the sink says is done is not delivered again. What the sink has lost is
//     delivered again where the journal or a source still has it, and else named.
//  3. As repair.h has it: originals are kept, a crash anywhere leaves a directory that this can be run on
//     again, and what can't be done is refused with a sentence; then nothing is changed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/ranges.h"
#include "repair/ack_log_rebuild.h"
#include "repair/directory_survey.h"

namespace semel {

// What a sink has of one shard.
struct SinkHeld {
  CommitNumber last;     // none: it has nothing
  uint64_t lineage = 0;  // … of whose history
  uint64_t through = 0;
  std::vector<SourceOffset> sources;
  bool knows_sources = true;  // false: they found no room beside the commit
};

struct TrustOrder {
  std::vector<SinkHeld> shards;
  // All messages come from sources that can be read again, and are known by their positions.
  bool by_position = false;
  // The content of `sources` from now on; nothing: as it is.
  std::optional<std::vector<uint8_t>> sources;
};

// How sink and directory stand to each other.
enum class Standing {
  agreed,
  ahead,   // the sink has commits that the directory does not know
  behind,  // it has lost commits that the directory knows it had
  other,   // it has another directory's
};

// A partition of a source, or a producer, whose offset becomes another one.
struct MovedSource {
  uint32_t partition = 0;
  std::optional<Offset> before;
  std::optional<Offset> after;  // nothing: from its start
};

struct ShardTrust {
  uint32_t shard = 0;
  Standing standing = Standing::agreed;
  bool changes() const { return standing != Standing::agreed; }

  uint64_t stored = 0;           // the last message in the directory
  uint64_t through_before = 0;
  uint64_t through = 0;          // where it goes on behind
  CommitNumber confirmed_before;
  CommitNumber confirmed;
  uint64_t sink_epoch = 0;       // the newest that the directory knows

  // By sequence.
  Ranges done;       // stored here, and done as the sink says
  Ranges redone;     // done here, not in the sink: delivered again from the journal
  Ranges lost;       // done here, not in the sink, nor in the journal: what no source gives again is lost
  Ranges parked;     // were parked, and are dropped
  Ranges forgotten;  // done, and their ids are not known any more
  std::vector<MovedSource> sources;
  // Partitions that can't go back, since messages of theirs wait in the journal: what they lost stays lost.
  std::vector<uint32_t> stuck_sources;
  bool knows_sources = true;

  // What is written.
  AckRecovered state;
  std::vector<acklog::KnownIds> ids;
  std::vector<std::string> old_files;  // in its folder, which go
  uint64_t highest_segment = 0;
};

struct TrustPlan {
  std::string name;  // of the pipeline
  std::vector<ShardTrust> shards;
  std::vector<std::string> steps;
  std::vector<std::string> refusals;
};

struct Trusted {
  TrustPlan plan;
  std::string originals;  // where they are; empty: there was nothing to change
};

// The caller holds the directory's lock (lock_for_repair), or knows that nobody else is there. Planning
// changes nothing.
Result<TrustPlan> plan_trust(Storage& storage, const std::string& directory, const TrustOrder& order);
Result<Trusted> trust_sink(Storage& storage, const std::string& directory, const TrustOrder& order);

// Of one shard. `lineage`: of the directory. Code::format where it can't be.
Result<ShardTrust> decide_trust(Storage& storage, const Manifest& manifest, ShardSurvey& survey,
                                const SinkHeld& held, bool by_position);

}  // namespace semel
