#include "repair/sink_trust.h"

#include <algorithm>

#include "deadletters/dead_letters.h"
#include "repair/repair_intent.h"
#include "shard/box.h"

namespace semel {
namespace {

std::string shard_name(uint32_t shard) { return "shard-" + std::to_string(shard); }

std::string shown(const CommitNumber& number) {
  return number.is_none() ? "no commit"
                          : "commit " + std::to_string(number.n) + " of epoch " +
                                std::to_string(number.epoch);
}

bool holds_nothing(const ShardTrust& shard) {
  return shard.stored == 0 && shard.through_before == 0 && shard.confirmed_before.is_none();
}

class Truster {
 public:
  Truster(Storage& storage, const std::string& directory, const TrustOrder& order)
      : storage_(storage), directory_(directory), order_(order) {}

  Status plan() {
    auto survey = survey_directory(storage_, directory_);
    if (!survey.is_ok()) return survey.status();
    survey_ = std::move(survey.value());
    plan_.name = survey_.found.name;
    if (survey_.repair_unfinished) {
      plan_.steps.push_back(
          "finish the repair that was begun; what else is needed is only known then");
      return Status::ok();
    }
    if (survey_.found.damaged()) {
      plan_.refusals.push_back(directory_ + " is damaged, and what it holds is not known well enough to "
                               "go on from: repair it without --trust-sink first, or begin a new "
                               "directory and let that one trust the sink");
      return Status::ok();
    }
    SEMEL_TRY(decide());
    refuse_mixed();
    if (!plan_.refusals.empty()) return Status::ok();
    tell_steps();
    return Status::ok();
  }

  TrustPlan& made() { return plan_; }

  Result<std::string> carry_out_plan() {
    SEMEL_TRY(prepare());
    auto originals = keep_originals(storage_, directory_, changes_);
    if (!originals.is_ok()) return originals;
    SEMEL_TRY(carry_out(storage_, directory_, changes_));
    return originals;
  }

 private:
  const Manifest& manifest() const { return *survey_.manifest; }

  Status decide() {
    static const SinkHeld nothing;
    for (ShardSurvey& shard : survey_.shards) {
      const SinkHeld& held =
          shard.shard < order_.shards.size() ? order_.shards[shard.shard] : nothing;
      auto decided = decide_trust(storage_, manifest(), shard, held, order_.by_position);
      if (!decided.is_ok()) return decided.status();
      if (decided.value().standing == Standing::other) {
        if (lineage_.has_value() && *lineage_ != held.lineage) is_mixed_ = true;
        lineage_ = held.lineage;
      }
      plan_.shards.push_back(std::move(decided.value()));
    }
    return Status::ok();
  }

  // A lineage is taken over as a whole, by a directory that has none of its own yet.
  void refuse_mixed() {
    if (!lineage_.has_value()) return;
    const bool is_own = std::any_of(plan_.shards.begin(), plan_.shards.end(), [](const auto& one) {
      return one.standing != Standing::other && !one.confirmed.is_none();
    });
    if (is_own || is_mixed_) {
      plan_.refusals.push_back(
          "the sink has commits of several directories under this pipeline's name: no one of them can "
          "go on from all; put the sink back to a state of one directory");
      return;
    }
    if (*lineage_ == 0) {
      plan_.refusals.push_back("the sink's commits have a lineage that semel does not give");
      return;
    }
    for (const ShardTrust& shard : plan_.shards) {
      if (holds_nothing(shard)) continue;
      plan_.refusals.push_back(
          directory_ + " has a history of its own (" + shard_name(shard.shard) + " holds " +
          std::to_string(shard.stored) +
          " messages), and the sink has another directory's: only an empty directory can take that "
          "over; make a new one by opening the pipeline there, which is refused, and repair that");
      return;
    }
  }

  void tell_steps() {
    if (lineage_.has_value()) {
      plan_.steps.push_back("take over the history that the sink's commits belong to");
    }
    for (const ShardTrust& shard : plan_.shards) {
      if (!shard.changes()) continue;
      std::string step = "write the ack log of " + shard_name(shard.shard) + " anew: the sink has " +
                         shown(shard.confirmed) + ", and it goes on behind message " +
                         std::to_string(shard.through);
      if (shard.through_before != shard.through) {
        step += " instead of " + std::to_string(shard.through_before);
      }
      plan_.steps.push_back(std::move(step));
    }
    if (!plan_.steps.empty() && order_.sources.has_value()) {
      plan_.steps.push_back("write sources anew with the partitions that the sink knows of");
    }
  }

  void replace(const std::string& path) { changes_.push_back({path, true}); }
  void remove(const std::string& path) { changes_.push_back({path, false}); }

