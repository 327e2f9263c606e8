// Runs a program of a few threads in every interleaving of their atomic accesses and with every store
// that each load may read (memory.h). The program is the real code: it is compiled with the compiler's
// thread instrumentation, whose calls land here (hooks.cc) instead of in the sanitizer's library.
//
// The threads are fibers. An execution runs from the start, following a list of choices; the next one
// differs in the last choice that has another way left (depth first). Where an execution reaches a state
// that has been met before, it ends: what follows has been seen. A state is the memory and, for each
// thread, the values that it has read so far, since a thread's own state follows from these; it is
// known by 128 bits of hash.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "memory.h"

namespace semel::model {

struct Program {
  int threads = 2;
  std::function<void()> reset;         // builds the shared objects anew, before the threads
  std::function<void(int thread)> run;
  // The shared objects' memory, where plain accesses are checked.
  void* memory = nullptr;
  uint64_t bytes = 0;
};

enum class Access : uint8_t { load, store, update, fence };

// A planted bug: this access of the real code is made as if it were relaxed.
struct Weakened {
  Access access;
  std::string name;  // of the location; of the thread where it is a fence
  Order order;       // only accesses of this order
};

struct Report {
  bool failed = false;
  bool exhausted = false;
  std::string failure;
  std::vector<std::string> trace;  // of the execution that failed
  uint64_t executions = 0;
  uint64_t states = 0;
  uint64_t steps = 0;
  uint64_t weakened = 0;  // accesses that the planted bug has changed
  double seconds = 0;
  std::map<std::string, uint64_t> reached;  // how often
};

struct Limits {
  uint64_t executions = 50'000'000;
  const Weakened* weakened = nullptr;
};

Report explore(const Program& program, const Limits& limits);

// ---- for `reset` ----

// Names the location of the last atomic load that `access` makes.
void name_location(const char* name, const std::function<void()>& access);
void name_thread(int thread, const char* name);

// ---- for `run` ----

// Ends the exploration with a failure where it does not hold.
void expect(bool holds, const char* what);
// Something that the exploration must have met to mean anything: counted in the report.
void reached(const char* what);
// Waits until one of the locations that this thread has loaded since its last wait holds something
// newer than what it saw there. Looking again before that would only show the same.
void await_newer();
// A loop that would look again at what it has seen: this execution is the same as one that waits.
void discard();
// Sleeps until somebody calls wake(); a wake that comes first is kept. Both are full barriers.
void sleep();
void wake(int thread);
// The value that this thread read last from the location of that name; makes no access.
uint64_t seen(const char* name);

// ---- for the hooks ----

bool inside();  // a thread of the program runs
uint64_t atomic_load(uintptr_t address, uint64_t initial, Order order);
void atomic_store(uintptr_t address, uint64_t initial, uint64_t value, Order order);
uint64_t atomic_update(uintptr_t address, uint64_t initial, Order order, const Update& make);
void atomic_fence(Order order);
void plain_access(const volatile void* address, uint64_t bytes, bool is_write);
void loaded_outside(uintptr_t address);
// The kernel's compare-and-sleep. False where the word is another.
bool futex_wait(uintptr_t address, uint64_t initial, uint64_t expected);
void futex_wake(uintptr_t address);

}  // namespace semel::model
