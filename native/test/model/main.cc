// Explores each program to its end, then each planted bug until it is found.
//
//   semel_model [--long] [--trace] [NAME …]
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "programs.h"

using namespace semel::model;

namespace {

using Make = Named (*)(const Bounds&);

struct Planted {
  Make make;
  const char* bug;
  Weakened weakened;  // without a name: the bug is in the program
};

const Make kPrograms[] = {ring_program,     group_program,       disk_program,   doorbell_program,
                          two_ringers_program, notice_program, counters_program};

const Planted kPlanted[] = {
    {ring_program, "publish() stores the tail relaxed", {Access::store, "tail", Order::release}},
    {ring_program, "tail() loads relaxed", {Access::load, "tail", Order::acquire}},
    {ring_program, "release() stores relaxed", {Access::store, "released", Order::release}},
    {ring_program, "claim() loads `released` relaxed",
     {Access::load, "released", Order::acquire}},
    {tail_first_program, "the tail is published before the frame is written", {}},
    {group_program, "the published sequence is stored relaxed",
     {Access::store, "published sequence", Order::release}},
    {group_program, "the published sequence is loaded relaxed",
     {Access::load, "published sequence", Order::acquire}},
    {disk_program, "the durable position is stored relaxed",
     {Access::store, "durable position", Order::release}},
    {disk_program, "the durable position is loaded relaxed",
     {Access::load, "durable position", Order::acquire}},
    {disk_program, "an ack block is published relaxed",
     {Access::store, "acknowledged", Order::release}},
    {disk_program, "the ack block to be synced is loaded relaxed",
     {Access::load, "acknowledged", Order::acquire}},
    {doorbell_program, "ring() has no fence", {Access::fence, "ringer", Order::seq_cst}},
    {doorbell_program, "park() has no fence", {Access::fence, "waiter", Order::seq_cst}},
    {two_ringers_program, "ring() has no fence", {Access::fence, "other ringer", Order::seq_cst}},
    {notice_program, "take() has no fence", {Access::fence, "giver", Order::seq_cst}},
    {notice_program, "want() has no fence", {Access::fence, "asker", Order::seq_cst}},
    {counters_program, "begin_change() has no fence", {Access::fence, "writer", Order::release}},
    {counters_program, "read() has no fence", {Access::fence, "reader", Order::acquire}},
    {counters_program, "end_change() stores relaxed",
     {Access::store, "version", Order::release}},
    {counters_program, "read() loads the version relaxed",
     {Access::load, "version", Order::acquire}},
};

// All variants of a program, up to the first that fails.
Report explore_all(const Named& named, const Weakened* weakened) {
  Report all;
  all.exhausted = true;
  for (const Program& program : named.programs) {
    Limits limits;
    limits.weakened = weakened;
    const Report one = explore(program, limits);
    all.executions += one.executions;
    all.states += one.states;
    all.steps += one.steps;
    all.weakened += one.weakened;
    all.seconds += one.seconds;
    all.exhausted &= one.exhausted;
    for (const auto& [what, count] : one.reached) all.reached[what] += count;
    if (!one.failed) continue;
    all.failed = true;
    all.failure = one.failure;
    all.trace = one.trace;
    break;
  }
  return all;
}

// Whether the explorer finds what C++20 allows in programs whose answer is known, and nothing else.
bool check_litmus() {
  bool ok = true;
  std::size_t count = 0;
  for (const LitmusProgram& litmus : litmus_programs()) {
    const Report report = explore(litmus.program, {});
    const bool came = report.reached.contains("the outcome in question");
    ++count;
    if (report.exhausted && came == litmus.allowed) continue;
    std::printf("litmus: %s: the outcome %s come\n", litmus.name.c_str(),
                litmus.allowed ? "should" : "should not");
    ok = false;
  }
  std::printf("%zu litmus tests %s\n\n", count, ok ? "answer as they should" : "FAILED");
  return ok;
}

void print_trace(const Report& report) {
  for (const std::string& step : report.trace) std::printf("    %s\n", step.c_str());
}

}  // namespace

int main(int count, char** words) {
  Bounds bounds;
  bool traces = false;
  std::vector<std::string> only;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--long") == 0) {
      bounds = {8, 4, 1, 3, 1, 4, 3};
    } else if (std::strcmp(words[i], "--trace") == 0) {
      traces = true;
    } else {
      only.emplace_back(words[i]);
    }
  }
  const auto is_meant = [&](const std::string& name) {
    if (only.empty()) return true;
    for (const std::string& one : only) {
      if (name.starts_with(one)) return true;
    }
    return false;
  };

  bool ok = check_litmus();
  double seconds = 0;
  std::printf("%-18s %-40s %12s %12s %14s %8s\n", "program", "", "executions", "states", "steps",
              "seconds");
  for (const Make make : kPrograms) {
    const Named named = make(bounds);
    if (!is_meant(named.name)) continue;
    const Report report = explore_all(named, nullptr);
    seconds += report.seconds;
    std::printf("%-18s %-40s %12lu %12lu %14lu %8.2f  %s\n", named.name.c_str(), named.what.c_str(),
                report.executions, report.states, report.steps, report.seconds,
                report.failed      ? report.failure.c_str()
                : report.exhausted ? "holds"
                                   : "NOT EXHAUSTED");
    std::fflush(stdout);
    if (report.failed) print_trace(report);
    ok &= report.exhausted;
    for (const std::string& what : named.must_reach) {
      if (report.reached.contains(what)) continue;
      std::printf("    never met: %s\n", what.c_str());
      ok = false;
    }
  }

  std::printf("\n%-18s %-48s %12s  %s\n", "planted in", "bug", "executions", "found as");
  for (const Planted& planted : kPlanted) {
    const Named named = planted.make(bounds);
    if (!is_meant(named.name)) continue;
    const Weakened* weakened = planted.weakened.name.empty() ? nullptr : &planted.weakened;
    const Report report = explore_all(named, weakened);
    seconds += report.seconds;
    const bool planted_at_all = weakened == nullptr || report.weakened > 0;
    std::printf("%-18s %-48s %12lu  %s\n", named.name.c_str(), planted.bug, report.executions,
                report.failed      ? report.failure.c_str()
                : planted_at_all   ? "NOT FOUND"
                                   : "NOTHING WAS PLANTED");
    std::fflush(stdout);
    if (traces) print_trace(report);
    ok &= report.failed;
  }
  std::printf("\n%s in %.1f s\n", ok ? "all programs hold, every planted bug is found" : "FAILED",
              seconds);
  return ok ? 0 : 1;
}
