#include "explorer.h"

#include <setjmp.h>
#include <ucontext.h>

#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <unordered_set>

namespace semel::model {
namespace {

constexpr uint64_t kStackBytes = 256 << 10;
constexpr uint64_t kStepsMax = 2000;  // of one execution: more is a loop that never ends

enum class Pending : uint8_t {
  go_on,  // behind a sleep on a futex
  start,
  load,
  store,
  update,
  fence,
  await,
  sleep,
  wake,
  futex_wait,
  futex_wake,
  done,
};

struct Operation {
  Pending kind = Pending::go_on;
  int location = -1;
  uint64_t value = 0;
  Order order = Order::relaxed;
  const Update* make = nullptr;
  int other = -1;
};

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  jmp_buf base;     // where a body begins
  jmp_buf resume;   // in the middle of its operation
  Operation pending;
  uint64_t result = 0;
  uint64_t read_so_far = 0;  // folded: what its own state follows from
  uint32_t loaded = 0;       // locations since its last wait, a bit each
  bool woken = false;
  int asleep_on = -1;        // a futex's location
  std::string name;
};

struct Choice {
  uint32_t way;
  uint32_t ways;
};

struct KeyHash {
  std::size_t operator()(const std::pair<uint64_t, uint64_t>& key) const { return key.first; }
};

class Explorer {
 public:
  Explorer() : memory_([this](uint32_t ways) { return choose(ways); }) {}

  Report explore(const Program& program, const Limits& limits);

  // The running thread makes its next operation; returns when the schedule lets it go on.
  uint64_t perform(Operation operation);
  [[noreturn]] void end_execution() { _longjmp(main_, 1); }
  [[noreturn]] void fail(std::string what);

  int location_of(uintptr_t address, uint64_t initial) { return memory_.location(address, initial); }
  int running() const { return running_; }
  Memory& memory() { return memory_; }
  void reach(const char* what) { ++report_.reached[what]; }

  std::map<std::string, uintptr_t> names;
  uintptr_t loaded_outside = 0;
  std::string thread_names[kThreadsMax];

 private:
  static void enter();
  void make_fibers();
  uint32_t choose(uint32_t ways);
  void run_once();
  void schedule();
  bool is_enabled(int thread) const;
  uint32_t newer(int thread) const;
  uint64_t execute(int thread);
  Order weakened(int thread, Access access, const Operation& operation);
  std::string describe(int thread, const Operation& operation, uint64_t result) const;
  std::string name_of(int location) const;
  bool met_before();

  const Program* program_ = nullptr;
  const Limits* limits_ = nullptr;
  Report report_;
  Memory memory_;
  Fiber fibers_[kThreadsMax];
  ucontext_t made_in_;
  int running_ = -1;
  uint64_t steps_ = 0;
  std::vector<Choice> choices_;
  std::size_t next_choice_ = 0;
  std::unordered_set<std::pair<uint64_t, uint64_t>, KeyHash> met_;
  std::vector<std::string> trace_;
  bool tracing_ = false;
  jmp_buf main_;
};

Explorer instance;
Explorer* const the = &instance;

uint32_t Explorer::choose(uint32_t ways) {
  if (ways <= 1) return 0;
  if (next_choice_ == choices_.size()) choices_.push_back({0, ways});
  return choices_[next_choice_++].way;
}

// A fiber's stack begins here and is used for every execution: it jumps back to `base`.
void Explorer::enter() {
  Fiber& fiber = the->fibers_[the->running_];
  if (_setjmp(fiber.base) == 0) setcontext(&the->made_in_);
  the->program_->run(the->running_);
  Operation done;
  done.kind = Pending::done;
  the->perform(done);
  std::abort();
}

void Explorer::make_fibers() {
  for (running_ = 0; running_ < kThreadsMax; ++running_) {
    Fiber& fiber = fibers_[running_];
    fiber.stack = std::make_unique<char[]>(kStackBytes);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Explorer::enter, 0);
    swapcontext(&made_in_, &fiber.context);
  }
  running_ = -1;
}