  // Writes every new file beside the old one.
  Status prepare() {
    Manifest next = manifest();
    if (lineage_.has_value()) {
      next.salt = *lineage_;
      SEMEL_TRY(write_beside(storage_, directory_, "stream", manifest_bytes(next)));
      replace("stream");
      SEMEL_TRY(seal_boxes_anew(next));
    } else if (order_.sources.has_value()) {
      SEMEL_TRY(write_sources(next));
    }
    for (ShardTrust& shard : plan_.shards) SEMEL_TRY(prepare_shard(shard, next));
    return Status::ok();
  }

  Status write_sources(const Manifest& next) {
    SEMEL_TRY(write_beside(storage_, directory_, "sources",
                           seal_box("sources", next.salt, *order_.sources)));
    replace("sources");
    return Status::ok();
  }

  // Every file names the history that it belongs to.
  Status seal_boxes_anew(const Manifest& next) {
    std::vector<std::string> names(std::begin(kBoxes), std::end(kBoxes));
    for (uint32_t shard = 0; shard < next.shards; ++shard) {
      auto exists = storage_.exists(directory_ + "/" + sink_box(shard));
      if (!exists.is_ok()) return exists.status();
      if (exists.value()) names.push_back(sink_box(shard));
    }
    for (const std::string& name : names) {
      if (name == "sources" && order_.sources.has_value()) {
        SEMEL_TRY(write_sources(next));
        continue;
      }
      std::vector<uint8_t> content;
      // Empty: what is missing of a shard is made by the next opening.
      if (name != kShardsBox) {
        auto read = read_box(storage_, directory_, name, manifest().salt);
        if (!read.is_ok()) return read.status();
        content = std::move(read.value());
      }
      SEMEL_TRY(write_beside(storage_, directory_, name, seal_box(name, next.salt, content)));
      replace(name);
    }
    return Status::ok();
  }

  Status prepare_shard(ShardTrust& shard, const Manifest& next) {
    if (!shard.changes() && !lineage_.has_value()) return Status::ok();
    const std::string folder = shard_name(shard.shard);
    const std::string path = directory_ + "/" + folder;
    SEMEL_TRY(storage_.make_directory(path));
    if (shard.changes()) {
      const acklog::RebuildOrder order{path, shard_salt(next, shard.shard), next.segment_bytes,
                                       kRepairedSuffix, nullptr};
      const AckHeader& header = shard.state.header;
      const CommitStamp commit{.epoch = shard.confirmed.epoch,
                               .n = 0,
                               .parent = shard.confirmed,
                               .confirmed = shard.confirmed,
                               .through = header.through,
                               .journal_position = header.journal_position,
                               .dead_letter_bytes = header.dead_letter_bytes};
      auto names = acklog::write_anew(storage_, order, shard.highest_segment, shard.ids, shard.state,
                                      commit);
      if (!names.is_ok()) return names.status();
      for (const std::string& name : names.value()) replace(folder + "/" + name);
    }
    for (const std::string& name : shard.old_files) remove(folder + "/" + name);
    if (!lineage_.has_value()) return Status::ok();
    // They hold nothing, and are of the history that the directory had.
    for (const char* name : {"journal", DeadLetters::kName}) {
      auto exists = storage_.exists(path + "/" + name);
      if (!exists.is_ok()) return exists.status();
      if (exists.value()) remove(folder + "/" + name);
    }
    return Status::ok();
  }

  Storage& storage_;
  const std::string& directory_;
  const TrustOrder& order_;
  DirectorySurvey survey_;
  std::optional<uint64_t> lineage_;  // that is taken over
  bool is_mixed_ = false;
  TrustPlan plan_;
  std::vector<Change> changes_;
};

}  // namespace

Result<TrustPlan> plan_trust(Storage& storage, const std::string& directory, const TrustOrder& order) {
  Truster truster(storage, directory, order);
  SEMEL_TRY(truster.plan());
  return std::move(truster.made());
}

Result<Trusted> trust_sink(Storage& storage, const std::string& directory, const TrustOrder& order) {
  if (auto finished = finish_repair(storage, directory); !finished.is_ok()) return finished.status();
  Truster truster(storage, directory, order);
  SEMEL_TRY(truster.plan());
  Trusted trusted;
  if (!truster.made().steps.empty() && truster.made().refusals.empty()) {
    auto originals = truster.carry_out_plan();
    if (!originals.is_ok()) return originals.status();
    trusted.originals = originals.value();
  }
  trusted.plan = std::move(truster.made());
  return trusted;
}

}  // namespace semel
