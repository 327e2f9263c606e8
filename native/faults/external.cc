#include "faults/external.h"

#include <iterator>
#include <utility>

#include "core/faults.h"

namespace semel::faults {

uint64_t External::draw() {
  luck_ += 0x9E3779B97F4A7C15ull;
  uint64_t value = (luck_ ^ (luck_ >> 30)) * 0xBF58476D1CE4E5B9ull;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
  return value ^ (value >> 31);
}

uint64_t External::connect() {
  replies_.clear();
  return ++connection_;
}

SinkAnswer External::begin() {
  fault_point("sink.begin");
  while (!sockets_.empty() && chance(2)) land_one();
  const SinkAnswer answer{++epoch_, last_};
  fault_point("sink.begun");
  return answer;
}

void External::send(uint64_t connection, const CommitStamp& stamp, std::vector<Row> rows) {
  sockets_[connection].push_back({false, stamp, std::move(rows)});
  fault_point("sink.sent");
}

void External::send_begin() { sockets_[++connection_].push_back({true, {}, {}}); }

void External::work() {
  while (!sockets_.empty() && chance(2)) land_one();
}

void External::land_one() {
  const auto at = std::next(sockets_.begin(), static_cast<std::ptrdiff_t>(draw() % sockets_.size()));
  const uint64_t connection = at->first;
  const Request request = std::move(at->second.front());
  at->second.pop_front();
  if (at->second.empty()) sockets_.erase(at);
  if (request.is_begin) {
    ++epoch_;
  } else {
    Reply reply = take(request);
    if (connection == connection_) replies_.push_back(std::move(reply));
  }
  fault_point("sink.landed");
}

External::Reply External::take(const Request& request) {
  Reply reply{request.stamp.own(), Verdict::taken, {}};
  if (request.stamp.epoch != epoch_ || request.stamp.parent != last_) {
    reply.verdict = Verdict::refused;
    return reply;
  }
  for (const Row& row : request.rows) {
    if (row.is_bad) reply.bad.push_back(row.id);
  }
  if (!reply.bad.empty()) {
    reply.verdict = Verdict::bad_rows;
    return reply;
  }
  before_last_ = std::exchange(last_, request.stamp.own());
  for (const Row& row : request.rows) effects.push_back(row.id);
  return reply;
}

std::optional<External::Reply> External::answer(uint64_t connection) {
  if (connection != connection_ || replies_.empty()) return std::nullopt;
  Reply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

}  // namespace semel::faults
