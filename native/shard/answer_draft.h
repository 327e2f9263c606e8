// What the senders who wait are told of a commit besides the outcomes of messages in flight.
#pragma once

#include <span>

#include "shard/commit_draft.h"
#include "shard/detail.h"
#include "shard/in_flight.h"
#include "shard/replies.h"

namespace semel {

// Drafts the answers (A3, replies.h); where they are lost, whoever waits for a result is told so. False where there is no room for one of them yet. What would not
// fit an empty ring either is cut down to the outcome.
bool draft_answers(Replies& replies, const CommitDraft& draft, const InFlight& in_flight,
                   std::span<const Detail> details, std::span<const Answer> answers,
                   bool are_lost = false);

}  // namespace semel
