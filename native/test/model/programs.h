// What the explorer runs: the product's headers in the hands of two or three threads.
#pragma once

#include <string>
#include <vector>

#include "explorer.h"

namespace semel::model {

// How far the explorations go.
struct Bounds {
  // Sent by the producer while the others run.
  uint32_t messages = 6;
  uint32_t messages_of_group = 3;
  uint32_t messages_of_disk = 1;
  uint32_t rings = 3;        // of a doorbell with one ringer
  uint32_t rings_of_two = 1;  // of the first of two
  uint32_t notices = 3;
  uint32_t changes = 2;  // of the counters
};

struct Named {
  std::string name;
  std::string what;  // in a few words, for the table
  std::vector<Program> programs;  // its variants
  std::vector<std::string> must_reach = {};
};

// The ring with its intake: a producer, and a consumer that reads and releases.
Named ring_program(const Bounds& bounds);
// The same with the two parts of a send in the wrong order: a planted bug.
Named tail_first_program(const Bounds& bounds);
// As the sync thread reads it: the published sequence first, then the tail.
Named group_program(const Bounds& bounds);
// Three threads as at `disk`: the worker sees what the sync thread has synced, and the sync thread
// releases what the worker has acknowledged.
Named disk_program(const Bounds& bounds);
// A consumer that parks on a doorbell, which the producer rings.
Named doorbell_program(const Bounds& bounds);
// … which two threads ring, each for work of its own.
Named two_ringers_program(const Bounds& bounds);
// A producer that finds the ring full and asks for a notice.
Named notice_program(const Bounds& bounds);
// A reader of several counters beside their writer.
Named counters_program(const Bounds& bounds);

// Small programs with a known answer.
struct LitmusProgram {
  std::string name;
  Program program;
  bool allowed;  // whether the outcome in question can come
};
std::vector<LitmusProgram> litmus_programs();

}  // namespace semel::model
