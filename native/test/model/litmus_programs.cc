// The explorer checked against what the literature says of small programs: which outcome C++20 allows
// and which it forbids. A memory too strong would let every bug pass, one too weak none of the code.
#include <atomic>
#include <new>

#include "programs.h"

namespace semel::model {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kSeqCst = std::memory_order_seq_cst;

struct Shared {
  std::atomic<uint64_t> x{0};
  std::atomic<uint64_t> y{0};
};

alignas(Shared) uint8_t storage[sizeof(Shared)];
uint64_t seen_by[kThreadsMax][2];
int ended = 0;

struct Litmus {
  const char* name;
  int threads;
  void (*run)(int thread, Shared& all, uint64_t (&got)[2]);
  bool (*is_odd)();  // the outcome in question
  bool allowed;
};

template <std::memory_order store, std::memory_order load>
void message_passing(int thread, Shared& all, uint64_t (&got)[2]) {
  if (thread == 0) {
    all.x.store(1, kRelaxed);
    all.y.store(1, store);
  } else {
    got[0] = all.y.load(load);
    got[1] = all.x.load(kRelaxed);
  }
}

bool message_is_odd() { return seen_by[1][0] == 1 && seen_by[1][1] == 0; }
bool both_miss() { return seen_by[0][0] == 0 && seen_by[1][0] == 0; }

template <bool fence_first, bool fence_second, std::memory_order order>
void store_buffering(int thread, Shared& all, uint64_t (&got)[2]) {
  auto& mine = thread == 0 ? all.x : all.y;
  auto& other = thread == 0 ? all.y : all.x;
  mine.store(1, order);
  if (thread == 0 ? fence_first : fence_second) std::atomic_thread_fence(kSeqCst);
  got[0] = other.load(order == kSeqCst ? kSeqCst : kAcquire);
}

const Litmus kLitmus[] = {
    {"message passing, relaxed", 2,
     message_passing<kRelaxed, kRelaxed>, message_is_odd, true},
    {"message passing, release only", 2,
     message_passing<kRelease, kRelaxed>, message_is_odd, true},
    {"message passing, release and acquire", 2,
     message_passing<kRelease, kAcquire>, message_is_odd, false},
    {"message passing by fences", 2,
     [](int t, Shared& all, uint64_t (&got)[2]) {
       if (t == 0) {
         all.x.store(1, kRelaxed);
         std::atomic_thread_fence(kRelease);
         all.y.store(1, kRelaxed);
       } else {
         got[0] = all.y.load(kRelaxed);
         std::atomic_thread_fence(kAcquire);
         got[1] = all.x.load(kRelaxed);
       }
     },
     message_is_odd, false},
    {"release sequence through an update", 3,
     [](int t, Shared& all, uint64_t (&got)[2]) {
       if (t == 0) {
         all.x.store(1, kRelaxed);
         all.y.store(1, kRelease);
       } else if (t == 1) {
         all.y.fetch_add(1, kRelaxed);
       } else {
         got[0] = all.y.load(kAcquire);
         got[1] = all.x.load(kRelaxed);
       }
     },
     [] { return seen_by[2][0] == 2 && seen_by[2][1] == 0; }, false},
    {"store buffering, release and acquire", 2, store_buffering<false, false, kRelease>, both_miss,
     true},
    {"store buffering, one fence", 2, store_buffering<true, false, kRelease>, both_miss, true},
    {"store buffering, both fences", 2, store_buffering<true, true, kRelease>, both_miss, false},
    {"store buffering, seq_cst", 2, store_buffering<false, false, kSeqCst>, both_miss, false},
    {"one location never goes back", 2,
     [](int t, Shared& all, uint64_t (&got)[2]) {
       if (t == 0) {
         all.x.store(1, kRelaxed);
         all.x.store(2, kRelaxed);
       } else {
         got[0] = all.x.load(kRelaxed);
         got[1] = all.x.load(kRelaxed);
       }
     },
     [] { return seen_by[1][0] > seen_by[1][1]; }, false},
    // Both locations end with the first of their writer's stores: each is read again by the other.
    {"two by two stores, relaxed", 2,
     [](int t, Shared& all, uint64_t (&got)[2]) {
       auto& first = t == 0 ? all.x : all.y;
       auto& second = t == 0 ? all.y : all.x;
       first.store(1, kRelaxed);
       second.store(2, kRelaxed);
       got[0] = second.load(kRelaxed);
     },
     [] { return seen_by[0][0] == 1 && seen_by[1][0] == 1; }, true},
    {"load buffering", 2,
     [](int t, Shared& all, uint64_t (&got)[2]) {
       got[0] = (t == 0 ? all.x : all.y).load(kRelaxed);
       (t == 0 ? all.y : all.x).store(1, kRelaxed);
     },
     // C++20 allows it; the model leaves it out.
     [] { return seen_by[0][0] == 1 && seen_by[1][0] == 1; }, false},
    {"an update is never between another's halves", 2,
     [](int, Shared& all, uint64_t (&got)[2]) { got[0] = all.x.fetch_add(1, kRelaxed); },
     both_miss, false},
};

}  // namespace

std::vector<LitmusProgram> litmus_programs() {
  std::vector<LitmusProgram> all;
  for (const Litmus& litmus : kLitmus) {
    Program program;
    program.threads = litmus.threads;
    program.reset = [] {
      new (storage) Shared;
      for (auto& got : seen_by) got[0] = got[1] = 0;
      ended = 0;
    };
    program.run = [&litmus](int thread) {
      litmus.run(thread, *std::launder(reinterpret_cast<Shared*>(storage)), seen_by[thread]);
      if (++ended == litmus.threads && litmus.is_odd()) reached("the outcome in question");
    };
    program.memory = storage;
    program.bytes = sizeof storage;
    all.push_back({litmus.name, std::move(program), litmus.allowed});
  }
  return all;
}

}  // namespace semel::model
