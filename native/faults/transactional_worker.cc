#include "faults/transactional_worker.h"

#include <algorithm>

namespace semel::faults {
namespace {

constexpr std::size_t kUnderWayMax = 4;
constexpr uint32_t kBeside = 1;  // the file's number; what is transactional has no place

}  // namespace

// Who opens has just asked; it may ask again.
Status TransactionalWorker::begin(bool is_first) {
  if (!is_first || external_.chance(2)) {
    consumer_.adopt();
    return ask(true);
  }
  connection_ = external_.connect();
  committed_ = polled_ = consumer_.first_in_flight() - 1;
  return cut_back();
}

// The file beside goes back to what is confirmed.
Status TransactionalWorker::cut_back() {
  return beside_ == nullptr ? Status::ok() : beside_->begin(consumer_.sink_places().of(kBeside));
}

// So that a torn first batch can be told from what was there before.
Status TransactionalWorker::prepare_places() {
  if (rules_.flushes) SEMEL_TRY(beside_->flush());
  SinkPlaces places;
  places.set(kBeside, beside_->place());
  auto prepared = consumer_.prepare(0, false, {}, places);
  if (!prepared.is_ok()) return prepared.status();
  if (prepared.value() == Committed::done) {
    under_way_.emplace_back().stamp = consumer_.prepared()->newest().stamp;
  }
  return Status::ok();
}

Status TransactionalWorker::poll(uint32_t max, uint64_t now_us) {
  return is_asking_ ? Status::ok() : Worker::poll(max, now_us);
}

Status TransactionalWorker::finish(uint32_t max, uint64_t now_us) {
  if (is_asking_) return go_on_asking();
  external_.work();
  SEMEL_TRY(take_answers());
  if (is_asking_) return Status::ok();
  const bool waits_for_answer =
      std::any_of(under_way_.begin(), under_way_.end(), [](const UnderWay& one) { return one.is_sent; });
  // The connection breaks: what became of what was sent, nobody knows.
  if (waits_for_answer && external_.chance(24)) return ask(false);
  send_reached();
  // Small ones now and then, since few messages may be in flight: so there are several.
  const uint32_t most = external_.chance(2) ? std::min<uint32_t>(max, 2) : max;
  if (beside_ != nullptr && consumer_.sink_places().of(kBeside) < 0) {
    // Its first place is confirmed before there are outputs behind it.
    return under_way_.empty() ? prepare_places() : Status::ok();
  }
  if (under_way_.size() < kUnderWayMax) SEMEL_TRY(prepare(most, now_us));
  return under_way_.empty() && !is_recorded_ ? record() : Status::ok();
}

// ---- drafting ----

// Half of what fails does so at the sink, which names its row.
bool TransactionalWorker::fails(const Message& message, uint64_t sequence, uint32_t attempt,
                                bool again) {
  if (!Worker::fails(message, sequence, attempt, again)) return false;
  if (message.id % 2 == 0 || refused_.contains(sequence)) return true;
  bad_.insert(sequence);
  return false;
}

// A copy of what is not confirmed has no verdict yet.
bool TransactionalWorker::waits(const Slot& slot) const {
  return (slot.kind & kInFlightBit) != 0 && !under_way_.empty();
}

void TransactionalWorker::hold_back_keys() {
  held_back_.clear();
  for (const UnderWay& one : under_way_) held_back_.insert(one.keys.begin(), one.keys.end());
}

Status TransactionalWorker::prepare(uint32_t max, uint64_t now_us) {
  bad_.clear();
  committed_ = consumer_.first_in_flight() - 1 + consumer_.prepared()->messages();
  hold_back_keys();
  SEMEL_TRY(draft(max, now_us));
  if (count_ == 0 && decisions_.empty()) return Status::ok();
  auto prepared = prepare_written();
  if (!prepared.is_ok()) return prepared.status();
  if (prepared.value() == Committed::full) return Status::ok();
  UnderWay& one = under_way_.emplace_back();
  one.stamp = consumer_.prepared()->newest().stamp;
  one.owners = owners_;
  for (std::size_t at = 0; at < outputs_.size(); ++at) {
    one.rows.push_back({outputs_[at], bad_.contains(owners_[at])});
  }
  for (const Decision& decision : decisions_) {
    one.decided.push_back(decision.detail.sequence);
    one.keys.insert(decision.key);
  }
  return Status::ok();
}

// The file beside has the outputs before the block is prepared, which says where it stands with them.
Result<Committed> TransactionalWorker::prepare_written() {
  const std::vector<Detail> told = details();
  if (beside_ == nullptr) return consumer_.prepare(count_, !outputs_.empty(), told);
  const int64_t before = beside_->place();
  SEMEL_TRY(beside_->write(outputs_));
  if (rules_.flushes) SEMEL_TRY(beside_->flush());
  SinkPlaces places;
  places.set(kBeside, beside_->place());
  auto prepared = consumer_.prepare(count_, !outputs_.empty(), told, places);
  if (prepared.is_ok() && prepared.value() == Committed::full) SEMEL_TRY(beside_->begin(before));
  return prepared;
}

// ---- the sink ----

void TransactionalWorker::send_reached() {
  const uint32_t reached = consumer_.prepared()->reached();
  for (uint32_t at = 0; at < reached && at < under_way_.size(); ++at) {
    UnderWay& one = under_way_[at];
    if (one.is_sent || one.stamp.n == 0) continue;
    one.is_sent = true;
    external_.send(connection_, one.stamp, one.rows);
  }
}

Status TransactionalWorker::take_answers() {
  for (;;) {
    // What has no outputs is over with what it rests on.
    while (!under_way_.empty() && under_way_.front().stamp.n == 0) {
      auto confirmed = confirm_oldest();
      if (!confirmed.is_ok()) return confirmed.status();
      if (confirmed.value() == Committed::full) return Status::ok();
    }
    const std::optional<External::Reply> reply = external_.answer(connection_);
    if (!reply) return Status::ok();
    // Of what was thrown away meanwhile.
    if (under_way_.empty() || reply->commit != under_way_.front().stamp.own()) continue;
    if (reply->verdict == External::Verdict::refused) return ask(false);
    if (reply->verdict == External::Verdict::bad_rows) {
      const UnderWay& one = under_way_.front();
      for (std::size_t at = 0; at < one.rows.size(); ++at) {
        if (one.rows[at].is_bad) refused_.insert(one.owners[at]);
      }
      return discard();
    }
    auto confirmed = confirm_oldest();
    if (!confirmed.is_ok()) return confirmed.status();
    if (confirmed.value() == Committed::full) {
      return {Code::damaged, "what the sink has taken is not confirmed"};
    }
  }
}

Result<Committed> TransactionalWorker::confirm_oldest() {
  auto confirmed = consumer_.confirm({}, is_asking_);
  if (!confirmed.is_ok() || confirmed.value() == Committed::full) return confirmed;
  is_recorded_ = false;
  if (under_way_.empty()) return confirmed;  // a predecessor's
  for (const uint64_t sequence : under_way_.front().decided) refused_.erase(sequence);
  under_way_.pop_front();
  return confirmed;
}

Status TransactionalWorker::discard() {
  under_way_.clear();
  is_recorded_ = false;
  SEMEL_TRY(consumer_.discard());
  return cut_back();
}

Status TransactionalWorker::record() {
  auto recorded = consumer_.record();
  if (!recorded.is_ok()) return recorded.status();
  is_recorded_ = recorded.value() == Committed::done;
  return Status::ok();
}

// ---- asking ----

Status TransactionalWorker::ask(bool takes_over) {
  is_asking_ = true;
  takes_over_ = takes_over;
  found_.reset();
  return go_on_asking();
}

Status TransactionalWorker::go_on_asking() {
  if (!found_) {
    if (external_.chance(12)) external_.send_begin();
    connection_ = external_.connect();
    auto found = consumer_.ask(external_.begin());
    if (!found.is_ok()) return found.status();
    found_ = found.value();
  }
  for (; *found_ > 0; --*found_) {
    auto confirmed = confirm_oldest();
    if (!confirmed.is_ok()) return confirmed.status();
    if (confirmed.value() == Committed::full) return Status::ok();
  }
  SEMEL_TRY(discard());
  SEMEL_TRY(record());
  if (!is_recorded_) return Status::ok();
  if (takes_over_) {
    consumer_.start_over();
    polled_ = consumer_.first_in_flight() - 1;
  }
  is_asking_ = false;
  return Status::ok();
}

}  // namespace semel::faults
