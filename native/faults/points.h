// Chooses what faults.h does in a build that has it. From the environment at the start:
//   SEMEL_FAULT_POINT=name:n   kill -9 of the process at the n-th passage of the point
//   SEMEL_FAULT_LIST=FILE      writes the names of the points that were passed, each once
//   SEMEL_PLANTED=name         plants a bug
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/faults.h"

namespace semel::faults {

struct BugName {
  Bug bug;
  std::string name;
  std::string text;
};

const std::vector<BugName>& bugs();
std::optional<Bug> bug_named(const std::string& name);
// Not while another thread is in the core.
void plant(Bug bug);
// Called at every point that this thread passes; empty: nothing is.
void on_point(std::function<void(const char* name)> passed);

}  // namespace semel::faults
