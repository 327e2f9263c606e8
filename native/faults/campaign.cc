// The campaigns on the simulated disk, as a program. `npm run faults` runs it.
//
//   semel_faults --power-loss 20000 --deaths 5000 --damage 5000 --failed-syncs 200 --seed 1
//                [--json FILE] [--planted BUG] [--sink transactional]
//   semel_faults --power-loss 1000 --episode 123    one history again, by the seed that a failure named
//   semel_faults --bugs                             which bugs there are to plant
//
// Exit code: 0 where all is well, 1 where something was found, 2 for wrong words.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>

#include "faults/episode.h"
#include "faults/points.h"
#include "faults/scenarios.h"

namespace semel::faults {
namespace {

constexpr uint64_t kImagesOfEpisode = 400;
constexpr uint64_t kDamagesOfEpisode = 200;

struct Words {
  uint64_t seed = 1;
  uint64_t power_loss = 0;
  uint64_t deaths = 0;
  uint64_t damage = 0;
  uint64_t failed_syncs = 0;
  std::optional<uint64_t> episode;
  bool transactional = false;  // histories over such a sink alone
  std::string json;
  std::string planted;
};

struct Row {
  std::string fault;
  Tally tally;
  std::optional<Found> found;
  double seconds = 0;
};

Row run_episodes(const char* fault, Crash crash, uint64_t images, const Words& words) {
  Row row{fault, {}, std::nullopt, 0};
  const auto started = std::chrono::steady_clock::now();
  Random seeds(words.seed * 2 + (crash == Crash::power_loss ? 0 : 1));
  while (!row.found && row.tally.images < images) {
    const uint64_t seed = words.episode.value_or(seeds());
    Episode episode(seed, crash, std::min(kImagesOfEpisode, images - row.tally.images),
                    words.transactional);
    row.found = episode.run();
    row.tally.add(episode.tally());
    if (words.episode) break;
  }
  row.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return row;
}

using Scenario = std::function<std::optional<Found>(uint64_t seed, Tally* tally)>;

Row run_scenario(const char* fault, uint64_t cases, const Words& words, const Scenario& scenario) {
  Row row{fault, {}, std::nullopt, 0};
  const auto started = std::chrono::steady_clock::now();
  Random seeds(words.seed * 2 + 1);
  for (uint64_t tries = 0; !row.found && row.tally.images < cases && tries < 2 * cases; ++tries) {
    row.found = scenario(words.episode.value_or(seeds()), &row.tally);
    if (words.episode) break;
  }
  row.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return row;
}

void print(const Row& row) {
  const Tally& tally = row.tally;
  std::printf("%-24s %9lu cases %11lu acknowledged %5lu lost %5lu twice %5lu out of order"
              " %9lu redelivered %7lu torn %6lu refused %7.1f s\n",
              row.fault.c_str(), tally.images, tally.acknowledged, tally.lost, tally.twice,
              tally.out_of_order, tally.redelivered, tally.torn, tally.refused, row.seconds);
  if (!row.found) return;
  std::printf("  %s: %s\n  in an episode of %s; again: --episode %lu\n",
              row.found->failure.check.c_str(), row.found->failure.text.c_str(),
              row.found->setting.c_str(), row.found->seed);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out += '\\';
    out += static_cast<unsigned char>(letter) < 0x20 ? ' ' : letter;
  }
  return out + '"';
}

void write_json(const std::string& path, const std::vector<Row>& rows) {
  std::ofstream file(path);
  file << "[";
  for (const Row& row : rows) {
    const Tally& tally = row.tally;
    file << (&row == rows.data() ? "" : ",") << "\n{\"fault\":" << quoted(row.fault)
         << ",\"cases\":" << tally.images << ",\"acknowledged\":" << tally.acknowledged
         << ",\"lost\":" << tally.lost << ",\"twice\":" << tally.twice
         << ",\"outOfOrder\":" << tally.out_of_order << ",\"redelivered\":" << tally.redelivered
         << ",\"repeated\":" << tally.repeated << ",\"torn\":" << tally.torn
         << ",\"refused\":" << tally.refused << ",\"seconds\":" << row.seconds;
    if (row.found) {
      file << ",\"check\":" << quoted(row.found->failure.check)
           << ",\"text\":" << quoted(row.found->failure.text)
           << ",\"setting\":" << quoted(row.found->setting)
           << ",\"episode\":" << quoted(std::to_string(row.found->seed));
    }
    file << "}";
  }
  file << "\n]\n";
}

bool read_words(int count, char** words, Words* into) {
  for (int at = 1; at < count; ++at) {
    const std::string word = words[at];
    if (word == "--bugs") {
      for (const BugName& bug : bugs()) std::printf("%s\t%s\n", bug.name.c_str(), bug.text.c_str());
      std::exit(0);
    }
    if (at + 1 == count) return false;
    const char* value = words[++at];
    const uint64_t number = std::strtoull(value, nullptr, 10);
    if (word == "--seed") {
      into->seed = number;
    } else if (word == "--power-loss") {
      into->power_loss = number;
    } else if (word == "--deaths") {
      into->deaths = number;
    } else if (word == "--damage") {
      into->damage = number;
    } else if (word == "--failed-syncs") {
      into->failed_syncs = number;
    } else if (word == "--episode") {
      into->episode = number;
    } else if (word == "--sink") {
      if (std::strcmp(value, "transactional") != 0) return false;
      into->transactional = true;
    } else if (word == "--json") {
      into->json = value;
    } else if (word == "--planted") {
      into->planted = value;
    } else {
      return false;
    }
  }
  return true;
}

int run(int count, char** arguments) {
  Words words;
  if (!read_words(count, arguments, &words)) {
    std::fprintf(stderr, "usage: the first lines of native/faults/campaign.cc\n");
    return 2;
  }
  if (!words.planted.empty()) {
    const std::optional<Bug> bug = bug_named(words.planted);
    if (!bug) {
      std::fprintf(stderr, "there is no bug %s; --bugs lists them\n", words.planted.c_str());
      return 2;
    }
    plant(*bug);
  }
  std::vector<Row> rows;
  if (words.power_loss > 0) {
    rows.push_back(run_episodes("power loss", Crash::power_loss, words.power_loss, words));
  }
  if (words.deaths > 0) {
    rows.push_back(run_episodes("process death", Crash::process_death, words.deaths, words));
  }
  if (words.damage > 0) {
    rows.push_back(run_scenario("damage", words.damage, words, [](uint64_t seed, Tally* tally) {
      return damage(seed, kDamagesOfEpisode, tally);
    }));
  }
  if (words.failed_syncs > 0) {
    rows.push_back(run_scenario("failed sync", words.failed_syncs, words, failed_sync));
    rows.push_back(run_scenario("zombie commit", words.failed_syncs, words, zombie_commit));
  }
  bool found = false;
  for (const Row& row : rows) {
    print(row);
    found |= row.found.has_value();
  }
  if (!words.json.empty()) write_json(words.json, rows);
  return found ? 1 : 0;
}

}  // namespace
}  // namespace semel::faults

int main(int count, char** arguments) { return semel::faults::run(count, arguments); }
