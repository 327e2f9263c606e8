// Somebody else's system, which every crash of the stream leaves alone: it has the effects, and where it is
// transactional an epoch and its newest commit, which it compares and sets (docs/internals/models.md,
// "Commits across a boundary"). What it is sent lies in a socket until it gets to it, also when the sender is
// gone by then; what it answers is heard on the newest connection alone. What happens when is drawn.
//
// A value: a copy of it is the system at that moment.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "acklog/commit_stamp.h"

namespace semel::faults {

class External {
 public:
  struct Row {
    uint64_t id;
    bool is_bad;  // the system refuses it, and its commit with it
  };
  enum class Verdict { taken, bad_rows, refused };
  struct Reply {
    CommitNumber commit;
    Verdict verdict;
    std::vector<uint64_t> bad;  // ids
  };

  explicit External(uint64_t luck) : luck_(luck) {}

  std::vector<uint64_t> effects;  // ids, in order

  const CommitNumber& last() const { return last_; }
  void reseed(uint64_t luck) { luck_ = luck; }
  bool chance(uint64_t of) { return draw() % of == 0; }

  // A new connection. What the others have sent stays in their sockets.
  uint64_t connect();
  // Raises the epoch, and then tells the newest commit; some of what lies in sockets comes before it.
  SinkAnswer begin();
  void send(uint64_t connection, const CommitStamp& stamp, std::vector<Row> rows);
  // A begin that is given up before its answer comes; it lands some time.
  void send_begin();
  // Gets to some of what lies in sockets, or to nothing.
  void work();
  std::optional<Reply> answer(uint64_t connection);
  // An older backup is put back: the newest commit is gone, but not the epoch.
  void lose_newest() { last_ = before_last_; }

 private:
  struct Request {
    bool is_begin;
    CommitStamp stamp;
    std::vector<Row> rows;
  };

  uint64_t draw();
  void land_one();
  Reply take(const Request& request);

  uint64_t luck_;
  uint64_t epoch_ = 0;
  CommitNumber last_;
  CommitNumber before_last_;
  uint64_t connection_ = 0;                           // the newest
  std::map<uint64_t, std::deque<Request>> sockets_;  // by connection, each in its order
  std::deque<Reply> replies_;                         // on the newest
};

}  // namespace semel::faults
