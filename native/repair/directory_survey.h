// Everything that verify and repair know about a directory: what the files hold, what is wrong with
// them, and the state that repair would leave.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repair/ack_log_rebuild.h"
#include "repair/ack_log_survey.h"
#include "repair/dead_letters_survey.h"
#include "repair/journal_mend.h"
#include "repair/verify.h"
#include "shard/manifest.h"

namespace semel {

struct ShardSurvey {
  uint32_t shard = 0;
  std::string directory;
  std::vector<Finding> findings;
  std::vector<std::string> refusals;  // why it can't be repaired
  Stake stake;

  bool log_damaged = false;
  bool journal_damaged = false;
  bool letters_damaged = false;

  acklog::Survey log;          // where the log is damaged
  AckRecovered state;          // as it is, or as repair would make it
  std::vector<Id> ids_unseen;  // of lost ack blocks, from the journal
  JournalContent journal;
  MendOrder mend;
  Mended mended;
  deadletters::Survey letters;

  bool damaged() const;
};

struct BoxSurvey {
  std::string name;
  std::vector<uint8_t> mended;  // its content, as repair would make it
};

struct DirectorySurvey {
  Verification found;
  std::optional<Manifest> manifest;
  std::vector<uint8_t> manifest_mended;  // its bytes, where it is damaged and can be mended
  bool repair_unfinished = false;
  std::vector<BoxSurvey> boxes;          // damaged ones
  std::vector<ShardSurvey> shards;
  std::vector<std::string> refusals;     // of the whole directory
};

Result<DirectorySurvey> survey_directory(Storage& storage, const std::string& directory);

// `made`: all shards' files were there once, so that a missing one is damage.
Result<ShardSurvey> survey_shard(Storage& storage, const std::string& directory,
                                 const Manifest& manifest, uint32_t index, bool made);

}  // namespace semel