bool Explorer::is_enabled(int thread) const {
  const Fiber& fiber = fibers_[thread];
  switch (fiber.pending.kind) {
    case Pending::done: return false;
    case Pending::await: return newer(thread) != 0;
    case Pending::sleep: return fiber.woken;
    default: return fiber.asleep_on < 0;
  }
}

// The locations, a bit each, where a waiting thread would see something new.
uint32_t Explorer::newer(int thread) const {
  uint32_t found = 0;
  for (int location = 0; location < kLocationsMax; ++location) {
    if ((fibers_[thread].loaded >> location & 1) != 0 && memory_.has_newer(thread, location)) {
      found |= 1u << location;
    }
  }
  return found;
}

Order Explorer::weakened(int thread, Access access, const Operation& operation) {
  const Weakened* weakened = limits_->weakened;
  if (weakened == nullptr || weakened->access != access || weakened->order != operation.order) {
    return operation.order;
  }
  const bool meant = access == Access::fence ? weakened->name == thread_names[thread]
                                             : weakened->name == name_of(operation.location);
  if (!meant) return operation.order;
  ++report_.weakened;
  return Order::relaxed;
}

uint64_t Explorer::execute(int thread) {
  Fiber& fiber = fibers_[thread];
  const Operation& operation = fiber.pending;
  switch (operation.kind) {
    case Pending::load:
      return memory_.load(thread, operation.location, weakened(thread, Access::load, operation));
    case Pending::store:
      memory_.store(thread, operation.location, operation.value,
                    weakened(thread, Access::store, operation));
      return 0;
    case Pending::update:
      return memory_.update(thread, operation.location,
                            weakened(thread, Access::update, operation), *operation.make);
    case Pending::fence:
      memory_.fence(thread, weakened(thread, Access::fence, operation));
      return 0;
    case Pending::await: {
      uint32_t found = newer(thread);
      for (uint32_t skip = choose(static_cast<uint32_t>(std::popcount(found))); skip > 0; --skip) {
        found &= found - 1;
      }
      fiber.loaded = 0;
      memory_.advance(thread, std::countr_zero(found));
      return static_cast<uint64_t>(std::countr_zero(found));
    }
    case Pending::sleep:
      reach("a sleep");
      fiber.woken = false;
      memory_.fence(thread, Order::seq_cst);
      return 0;
    case Pending::wake:
      memory_.fence(thread, Order::seq_cst);
      fibers_[operation.other].woken = true;
      return 0;
    case Pending::futex_wait: {
      // The kernel compares under a lock, behind a full barrier.
      memory_.fence(thread, Order::seq_cst);
      const bool sleeps =
          memory_.load(thread, operation.location, Order::relaxed) == operation.value;
      if (sleeps) fiber.asleep_on = operation.location;
      reach(sleeps ? "a sleep" : "a flag that was taken down before the sleep");
      return sleeps;
    }
    case Pending::futex_wake:
      memory_.fence(thread, Order::seq_cst);
      for (Fiber& other : fibers_) {
        if (other.asleep_on == operation.location) other.asleep_on = -1;
      }
      return 0;
    case Pending::go_on: return 1;
    case Pending::start:
    case Pending::done: break;
  }
  return 0;
}

bool Explorer::met_before() {
  uint64_t key[2] = {1, 2};
  memory_.fold_into(key);
  for (int i = 0; i < program_->threads; ++i) {
    const Fiber& fiber = fibers_[i];
    for (const uint64_t word :
         {fiber.read_so_far, uint64_t{fiber.woken}, static_cast<uint64_t>(fiber.asleep_on + 1)}) {
      key[0] = (key[0] ^ word) * 0x9E3779B97F4A7C15ull;
      key[0] ^= key[0] >> 32;
      key[1] = (key[1] + word) * 0xC2B2AE3D27D4EB4Full;
      key[1] ^= key[1] >> 32;
    }
  }
  return !met_.emplace(key[0], key[1]).second;
}

