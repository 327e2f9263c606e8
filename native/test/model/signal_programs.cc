// Who waits is woken, and who counts sees whole changes: doorbell, notice flag, version of the counters.
#include <new>

#include "core/seqlock.h"
#include "programs.h"
#include "shard/doorbell.h"
#include "shard/notice_flag.h"

namespace semel::model {
namespace {

struct Shared {
  Doorbell bell;
  NoticeFlag flag;
  std::atomic<uint64_t> work[2] = {0, 0};  // how much each ringer has published
  SeqLock lock;
  std::atomic<uint64_t> values[3] = {0, 0, 0};
};

alignas(Shared) uint8_t storage[sizeof(Shared)];
Shared& shared() { return *std::launder(reinterpret_cast<Shared*>(storage)); }

Program program(int threads, const char* first, const char* second, const char* third,
                std::function<void(int)> run) {
  Program made;
  made.threads = threads;
  made.reset = [first, second, third] {
    new (storage) Shared;
    name_thread(0, first);
    name_thread(1, second);
    name_thread(2, third);
    name_location("doorbell", [] { shared().bell.ring(); });
    name_location("notice", [] { shared().flag.take(); });
    name_location("work", [] { shared().work[0].load(); });
    name_location("other work", [] { shared().work[1].load(); });
    name_location("version", [] { shared().lock.read([] {}); });
    for (int i = 0; i < 3; ++i) {
      static const char* const kNames[] = {"value 0", "value 1", "value 2"};
      name_location(kNames[i], [i] { shared().values[i].load(); });
    }
  };
  made.run = std::move(run);
  made.memory = storage;
  made.bytes = sizeof storage;
  return made;
}

// Publishes `count` times, and rings after each.
void publish_and_ring(int which, uint64_t count) {
  for (uint64_t i = 1; i <= count; ++i) {
    shared().work[which].store(i, std::memory_order_release);
    shared().bell.ring();
  }
}

// Takes work until there were `count` of each; parks whenever it sees none.
void take_and_park(uint64_t count, uint64_t other_count) {
  uint64_t taken[2] = {0, 0};
  const auto has_work = [&] {
    return shared().work[0].load(std::memory_order_acquire) != taken[0] ||
           (other_count > 0 && shared().work[1].load(std::memory_order_acquire) != taken[1]);
  };
  while (taken[0] < count || taken[1] < other_count) {
    if (!has_work()) {
      shared().bell.park(0, has_work);
      continue;
    }
    for (int i = 0; i < (other_count > 0 ? 2 : 1); ++i) {
      const uint64_t published = shared().work[i].load(std::memory_order_acquire);
      expect(published >= taken[i], "work goes back");
      taken[i] = published;
    }
  }
}

}  // namespace

Named doorbell_program(const Bounds& bounds) {
  const uint64_t count = bounds.rings;
  return {"doorbell", "one rings, one parks",
          {program(2, "ringer", "waiter", "", [count](int thread) {
            thread == 0 ? publish_and_ring(0, count) : take_and_park(count, 0);
          })},
          {"a sleep", "a flag that was taken down before the sleep"}};
}

Named two_ringers_program(const Bounds& bounds) {
  const uint64_t count = bounds.rings_of_two;
  return {"two ringers", "two ring, one parks",
          {program(3, "ringer", "waiter", "other ringer", [count](int thread) {
            if (thread == 0) publish_and_ring(0, count);
            if (thread == 1) take_and_park(count, 1);
            if (thread == 2) publish_and_ring(1, 1);
          })},
          {"a sleep"}};
}

Named notice_program(const Bounds& bounds) {
  const uint64_t count = bounds.notices;
  return {"notice", "one asks for a notice, one gives it",
          {program(2, "giver", "asker", "", [count](int thread) {
            if (thread == 0) {
              for (uint64_t i = 1; i <= count; ++i) {
                shared().work[0].store(i, std::memory_order_release);
                if (shared().flag.take()) wake(1);
              }
              return;
            }
            uint64_t taken = 0;
            while (taken < count) {
              shared().flag.want();
              const uint64_t published = shared().work[0].load(std::memory_order_acquire);
              if (published == taken) sleep();
              taken = published;
            }
          })},
          {"a sleep"}};
}

Named counters_program(const Bounds& bounds) {
  const uint64_t changes = bounds.changes;
  return {"counters", "a reader beside a change",
          {program(2, "writer", "reader", "", [changes](int thread) {
            Shared& all = shared();
            if (thread == 0) {
              for (uint64_t i = 1; i <= changes; ++i) {
                all.lock.begin_change();
                for (auto& value : all.values) value.store(i, std::memory_order_relaxed);
                all.lock.end_change();
              }
              return;
            }
            uint64_t last = 0;
            for (int round = 0; round < 2; ++round) {
              uint64_t seen_values[3];
              uint64_t tried = UINT64_MAX;
              all.lock.read([&] {
                const uint64_t version = seen("version");
                if (version == tried) discard();
                if (tried != UINT64_MAX) reached("a read that is thrown away");
                tried = version;
                for (int i = 0; i < 3; ++i) {
                  seen_values[i] = all.values[i].load(std::memory_order_relaxed);
                }
              });
              expect(seen_values[0] == seen_values[1] && seen_values[1] == seen_values[2],
                     "counters of two moments are seen as one");
              expect(seen_values[0] >= last, "counters go back");
              last = seen_values[0];
            }
          })},
          {"a read that is thrown away"}};
}

}  // namespace semel::model
