#include "faults/points.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

namespace semel {
namespace faults {
namespace {

thread_local std::function<void(const char* name)> passed_here;

struct Settings {
  std::string point;
  uint64_t passage = 0;
  std::string list;
  std::atomic<Bug> planted{Bug::none};
  std::atomic<uint64_t> passed{0};
  std::mutex listed_mutex;
  std::set<std::string> listed;

  Settings() {
    if (const char* given = std::getenv("SEMEL_FAULT_POINT")) {
      const std::string text = given;
      const std::size_t colon = text.rfind(':');
      point = text.substr(0, colon);
      passage = colon == std::string::npos ? 1 : std::strtoull(&text[colon + 1], nullptr, 10);
    }
    if (const char* given = std::getenv("SEMEL_FAULT_LIST")) list = given;
    if (const char* given = std::getenv("SEMEL_PLANTED")) {
      const std::optional<Bug> bug = bug_named(given);
      if (!bug.has_value()) {
        std::fprintf(stderr, "SEMEL_PLANTED=%s: there is no such bug\n", given);
        std::abort();
      }
      planted = *bug;
    }
  }
};

Settings& settings() {
  // Never destroyed: threads may pass points while the process's statics go.
  static Settings* const made = new Settings();
  return *made;
}

void list_point(Settings& chosen, const char* name) {
  const std::lock_guard guard(chosen.listed_mutex);
  if (!chosen.listed.insert(name).second) return;
  const int fd = ::open(chosen.list.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  const std::string line = std::string(name) + "\n";
  if (::write(fd, line.data(), line.size()) < 0) std::perror(chosen.list.c_str());
  ::close(fd);
}

}  // namespace

const std::vector<BugName>& bugs() {
  static const std::vector<BugName> all = [] {
    std::vector<BugName> names{
#define SEMEL_BUG(name, text) {Bug::name, #name, text},
        SEMEL_PLANTED_BUGS(SEMEL_BUG)
#undef SEMEL_BUG
    };
    for (BugName& one : names) {
      for (char& letter : one.name) {
        if (letter == '_') letter = '-';
      }
    }
    return names;
  }();
  return all;
}

std::optional<Bug> bug_named(const std::string& name) {
  for (const BugName& one : bugs()) {
    if (one.name == name) return one.bug;
  }
  return std::nullopt;
}

void on_point(std::function<void(const char* name)> passed) { passed_here = std::move(passed); }

void plant(Bug bug) { settings().planted.store(bug, std::memory_order_relaxed); }

}  // namespace faults

bool planted(Bug bug) {
  return faults::settings().planted.load(std::memory_order_relaxed) == bug;
}

void fault_point(const char* name) {
  if (faults::passed_here) faults::passed_here(name);
  faults::Settings& chosen = faults::settings();
  if (!chosen.list.empty()) faults::list_point(chosen, name);
  if (chosen.passage == 0 || chosen.point != name) return;
  if (chosen.passed.fetch_add(1, std::memory_order_relaxed) + 1 == chosen.passage) {
    ::kill(::getpid(), SIGKILL);
  }
}

}  // namespace semel