// Called where every thread has said what it does next: takes one of them and makes its operation.
void Explorer::schedule() {
  for (;;) {
    int enabled[kThreadsMax];
    uint32_t count = 0;
    bool all_done = true;
    for (int i = 0; i < program_->threads; ++i) {
      all_done &= fibers_[i].pending.kind == Pending::done;
      if (is_enabled(i)) enabled[count++] = i;
    }
    if (all_done) end_execution();
    if (count == 0) fail("every thread waits, and none will be woken");
    if (++steps_ > kStepsMax) fail("an execution does not end");
    // Beyond what is being repeated every state is new, or was met on another way.
    if (next_choice_ == choices_.size() && met_before()) end_execution();
    const int thread = enabled[choose(count)];
    Fiber& fiber = fibers_[thread];
    fiber.result = execute(thread);
    memory_.tick(thread);
    ++report_.steps;
    if (tracing_) trace_.push_back(describe(thread, fiber.pending, fiber.result));
    fiber.read_so_far = (fiber.read_so_far + fiber.result + 1) * 0x9E3779B97F4A7C15ull;
    fiber.read_so_far ^= fiber.read_so_far >> 31;
    if (fiber.asleep_on < 0) {
      running_ = thread;
      return;
    }
    fiber.pending = {};
  }
}

uint64_t Explorer::perform(Operation operation) {
  const int me = running_;
  fibers_[me].pending = operation;
  if (operation.kind == Pending::load) fibers_[me].loaded |= 1u << operation.location;
  if (_setjmp(fibers_[me].resume) == 0) {
    // First every thread runs up to its first operation.
    const int next = me + 1;
    if (next < program_->threads && fibers_[next].pending.kind == Pending::start) {
      running_ = next;
      _longjmp(fibers_[next].base, 1);
    }
    schedule();
    if (running_ != me) _longjmp(fibers_[running_].resume, 1);
  }
  return fibers_[running_].result;
}

void Explorer::fail(std::string what) {
  report_.failed = true;
  report_.failure = std::move(what);
  end_execution();
}

void Explorer::run_once() {
  running_ = -1;
  steps_ = 0;
  next_choice_ = 0;
  program_->reset();
  memory_.reset(program_->threads);
  for (int i = 0; i < program_->threads; ++i) {
    Fiber& fiber = fibers_[i];
    fiber.pending = {};
    fiber.pending.kind = Pending::start;
    fiber.read_so_far = 0;
    fiber.loaded = 0;
    fiber.woken = false;
    fiber.asleep_on = -1;
  }
  if (_setjmp(main_) != 0) {
    running_ = -1;
    return;
  }
  running_ = 0;
  _longjmp(fibers_[0].base, 1);
}

Report Explorer::explore(const Program& program, const Limits& limits) {
  const auto begin = std::chrono::steady_clock::now();
  program_ = &program;
  limits_ = &limits;
  if (fibers_[0].stack == nullptr) make_fibers();
  report_ = {};
  choices_.clear();
  met_.clear();
  memory_.track(reinterpret_cast<uintptr_t>(program.memory),
                reinterpret_cast<uintptr_t>(program.memory) + program.bytes);
  for (;;) {
    ++report_.executions;
    run_once();
    if (report_.failed) break;
    while (!choices_.empty() && choices_.back().way + 1 == choices_.back().ways) choices_.pop_back();
    if (choices_.empty()) {
      report_.exhausted = true;
      break;
    }
    if (report_.executions == limits.executions) break;
    ++choices_.back().way;
  }
  report_.states = met_.size();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  report_.seconds = took.count();
  if (report_.failed) {
    // Once more, telling each step.
    Report first = report_;
    met_.clear();
    trace_.clear();
    tracing_ = true;
    run_once();
    tracing_ = false;
    first.trace = std::move(trace_);
    report_ = std::move(first);
  }
  return report_;
}

std::string Explorer::name_of(int location) const {
  if (location < 0) return "?";
  for (const auto& [name, address] : names) {
    if (address == memory_.address_of(location)) return name;
  }
  return "atomic " + std::to_string(location);
}

