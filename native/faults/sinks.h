// Where effects go. An effect is two legs, a debit and a credit of one transfer, so that a reader who
// sees one without the other has caught a commit in the middle.
//
//   rewindable  a file on the simulated disk, cut back to its committed place; what was not synced
//               may be lost with the rest
//   external    somebody else's system, which has had every effect from the moment it was written:
//               idempotent or repeatable by what the episode asks of it, or transactional, and then the
//               worker's to write to (transactional_worker.h)
#pragma once

#include <memory>
#include <vector>

#include "core/storage.h"
#include "faults/external.h"

namespace semel::faults {

enum class SinkKind { rewindable, idempotent, repeatable, transactional };

class Sink {
 public:
  virtual ~Sink() = default;
  // Back to `place`; -1: nothing was committed yet, and what is there stays.
  virtual Status begin(int64_t place) = 0;
  virtual Status write(const std::vector<uint64_t>& ids) = 0;
  virtual Status flush() = 0;
  virtual int64_t place() const = 0;  // -1: it has none
  // The effects up to `place`, in order, twice where there are two; fails where a leg is missing.
  virtual Result<std::vector<uint64_t>> effects(int64_t place) const = 0;
};

std::unique_ptr<Sink> file_sink(Storage& storage, const std::string& directory);
// `external` outlives it, and the stream's crashes.
std::unique_ptr<Sink> external_sink(External& external);

}  // namespace semel::faults
