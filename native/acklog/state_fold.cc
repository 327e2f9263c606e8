#include "acklog/state_fold.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/bytes.h"
#include "core/faults.h"

namespace semel::acklog {
namespace {

std::string shown(const CommitNumber& number) {
  return number.is_none() ? "no commit"
                          : "commit " + std::to_string(number.n) + " of epoch " +
                                std::to_string(number.epoch);
}

}  // namespace

Status sink_ahead(const CommitNumber& last) {
  return {Code::sink_ahead,
          "the sink has " + shown(last) +
              ", which this directory does not know: the directory is older than the sink (a backup, or a "
              "power loss below `disk`); put the newest directory back, or go on from what the sink has: "
              "semel repair DIR --trust-sink --pipeline MODULE"};
}

Status sink_behind(const CommitNumber& last, const CommitNumber& confirmed) {
  return {Code::sink_behind,
          "the sink has " + shown(last) + ", and had " + shown(confirmed) +
              ": it has lost what was committed to it (a backup, or a table that was dropped); put the "
              "sink back to its newest state, or go on from what it has: semel repair DIR --trust-sink "
              "--pipeline MODULE"};
}

Status sink_epoch_behind(uint64_t given, uint64_t known) {
  return {Code::sink_behind, "the sink gives the epoch " + std::to_string(given) + ", and has given " +
                                 std::to_string(known) +
                                 " before: it has lost what it kept (a backup, or a table that was "
                                 "dropped); put the sink back to its newest state, or go on from what it "
                                 "has: semel repair DIR --trust-sink --pipeline MODULE"};
}

Status StateFold::take(const BlockView& block) {
  content_.header = block.header;
  content_.is_snapshot = (block.flags & kSnapshot) != 0;
  content_.commit.reset();
  content_.parked.clear();
  content_.resolved.clear();
  content_.sources.clear();
  SEMEL_TRY(visit_entries(block, *this));
  if ((block.flags & kSealed) != 0) return Status::ok();  // it says nothing
  content_.ids.resize(block.id_count);
  if (block.width == 16) {
    std::memcpy(content_.ids.data(), block.ids, block.id_count * sizeof(Id));
  } else {
    for (uint32_t at = 0; at < block.id_count; ++at)
      content_.ids[at] = integer_id(load<uint64_t>(block.ids + at * 8ull));
  }
  if (content_.commit.has_value()) return hold(content_);
  apply(content_);
  return Status::ok();
}

Status StateFold::hold(Content& content) {
  const CommitStamp stamp = *content.commit;
  has_commits_ = true;
  SEMEL_TRY(confirm(stamp.confirmed));
  if (stamp.epoch > epoch_) held_.clear();  // the sink was asked since: what it had is confirmed
  epoch_ = std::max(epoch_, stamp.epoch);
  n_ = std::max({n_, stamp.n, stamp.confirmed.n});
  const bool counts =
      stamp.n == 0 && (stamp.parent.is_none() || stamp.parent == confirmed_);
  if (counts) {
    apply(content);
  } else {
    held_.push_back(std::move(content));
  }
  return Status::ok();
}

Status StateFold::confirm(const CommitNumber& newest) {
  if (newest == confirmed_) return Status::ok();
  if (held_.empty()) {
    // The log begins here, with a snapshot.
    confirmed_ = newest;
    return Status::ok();
  }
  std::set<CommitNumber> chain;
  for (CommitNumber at = newest; at != confirmed_ && !at.is_none();) {
    const auto found = std::find_if(held_.begin(), held_.end(), [&](const Content& one) {
      return one.commit->own() == at;
    });
    if (found == held_.end()) {
      return {Code::damaged, "a block says that the sink has " + shown(newest) + ", whose " +
                                 shown(at) + " is not in the log"};
    }
    chain.insert(at);
    at = found->commit->parent;
  }
  std::vector<Content> left;
  std::set<CommitNumber> open{newest};
  for (Content& one : held_) {
    const CommitStamp& stamp = *one.commit;
    if (chain.contains(stamp.n == 0 ? stamp.parent : stamp.own())) {
      apply(one);
    } else if (open.contains(stamp.parent)) {
      if (stamp.n != 0) open.insert(stamp.own());
      left.push_back(std::move(one));
    }
  }
  held_ = std::move(left);
  confirmed_ = newest;
  return Status::ok();
}

Status StateFold::ask(const SinkAnswer& answer) {
  const CommitNumber& last = answer.last;
  const bool is_held = std::any_of(held_.begin(), held_.end(), [&](const Content& one) {
    return one.commit->own() == last;
  });
  if (last != confirmed_ && (!is_held || last.is_none())) {
    if (planted(Bug::backup_adopted)) return Status::ok();
    return is_behind(last, confirmed_) ? sink_behind(last, confirmed_) : sink_ahead(last);
  }
  if (answer.epoch <= epoch_) return sink_epoch_behind(answer.epoch, epoch_);
  SEMEL_TRY(confirm(last));
  held_.clear();
  epoch_ = answer.epoch;
  has_commits_ = true;
  return Status::ok();
}

void StateFold::look_for(const CommitNumber& commit) { sought_ = commit; }

// Before a block's content is applied.
void StateFold::note_sought(const Content& content) {
  if (!sought_.has_value() || found_.has_value()) return;
  const std::optional<CommitStamp>& stamp = content.commit;
  const bool rests_on_it =
      stamp.has_value() && (stamp->n == 0 ? stamp->parent : stamp->own()) == *sought_;
  if (stands_at_sought_ && !rests_on_it) {
    found_.emplace();
    found_->empty = false;
    found_->header = header_;
    for (const auto& one : parked_) found_->parked.push_back(one.second);
    for (const auto& one : sources_) found_->sources.push_back(one.second);
  }
  stands_at_sought_ = rests_on_it;
}

void StateFold::apply(Content& content) {
  note_sought(content);
  if (content.is_snapshot) {
    parked_.clear();
    sources_.clear();
  }
  for (Parked& one : content.parked) {
    const uint64_t sequence = one.sequence;
    parked_.insert_or_assign(sequence, std::move(one));
  }
  for (const uint64_t sequence : content.resolved) parked_.erase(sequence);
  for (const SourceOffset& source : content.sources) {
    SourceOffset& known = sources_[source.partition];
    known = {source.partition, std::max(known.offset, source.offset), source.given_up};
  }
  header_ = content.header;
  if (content.ids.empty() || !visitor_) return;
  const uint64_t time_us = header_.time_us;
  // The oldest comes first: messages are stored in the order of their sequences.
  const uint64_t parked_us = parked_.empty() ? time_us : parked_.begin()->second.time_us;
  visitor_({content.ids, time_us, std::min(time_us, parked_us), header_.through});
}

void StateFold::finish(AckRecovered* into) {
  into->header = header_;
  for (auto& [sequence, parked] : parked_) into->parked.push_back(std::move(parked));
  for (const auto& one : sources_) into->sources.push_back(one.second);
  into->has_commits = has_commits_;
  into->confirmed = confirmed_;
  into->sink_epoch = epoch_;
  into->last_commit = n_;
  into->undecided = held_.size();
}

}  // namespace semel::acklog
