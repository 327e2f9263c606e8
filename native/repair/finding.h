// One thing that is not as it should be, as every lenient reader tells it.
#pragma once

#include <cstdint>
#include <string>

namespace semel {

enum class FindingKind { damage, missing, foreign, torn_tail, leftover };

constexpr bool is_damage(FindingKind kind) {
  return kind == FindingKind::damage || kind == FindingKind::missing ||
         kind == FindingKind::foreign;
}

constexpr int kWholeDirectory = -1;

struct Finding {
  FindingKind kind = FindingKind::damage;
  std::string path;
  uint64_t offset = 0;
  std::string what;
  int shard = kWholeDirectory;
};

}  // namespace semel
