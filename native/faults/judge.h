// Recovers what a crash left, lets it run to the end, and holds it against the ledger. Nothing of the
// stream that crashed is believed: only the bytes, the sink's effects, the dead letters, and what the
// senders know.
//
// Outcomes are ok (has a receipt: must appear), unknown (was sent: may appear, once) and never sent
// (must not appear).
#pragma once

#include <optional>
#include <string>

#include "faults/stand.h"

namespace semel::faults {

enum class Crash { process_death, power_loss };

struct Failure {
  std::string check;  // which assertion, in a word or two
  std::string text;
};

struct Tally {
  uint64_t images = 0;
  uint64_t acknowledged = 0;
  uint64_t lost = 0;
  uint64_t twice = 0;
  uint64_t out_of_order = 0;
  uint64_t refused = 0;      // at a level that does not survive this crash
  uint64_t redelivered = 0;
  uint64_t repeated = 0;     // effects that at-least-once had again
  uint64_t torn = 0;         // images with a torn tail

  void add(const Tally& other);
};

// What the outside knows at the moment of the crash.
struct Known {
  explicit Known(Ledger start) : ledger(std::move(start)) {}

  Ledger ledger;
  External external{1};
  uint32_t epoch = 0;             // of the stream that crashed, 0 before the first opening ended
  uint64_t durable_sequence = 0;  // whose frame, and all before it, it had synced
  uint64_t sequence = 0;          // of the newest message that it had taken, or begun to take
};

struct Witness {
  const Setting& setting;
  const Known& known;
  uint64_t now_us;
  uint32_t epoch;  // as is known, or 0 where the image may be of an older one
};

std::optional<Failure> judge(const Image& image, Crash crash, const Witness& witness, Random& random,
                             Tally* tally);

}  // namespace semel::faults
