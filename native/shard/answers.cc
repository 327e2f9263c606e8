#include "shard/answers.h"

#include "core/bytes.h"
#include "shard/numbers.h"

namespace semel {
namespace {

constexpr std::size_t kHeaderBytes = 16;

}  // namespace

bool read_answers(std::span<const uint8_t> bytes, uint64_t payload_bytes_max,
                  std::vector<Answer>* answers) {
  while (!bytes.empty()) {
    if (bytes.size() < kHeaderBytes) return false;
    const auto sequence = load<double>(bytes.data());
    const uint32_t kind = load<uint32_t>(bytes.data() + 8);
    const uint64_t length = load<uint32_t>(bytes.data() + 12);
    const uint64_t span = kHeaderBytes + round_up(length, 8);
    if (!is_number(sequence) || kind < 1 ||
        kind > static_cast<uint32_t>(AnswerKind::lost) || length > payload_bytes_max ||
        span > bytes.size()) {
      return false;
    }
    answers->push_back({static_cast<uint64_t>(sequence), static_cast<AnswerKind>(kind),
                        bytes.subspan(kHeaderBytes, length)});
    bytes = bytes.subspan(span);
  }
  return true;
}

}  // namespace semel
