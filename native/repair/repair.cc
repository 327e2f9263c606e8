#include "repair/repair.h"

#include "repair/directory_survey.h"
#include "repair/repair_intent.h"
#include "repair/shard_log_survey.h"
#include "shard/box.h"

namespace semel {
namespace {

std::string shard_name(uint32_t shard) { return "shard-" + std::to_string(shard); }

std::vector<std::string> steps_of(const DirectorySurvey& survey) {
  std::vector<std::string> steps;
  if (survey.repair_unfinished) {
    steps.push_back("finish the repair that was begun; what else is needed is only known then");
    return steps;
  }
  if (!survey.manifest_mended.empty()) {
    steps.push_back("change the wrong byte of stream back: its checksum tells which it was");
  }
  for (const BoxSurvey& box : survey.boxes) {
    if (box.name == "structures") {
      steps.push_back(
          "write structures anew; where its old content can't be told from the checksum, messages that "
          "are not done yet can't be decoded and end as dead letters");
    } else if (box.name == kShardsBox) {
      steps.push_back("write shards anew");
    } else if (box.name == kSinksBox) {
      steps.push_back(
          "write sinks anew; where its old content can't be told from the checksum, sinks get their "
          "numbers in the definition's order: open it with the sinks that it had, and no others");
    } else if (box.name.starts_with("sink-")) {
      steps.push_back("write " + box.name +
                      " anew; where its old content can't be told from the checksum, the sink takes the "
                      "file at its path for its own, and copies aside what it cuts off");
    } else {
      steps.push_back("write " + box.name +
                      " anew; where its old content can't be told from the checksum, sources are read "
                      "from their start again" +
                      (box.name == "sources" ? ", and what a producer sends again is taken again" : ""));
    }
  }
  for (const ShardSurvey& shard : survey.shards) {
    const std::string name = shard_name(shard.shard);
    if (shard.log_damaged) {
      steps.push_back("write the ack log of " + name + " anew from its " +
                      std::to_string(shard.log.blocks.size()) + " good blocks; it goes on behind " +
                      "message " + std::to_string(shard.state.header.through));
    }
    if (shard.journal_damaged) {
      steps.push_back(shard.mended.lost.empty()
                          ? "write the journal of " + name + " anew with all of its messages"
                          : "write the journal of " + name + " anew; lost messages (" +
                                std::to_string(shard.mended.lost.count()) +
                                ") become dead letters that say so");
    }
    if (shard.letters_damaged) {
      steps.push_back("write the dead letters of " + name + " anew with the " +
                      std::to_string(shard.letters.open.size()) + " that are good and open");
    }
  }
  return steps;
}

class Repairer {
 public:
  Repairer(Storage& storage, const std::string& directory, DirectorySurvey& survey)
      : storage_(storage), directory_(directory), survey_(survey) {}

  // Writes every new file beside the old one.
  Status prepare() {
    if (!survey_.manifest_mended.empty()) {
      SEMEL_TRY(write_beside(storage_, directory_, "stream", survey_.manifest_mended));
      replace("stream");
    }
    for (const BoxSurvey& box : survey_.boxes) {
      SEMEL_TRY(write_beside(storage_, directory_, box.name,
                      seal_box(box.name, survey_.manifest->salt, box.mended)));
      replace(box.name);
    }
    for (ShardSurvey& shard : survey_.shards) SEMEL_TRY(prepare_shard(shard));
    return Status::ok();
  }

  const std::vector<Change>& changes() const { return changes_; }

 private:
  void replace(const std::string& path) { changes_.push_back({path, true}); }

  Status prepare_shard(ShardSurvey& shard) {
    if (!shard.log_damaged && !shard.journal_damaged && !shard.letters_damaged) return Status::ok();
    const Manifest& manifest = *survey_.manifest;
    const std::string folder = shard_name(shard.shard) + "/";
    SEMEL_TRY(storage_.make_directory(shard.directory));
    if (shard.log_damaged) {
      acklog::RebuildOrder order{shard.directory, shard_salt(manifest, shard.shard),
                                 manifest.segment_bytes, kRepairedSuffix, &shard.ids_unseen};
      auto names = acklog::rebuild(storage_, order, shard.log, shard.state);
      if (!names.is_ok()) return names.status();
      for (const std::string& name : names.value()) replace(folder + name);
      for (const std::string& name : shard.log.names) changes_.push_back({folder + name, false});
    }
    if (shard.journal_damaged) {
      const JournalIdentity identity{manifest.salt, shard.shard, manifest.ring_bytes};
      std::vector<uint8_t>& bytes = shard.journal.bytes;
      std::fill(bytes.begin(), bytes.begin() + kJournalHeaderBytes, 0);
      write_journal_header(bytes.data(), identity);
      mend_journal(std::span(bytes).subspan(kJournalHeaderBytes), journal_seed(identity), shard.mend);
      SEMEL_TRY(write_beside(storage_, shard.directory, "journal", bytes));
      replace(folder + "journal");
    }
    if (shard.letters_damaged) {
      SEMEL_TRY(deadletters::rewrite(letter_options(storage_, shard, manifest), shard.letters,
                                     DeadLetters::kName + std::string(kRepairedSuffix)));
      replace(folder + DeadLetters::kName);
    }
    return Status::ok();
  }

  Storage& storage_;
  const std::string& directory_;
  DirectorySurvey& survey_;
  std::vector<Change> changes_;
};

RepairPlan to_plan(const DirectorySurvey& survey) {
  RepairPlan plan;
  plan.found = survey.found;
  plan.refusals = survey.repair_unfinished ? std::vector<std::string>() : survey.refusals;
  if (plan.refusals.empty()) plan.steps = steps_of(survey);
  return plan;
}

}  // namespace

Result<RepairPlan> plan_repair(Storage& storage, const std::string& directory) {
  auto survey = survey_directory(storage, directory);
  if (!survey.is_ok()) return survey.status();
  return to_plan(survey.value());
}

Result<Repaired> repair(Storage& storage, const std::string& directory) {
  if (auto finished = finish_repair(storage, directory); !finished.is_ok()) return finished.status();
  auto survey = survey_directory(storage, directory);
  if (!survey.is_ok()) return survey.status();
  Repaired repaired;
  repaired.plan = to_plan(survey.value());
  if (repaired.plan.steps.empty() || !repaired.plan.refusals.empty()) return repaired;
  Repairer repairer(storage, directory, survey.value());
  SEMEL_TRY(repairer.prepare());
  auto originals = keep_originals(storage, directory, repairer.changes());
  if (!originals.is_ok()) return originals.status();
  repaired.originals = originals.value();
  SEMEL_TRY(carry_out(storage, directory, repairer.changes()));
  return repaired;
}

Result<std::unique_ptr<DirectoryLock>> lock_for_repair(Storage& storage,
                                                        const std::string& directory) {
  for (const char* trace : {"/stream", "/shard-0"}) {
    auto exists = storage.exists(directory + trace);
    if (!exists.is_ok()) return exists.status();
    if (exists.value()) return storage.lock(directory);
  }
  return read_manifest(storage, directory).status();
}

Result<RepairPlan> plan_repair_locked(Storage& storage, const std::string& directory) {
  auto held = lock_for_repair(storage, directory);
  if (!held.is_ok()) return held.status();
  return plan_repair(storage, directory);
}

Result<Repaired> repair_locked(Storage& storage, const std::string& directory) {
  auto held = lock_for_repair(storage, directory);
  if (!held.is_ok()) return held.status();
  return repair(storage, directory);
}

}  // namespace semel
