#include "faults/worker.h"

#include <algorithm>

namespace semel::faults {
namespace {

constexpr std::size_t kRetriesMax = 64;

}  // namespace

Status Worker::begin(bool) {
  consumer_.adopt();
  committed_ = polled_ = consumer_.first_in_flight() - 1;
  const int64_t place = consumer_.sink_places().first;
  SEMEL_TRY(sink_.begin(place));
  if (place >= 0 || sink_.place() < 0) return Status::ok();
  // So that a torn first batch can be told from what was there before.
  if (rules_.flushes) SEMEL_TRY(sink_.flush());
  waiting_ = true;
  return commit();
}

Status Worker::poll(uint32_t max, uint64_t now_us) {
  auto polled = consumer_.poll(max, now_us);
  if (!polled.is_ok()) return polled.status();
  polled_ += polled.value().count;
  return Status::ok();
}

Status Worker::finish(uint32_t max, uint64_t now_us) {
  if (waiting_) return commit();
  SEMEL_TRY(draft(max, now_us));
  return count_ == 0 && decisions_.empty() ? Status::ok() : write_and_commit();
}

Status Worker::draft(uint32_t max, uint64_t now_us) {
  count_ = 0;
  outputs_.clear();
  owners_.clear();
  decisions_.clear();
  blocked_ = held_back_;
  tried_.clear();
  for (const Parked* one = consumer_.parked().next(0); one != nullptr;
       one = consumer_.parked().next(one->sequence)) {
    blocked_.insert(ledger_.key_of(one->payload));
  }
  SEMEL_TRY(retry_due(now_us));
  while (count_ < max && committed_ + count_ < polled_) {
    const uint64_t sequence = committed_ + count_ + 1;
    if (waits(consumer_.slots()[sequence % consumer_.capacity()])) break;
    SEMEL_TRY(end(sequence, now_us));
    ++count_;
  }
  return Status::ok();
}

Result<Message> Worker::message_of(std::span<const uint8_t> payload) const {
  const uint64_t id = ledger_.id_of(payload);
  if (id == 0) return Status{Code::damaged, "wrong payload: the handler gets what nobody has sent"};
  return ledger_.message(id);
}

// Of each key from the front, as far as they are due and get through.
Status Worker::retry_due(uint64_t now_us) {
  std::set<uint32_t> stuck = held_back_;
  for (const Parked* one = consumer_.parked().next(0); one != nullptr;
       one = consumer_.parked().next(one->sequence)) {
    const uint32_t key = ledger_.key_of(one->payload);
    if (stuck.contains(key)) continue;
    if (one->due_us > now_us || decisions_.size() == kRetriesMax) {
      stuck.insert(key);
      continue;
    }
    auto found = message_of(one->payload);
    if (!found.is_ok()) return found.status();
    const Message& message = found.value();
    // Behind a copy that is being tried in this very commit it waits for the next.
    if (!tried_.insert(message.id).second) {
      stuck.insert(key);
      continue;
    }
    if (consumer_.is_duplicate(*one)) {
      decisions_.push_back({{one->sequence, Detail::Action::settle, 0, 0, Outcome::duplicate, {}}, "", key});
      continue;
    }
    const bool again = one->type == static_cast<uint8_t>(FrameType::retry);
    SEMEL_TRY(decide(one->sequence, message, one->attempts + 1, again, now_us));
    if (decisions_.back().detail.action == Detail::Action::park) stuck.insert(key);
  }
  return Status::ok();
}

Status Worker::end(uint64_t sequence, uint64_t now_us) {
  Slot& slot = consumer_.slots()[sequence % consumer_.capacity()];
  if (slot.outcome == static_cast<int32_t>(Outcome::duplicate)) return Status::ok();
  const uint8_t* at = shard_.ring_memory().data() + slot.offset;
  auto found = message_of({at, static_cast<std::size_t>(slot.length)});
  if (!found.is_ok()) return found.status();
  const Message& message = found.value();
  const auto type = static_cast<FrameType>(slot.kind & 0xFF);
  if (type == FrameType::malformed) {
    slot.outcome = static_cast<int32_t>(Outcome::dead_lettered);
    decisions_.push_back({{sequence, Detail::Action::dead_letter, 0, 0, Outcome::dead_lettered, {}},
                          "a row", message.key});
    return Status::ok();
  }
  if (blocked_.contains(message.key)) {
    slot.outcome = static_cast<int32_t>(Outcome::parked);
    park(sequence, message.key, 0, now_us);
    return Status::ok();
  }
  if ((slot.kind & kInFlightBit) != 0) {
    slot.outcome = static_cast<int32_t>(Outcome::duplicate);
    return Status::ok();
  }
  return decide(sequence, message, 1, type == FrameType::retry, now_us);
}

Status Worker::decide(uint64_t sequence, const Message& message, uint32_t attempt, bool again,
                      uint64_t now_us) {
  const bool in_flight = sequence > committed_;
  const auto ends = [&](Outcome outcome) {
    if (in_flight) {
      consumer_.slots()[sequence % consumer_.capacity()].outcome = static_cast<int32_t>(outcome);
    } else {
      decisions_.push_back({{sequence, Detail::Action::settle, attempt, 0, outcome, {}}, "", message.key});
    }
  };
  if (!fails(message, sequence, attempt, again)) {
    if (message.kind == Kind::filtered) {
      ends(Outcome::filtered);
      return Status::ok();
    }
    const bool is_durable =
        sequence <= shard_.durable_sequence() ||
        (in_flight && consumer_.position_behind(sequence) <= shard_.durable_position());
    if (rules_.durable_only && !is_durable) {
      return {Code::damaged, "an effect comes before its message is durable"};
    }
    outputs_.push_back(message.id);
    owners_.push_back(sequence);
    ends(Outcome::processed);
    return Status::ok();
  }
  if (attempt < rules_.attempts_max) {
    if (in_flight) {
      consumer_.slots()[sequence % consumer_.capacity()].outcome =
          static_cast<int32_t>(Outcome::parked);
    }
    blocked_.insert(message.key);
    park(sequence, message.key, attempt, now_us + rules_.retry_us);
    return Status::ok();
  }
  if (in_flight) {
    consumer_.slots()[sequence % consumer_.capacity()].outcome =
        static_cast<int32_t>(Outcome::dead_lettered);
  }
  decisions_.push_back(
      {{sequence, Detail::Action::dead_letter, attempt, 0, Outcome::dead_lettered, {}},
       "no attempt works" + std::string(rules_.history_bytes, '.'), message.key});
  return Status::ok();
}

bool Worker::fails(const Message& message, uint64_t, uint32_t attempt, bool again) {
  return (message.kind == Kind::poison && !again) ||
         (message.kind == Kind::flaky && attempt < rules_.attempts_max);
}

void Worker::park(uint64_t sequence, uint32_t key, uint32_t attempts, uint64_t due_us) {
  decisions_.push_back({{sequence, Detail::Action::park, attempts, due_us, Outcome::processed, {}},
                        "attempt " + std::to_string(attempts) + " fails" +
                            std::string(rules_.history_bytes, '.'),
                        key});
}

Status Worker::write_and_commit() {
  if (!outputs_.empty()) {
    SEMEL_TRY(sink_.write(outputs_));
    if (rules_.flushes) SEMEL_TRY(sink_.flush());
  }
  waiting_ = true;
  return commit();
}

std::vector<Detail> Worker::details() const {
  std::vector<Detail> told;
  for (const Decision& decision : decisions_) {
    told.push_back(decision.detail);
    told.back().history = {reinterpret_cast<const uint8_t*>(decision.history.data()),
                           decision.history.size()};
  }
  return told;
}

Status Worker::commit() {
  auto committed = consumer_.commit(count_, sink_.place(), details());
  if (!committed.is_ok()) return committed.status();
  if (committed.value() == Committed::full) return Status::ok();
  waiting_ = false;
  committed_ += count_;
  count_ = 0;
  return Status::ok();
}

}  // namespace semel::faults
