// What a damaged ack log comes to, together with the journal: the state to go on from, and its cost.
#pragma once

#include <span>

#include "repair/directory_survey.h"

namespace semel {

// Fills in `state`, `ids_unseen` and `stake` from `log` and the ring.
void decide_log(ShardSurvey& survey, std::span<uint8_t> ring, uint32_t seed, bool dedup);

// Where the log went back and its journal did not: letters behind the older committed length belong to
// messages that are not delivered again, so they stay.
Status keep_later_letters(ShardSurvey& survey, const DeadLetters::Options& options);

inline DeadLetters::Options letter_options(Storage& storage, const ShardSurvey& survey,
                                           const Manifest& manifest) {
  return {.storage = &storage,
          .directory = survey.directory,
          .directory_salt = shard_salt(manifest, survey.shard),
          .committed_bytes = survey.state.header.dead_letter_bytes};
}

}  // namespace semel
