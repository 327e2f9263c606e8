#include "shard/details.h"

#include "core/bytes.h"
#include "shard/numbers.h"

namespace semel {
namespace {

constexpr std::size_t kHeaderBytes = 32;

}  // namespace

bool read_details(std::span<const uint8_t> bytes, std::vector<Detail>* details) {
  while (!bytes.empty()) {
    if (bytes.size() < kHeaderBytes) return false;
    const uint8_t* at = bytes.data();
    const uint32_t action = load<uint32_t>(at + 16);
    const uint32_t outcome = load<uint32_t>(at + 24);
    const uint64_t history = load<uint32_t>(at + 28);
    const uint64_t span = kHeaderBytes + round_up(history, 8);
    if (history > kHistoryBytesMax || span > bytes.size() || action < 1 || action > 3 ||
        outcome > static_cast<uint32_t>(Outcome::dropped) ||
        outcome == static_cast<uint32_t>(Outcome::parked)) {
      return false;
    }
    const auto sequence = load<double>(at);
    const auto due_ms = load<double>(at + 8);
    if (!is_number(sequence) || !is_number(due_ms)) return false;
    details->push_back({static_cast<uint64_t>(sequence), static_cast<Detail::Action>(action),
                        load<uint32_t>(at + 20), static_cast<uint64_t>(due_ms * 1000),
                        static_cast<Outcome>(outcome), bytes.subspan(kHeaderBytes, history)});
    bytes = bytes.subspan(span);
  }
  return true;
}

}  // namespace semel
