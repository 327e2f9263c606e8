#include <string>

#include "shard/door.h"

namespace semel {
namespace {

// Why a letter that was asked for one end can't have the other.
const char* other_end(DeadLetters::How asked) {
  return asked == DeadLetters::How::retried
             ? " is being sent again, and can't be dropped any more; where its message fails once more, "
               "drop the letter of that"
             : " is being dropped, and can't be sent again any more; send its message anew";
}

Status refused(uint64_t number, const char* why) {
  return {Code::invalid_argument, "dead letter " + std::to_string(number) + why};
}

}  // namespace

Result<bool> Door::end_letter(uint32_t index, uint64_t number, DeadLetters::How how) {
  Shard& shard = stream_.shard(index);
  DeadLetters* letters = shard.dead_letters();
  if (letters == nullptr || !letters->shows(number)) {
    return Status{Code::invalid_argument, "shard " + std::to_string(index) +
                                              " has no open dead letter " +
                                              std::to_string(number) +
                                              "; list them for their numbers"};
  }
  if (const auto asked = letters->asked(number); asked.has_value()) {
    if (*asked == how) return true;
    return refused(number, other_end(*asked));
  }
  shard.intake().begin(stream_.clock().now_us());
  bool fits;
  if (how == DeadLetters::How::retried) {
    auto retried = append_retry(shard, number);
    if (!retried.is_ok()) return retried;
    fits = retried.value();
  } else {
    fits = append_drop(shard, number);
  }
  if (fits) letters->ask(number, how);
  stream_.publish(index);
  return fits;
}

Result<bool> Door::append_retry(Shard& shard, uint64_t number) {
  auto letter = shard.dead_letters()->read(number);
  if (!letter.is_ok()) return letter.status();
  if (letter.value().type == static_cast<uint8_t>(FrameType::malformed)) {
    return refused(number,
                   " is a row that could not be read, and so no message to send again; send the "
                   "corrected row as a new message, then drop the letter");
  }
  const std::vector<uint8_t>& payload = letter.value().payload;
  FrameHeader header;
  header.type = FrameType::retry;
  header.id = {number, kInternalHigh};
  header.id_kind = IdKind::wide;
  const void* bytes = payload.empty() ? static_cast<const void*>("") : payload.data();
  return shard.intake().append_full(header, bytes, static_cast<uint32_t>(payload.size()));
}

bool Door::append_drop(Shard& shard, uint64_t number) {
  FrameHeader header;
  header.type = FrameType::drop;
  return shard.intake().append_full(header, &number, sizeof number);
}

}  // namespace semel
