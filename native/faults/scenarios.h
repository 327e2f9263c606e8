// What the histories of an Episode do not bring about by themselves.
#pragma once

#include <optional>

#include "faults/episode.h"

namespace semel::faults {

// A commit in an older epoch, from a worker that does not know that it has been replaced (I8).
std::optional<Found> zombie_commit(uint64_t seed, Tally* tally);

// A stream with its sync thread on a disk whose n-th sync fails, or finds no space; then the power
// goes. What had a receipt by then must be there (I9).
std::optional<Found> failed_sync(uint64_t seed, Tally* tally);

// A directory with one of its bytes changed, or one of its files cut, emptied, removed or swapped: it
// is refused with the file's name, or recovered without the loss of a message that an ack block or a
// clean close says to be stored. `cases` of them to one history.
std::optional<Found> damage(uint64_t seed, uint64_t cases, Tally* tally);

}  // namespace semel::faults
