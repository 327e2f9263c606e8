// One history of a stream on a simulated disk: senders, a worker and a sync thread whose steps are
// interleaved by a seed, also in the middle of each other, at every operation of the disk and at every
// fault point. On its way images are taken of what a crash would leave, and judged; now and then one
// of them becomes the stream's real fate, and it goes on from there.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "faults/judge.h"

namespace semel::faults {

struct Found {
  uint64_t seed;
  std::string setting;
  Failure failure;
};

class Episode {
 public:
  // `transactional`: over such a sink, and no other.
  Episode(uint64_t seed, Crash crash, uint64_t images_max, bool transactional = false);
  ~Episode();

  // Runs to the end of the history, of the images, or to the first failure.
  std::optional<Found> run();

  // Brings the stream to rest behind its history: all is done, durable and claimed by a later ack, as
  // it is a moment after the last message. False where it has ended otherwise.
  bool rest();

  const Setting& setting() const { return setting_; }
  const Tally& tally() const { return tally_; }
  // The bytes, and what the outside knows of them, at the end; for campaigns that start from there.
  Image image() const { return disk_->survive(); }
  Witness witness() const;

 private:
  enum class Moment { step, operation, sync };
  // A crash in the middle of a step: the bytes, and what the outside knew then.
  struct Fate {
    Image image;
    Known known;
  };
  // Where a message that was taken ends in the ring.
  struct Frame {
    uint64_t sequence;
    uint64_t end;
  };

  void open();
  void close_and_open();
  Image crash();
  void crash_and_open();
  void end_of_life();
  void step();
  void interleave();
  void observe(Moment moment);
  void fail(Failure failure);
  void expect(const Status& status, const char* doing);

  void send();
  bool send_one(uint64_t id);
  void send_old_copy();
  void end_letter();
  void check_dropped();
  void work();
  void sync();
  void give_receipts();

  bool chance(uint64_t of) { return random_() % of == 0; }

  const uint64_t seed_;
  const Crash crash_;
  const uint64_t images_max_;
  Random random_;
  Setting setting_;
  const bool restless_;  // crashes come in series: what one has left behind may show at the next
  Known known_;
  std::deque<Frame> frames_;  // taken, and not known to be synced
  std::unique_ptr<SimulatedStorage> disk_;
  std::unique_ptr<Stand> stand_;
  uint64_t now_us_ = 1'000'000'000'000;
  uint64_t rows_ = 0;
  std::vector<uint64_t> unknown_;  // to be sent again
  std::map<uint64_t, bool> dropped_;  // letters that are asked to be dropped in this life: whether they were
  std::optional<Fate> fate_;       // how this life ends, as soon as the step is over
  bool sending_ = false;
  bool working_ = false;
  bool syncing_ = false;
  bool judging_ = false;
  bool has_ended_ = false;
  std::optional<Failure> failure_;
  Tally tally_;
};

}  // namespace semel::faults
