// A memory in which stores reach other threads late, as C++20 allows: RC11 (Lahav et al., "Repairing
// sequential consistency in C/C++11", 2017) without load buffering, in operational form.
//
//   - Each location keeps the history of its stores, in modification order.
//   - A thread's view tells for each location the oldest store that it may still read. A load takes any
//     store from there on; a store goes anywhere behind what the thread has seen.
//   - A release store carries its writer's view, a relaxed one the view at the writer's last release
//     fence; an acquire load joins it, a relaxed one keeps it for the next acquire fence. A
//     read-modify-write takes its predecessor's view along (release sequence).
//   - seq_cst fences join through one global view. Single seq_cst accesses are ordered with each other
//     and with these fences at their own location only: they are no fences, as in the standard.
//
// Views carry vector clocks as well, so that plain accesses can be checked for data races: each 8 bytes
// of the tracked memory remember who wrote and who read them last.
//
// Thread: one. `Chooser` decides where there is a choice.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace semel::model {

constexpr int kThreadsMax = 3;
constexpr int kLocationsMax = 16;

enum class Order : uint8_t { relaxed, consume, acquire, release, acq_rel, seq_cst };

constexpr bool acquires(Order order) { return order != Order::relaxed && order != Order::release; }
constexpr bool releases(Order order) { return order >= Order::release; }

struct View {
  std::array<uint8_t, kLocationsMax> at{};     // index in the location's history
  std::array<uint16_t, kThreadsMax> clock{};   // what of each thread happened before

  void join(const View& other);
  void join_indices(const View& other);  // without the clocks
};

struct Message {
  uint64_t value;
  View view;
  bool is_update;  // a read-modify-write: nothing comes between it and the one before
};

// Called with the number of ways to go on; returns the chosen one.
using Chooser = std::function<uint32_t(uint32_t ways)>;
using Update = std::function<uint64_t(uint64_t)>;

class Memory {
 public:
  explicit Memory(Chooser choose) : choose_(std::move(choose)) {}

  // Every location is again as it was before the threads began.
  void reset(int threads);
  // The number of the location, the same in every execution; `initial` is what it held at the start.
  int location(uintptr_t address, uint64_t initial);

  uintptr_t address_of(int location) const { return addresses_[location]; }

  uint64_t load(int thread, int location, Order order);
  void store(int thread, int location, uint64_t value, Order order);
  uint64_t update(int thread, int location, Order order, const Update& make);
  void fence(int thread, Order order);

  // What the thread's last load of the location gave, and whether another would now give more.
  uint64_t seen(int thread, int location) const;
  bool has_newer(int thread, int location) const;
  // From now on the thread reads something newer than that.
  void advance(int thread, int location);

  // Each step of a thread has a clock of its own.
  void tick(int thread) { ++threads_[thread].view.clock[thread]; }

  // ---- plain memory ----
  void track(uintptr_t begin, uintptr_t end);
  // False where another thread's access did not happen before.
  bool plain(int thread, uintptr_t address, uint64_t bytes, bool is_write);

  // All that decides what can still happen, folded into the two words.
  void fold_into(uint64_t (&key)[2]) const;

 private:
  struct Thread {
    View view;
    View at_release_fence;  // carried by relaxed stores
    View until_acquire_fence;
    View loaded;  // where its last loads were
  };
  struct Granule {
    uint16_t write_clock = 0;
    uint8_t writer = 0;
    std::array<uint16_t, kThreadsMax> read_clock{};
  };

  void insert(int location, uint32_t at, Message message);
  void take_view(Thread& thread, const View& view, Order order);
  View carried(const Thread& thread, Order order) const;
  uint32_t oldest_for(int thread, int location, Order order) const;

  Chooser choose_;
  int thread_count_ = 0;
  std::vector<uintptr_t> addresses_;
  std::array<std::vector<Message>, kLocationsMax> history_;
  std::array<Thread, kThreadsMax> threads_{};
  View global_;  // of the seq_cst fences
  uintptr_t tracked_begin_ = 0;
  uintptr_t tracked_end_ = 0;
  std::vector<Granule> granules_;
};

}  // namespace semel::model