std::string Explorer::describe(int thread, const Operation& operation, uint64_t result) const {
  static const char* const kOrders[] = {"relaxed", "consume", "acquire",
                                        "release", "acq_rel", "seq_cst"};
  const std::string who = thread_names[thread] + ": ";
  const std::string where = name_of(operation.location);
  const std::string order = std::string(" (") + kOrders[static_cast<int>(operation.order)] + ")";
  switch (operation.kind) {
    case Pending::load: return who + where + " reads " + std::to_string(result) + order;
    case Pending::store:
      return who + where + " becomes " + std::to_string(operation.value) + order;
    case Pending::update: return who + where + " is updated from " + std::to_string(result) + order;
    case Pending::fence: return who + "fence" + order;
    case Pending::await: return who + "looks again at " + name_of(static_cast<int>(result));
    case Pending::sleep: return who + "was woken";
    case Pending::wake: return who + "wakes " + thread_names[operation.other];
    case Pending::futex_wait:
      return who + (result != 0 ? "sleeps on " : "does not sleep on ") + where;
    case Pending::futex_wake: return who + "wakes who sleeps on " + where;
    case Pending::go_on:
    case Pending::start:
    case Pending::done: break;
  }
  return who + "goes on";
}

}  // namespace

Report explore(const Program& program, const Limits& limits) { return the->explore(program, limits); }

void name_location(const char* name, const std::function<void()>& access) {
  the->loaded_outside = 0;
  access();
  the->names[name] = the->loaded_outside;
}

void name_thread(int thread, const char* name) { the->thread_names[thread] = name; }

void expect(bool holds, const char* what) {
  if (!holds) the->fail(what);
}

void reached(const char* what) { the->reach(what); }

void await_newer() {
  Operation operation;
  operation.kind = Pending::await;
  the->perform(operation);
}

void discard() { the->end_execution(); }

void sleep() {
  Operation operation;
  operation.kind = Pending::sleep;
  the->perform(operation);
}

void wake(int thread) {
  Operation operation;
  operation.kind = Pending::wake;
  operation.other = thread;
  the->perform(operation);
}

uint64_t seen(const char* name) {
  return the->memory().seen(the->running(), the->location_of(the->names.at(name), 0));
}

bool inside() { return the->running() >= 0; }

void loaded_outside(uintptr_t address) { the->loaded_outside = address; }

uint64_t atomic_load(uintptr_t address, uint64_t initial, Order order) {
  Operation operation;
  operation.kind = Pending::load;
  operation.location = the->location_of(address, initial);
  operation.order = order;
  return the->perform(operation);
}

void atomic_store(uintptr_t address, uint64_t initial, uint64_t value, Order order) {
  Operation operation;
  operation.kind = Pending::store;
  operation.location = the->location_of(address, initial);
  operation.value = value;
  operation.order = order;
  the->perform(operation);
}

uint64_t atomic_update(uintptr_t address, uint64_t initial, Order order, const Update& make) {
  Operation operation;
  operation.kind = Pending::update;
  operation.location = the->location_of(address, initial);
  operation.order = order;
  operation.make = &make;
  return the->perform(operation);
}

void atomic_fence(Order order) {
  Operation operation;
  operation.kind = Pending::fence;
  operation.order = order;
  the->perform(operation);
}

void plain_access(const volatile void* address, uint64_t bytes, bool is_write) {
  if (!the->memory().plain(the->running(), reinterpret_cast<uintptr_t>(address), bytes, is_write)) {
    the->fail(is_write ? "a data race: bytes are overwritten that another thread may still use"
                       : "a data race: bytes are read whose writing has not happened before");
  }
}

bool futex_wait(uintptr_t address, uint64_t initial, uint64_t expected) {
  Operation operation;
  operation.kind = Pending::futex_wait;
  operation.location = the->location_of(address, initial);
  operation.value = expected;
  return the->perform(operation) != 0;
}

void futex_wake(uintptr_t address) {
  Operation operation;
  operation.kind = Pending::futex_wake;
  operation.location = the->location_of(address, 0);
  the->perform(operation);
}

}  // namespace semel::model
