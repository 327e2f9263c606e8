#include "acklog/ack_log.h"
#include "faults/scenarios.h"

namespace semel::faults {

std::optional<Found> zombie_commit(uint64_t seed, Tally* tally) {
  const auto found = [&](const std::string& text) {
    return Found{seed, "two epochs in one ack log", {"epoch", text}};
  };
  Random random(seed);
  SimulatedStorage disk;
  AckLog::Options options;
  options.storage = &disk;
  options.directory = "data";
  options.segment_bytes = 64 << 10;
  AckRecovered recovered;
  auto log = AckLog::open(options, &recovered, [](const RecoveredIds&) {});
  if (!log.is_ok()) return found(log.status().message());
  AckBlock block;
  block.header.epoch = 2 + static_cast<uint32_t>(random() % 100);
  block.header.through = random() % 100;
  tally->images += 1;
  if (auto newer = log.value()->append(block); !newer.is_ok()) return found(newer.status().message());
  block.header.epoch -= 1 + static_cast<uint32_t>(random() % (block.header.epoch - 1));
  block.header.through += random() % 3;
  if (log.value()->append(block).status().code() == Code::fenced) return std::nullopt;
  return found("a commit of an older epoch is taken");
}

}  // namespace semel::faults
