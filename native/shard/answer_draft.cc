#include "shard/answer_draft.h"

#include <cstddef>
#include <string_view>

namespace semel {
namespace {

// Entries by their sequence, quick where they are asked for in the order in which they lie.
template <typename Entry>
class Finder {
 public:
  explicit Finder(std::span<const Entry> entries) : entries_(entries) {}

  const Entry* operator()(uint64_t sequence) {
    for (std::size_t tried = 0; tried < entries_.size(); ++tried, ++next_) {
      if (next_ == entries_.size()) next_ = 0;
      if (entries_[next_].sequence == sequence) return &entries_[next_];
    }
    return nullptr;
  }

 private:
  const std::span<const Entry> entries_;
  std::size_t next_ = 0;
};

constexpr std::string_view kLost = "its worker died when it was done, and the result with it";

Answer lost(uint64_t sequence) {
  return {sequence, AnswerKind::lost,
          {reinterpret_cast<const uint8_t*>(kLost.data()), kLost.size()}};
}

Answer outcome_alone(uint64_t sequence) { return {sequence, AnswerKind::none, {}}; }

// No mark can tell how a message ended that was parked.
bool draft_parked(Replies& replies, bool is_read, std::span<const Detail> details,
                  Finder<Answer>& answer_of) {
  for (const Detail& detail : details) {
    const uint64_t sequence = detail.sequence;
    if (detail.action == Detail::Action::park || !replies.is_awaited_parked(sequence)) continue;
    const Answer* given = answer_of(sequence);
    Answer told = outcome_alone(sequence);
    if (detail.action == Detail::Action::dead_letter) {
      told = {sequence, AnswerKind::history, detail.history};
    } else if (given != nullptr && given->fits(detail.end())) {
      told = *given;
    }
    if (replies.draft(sequence, detail.end(), told)) continue;
    if (!is_read || !replies.draft(sequence, detail.end(), outcome_alone(sequence))) return false;
  }
  return true;
}

}  // namespace

bool draft_answers(Replies& replies, const CommitDraft& draft, const InFlight& in_flight,
                   std::span<const Detail> details, std::span<const Answer> answers,
                   bool are_lost) {
  const bool is_read = replies.is_read();
  replies.begin();
  Finder<Answer> answer_of(answers);
  if (!draft_parked(replies, is_read, details, answer_of)) return false;
  if (!replies.expects_from(draft.first())) return true;
  Finder<Detail> detail_of(details);
  for (uint64_t sequence = draft.first(); sequence <= draft.last(); ++sequence) {
    if (!replies.is_awaited(sequence)) continue;
    const Outcome outcome = in_flight.outcome(sequence);
    if (outcome == Outcome::parked) continue;
    const Answer* given = answer_of(sequence);
    Answer told = outcome_alone(sequence);
    if (outcome == Outcome::dead_lettered) {
      told = {sequence, AnswerKind::history, detail_of(sequence)->history};
    } else if (given != nullptr && given->fits(outcome)) {
      told = *given;
    } else if (are_lost && outcome == Outcome::processed && replies.wants_result(sequence)) {
      told = lost(sequence);
    }
    // Its mark tells the outcome.
    if (told.kind == AnswerKind::none) continue;
    if (!replies.draft(sequence, outcome, told) && !is_read) return false;
  }
  return true;
}

}  // namespace semel
