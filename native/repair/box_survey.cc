#include "repair/box_survey.h"

#include <algorithm>

#include "repair/byte_mend.h"
#include "shard/box.h"

namespace semel {
namespace {

constexpr int kShapes = 64;  // src/runtime/message/structures.ts

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

std::string list_of(uint64_t count, const std::string& entry, bool numbered) {
  std::string text = "[";
  for (uint64_t at = 0; at < count; ++at) {
    text += at == 0 ? "" : ",";
    text += numbered ? "\"" + entry + std::to_string(at) + "\"" : entry;
  }
  return text + "]";
}

// Highest partition number that any shard knows, plus one.
uint64_t partitions_of(const std::vector<ShardSurvey>& shards, const Manifest& manifest) {
  uint64_t count = 0;
  for (const ShardSurvey& shard : shards) {
    for (const SourceOffset& one : shard.state.sources) {
      count = std::max<uint64_t>(count, one.partition + 1ull);
    }
    if (shard.journal.bytes.size() <= kJournalHeaderBytes) continue;
    auto& content = const_cast<std::vector<uint8_t>&>(shard.journal.bytes);
    const auto ring = std::span<uint8_t>(content).subspan(kJournalHeaderBytes);
    const uint32_t seed = journal_seed({manifest.salt, shard.shard, manifest.ring_bytes});
    for (const FrameRun& run : find_runs_in_any_lap(ring, seed, 0, 0)) {
      scan_journal(ring, seed, run.position, run.before, [&](const uint8_t* frame, uint64_t meta) {
        if (!meta_has_source(meta)) return;
        count = std::max<uint64_t>(count, full_source(frame, meta).partition + 1ull);
      });
    }
  }
  return count;
}

// Messages that are neither done nor decodable.
void lose_undecodable(DirectorySurvey& survey) {
  for (std::size_t i = 0; i < survey.shards.size(); ++i) {
    const ShardSurvey& shard = survey.shards[i];
    Ranges lost;
    lost.add(shard.state.header.through + 1, shard.mended.sequence);
    for (const Parked& one : shard.state.parked) lost.add(one.sequence, one.sequence);
    survey.found.shards[i].stake.lost.add(lost);
  }
}

}  // namespace

Result<std::vector<uint8_t>> survey_box(Storage& storage, const std::string& directory,
                                        const std::string& name, DirectorySurvey& survey) {
  const Manifest& manifest = *survey.manifest;
  const std::string path = directory + "/" + name;
  auto exists = storage.exists(path);
  if (!exists.is_ok()) return exists.status();
  if (exists.value()) {
    auto bytes = read_whole(storage, path);
    if (!bytes.is_ok()) return bytes.status();
    if (auto mended = mend_box(bytes.value(), name, manifest.salt)) {
      mended->erase(mended->begin(), mended->begin() + kBoxHeaderBytes);
      return *mended;
    }
  }
  if (name == "structures") {
    lose_undecodable(survey);
    return bytes_of(list_of(kShapes, "[]", false));
  }
  if (name == "sources") {
    return bytes_of(list_of(partitions_of(survey.shards, manifest), "lost by repair ", true));
  }
  if (name == kShardsBox) return bytes_of(std::to_string(manifest.shards));
  return std::vector<uint8_t>();
}

}  // namespace semel
