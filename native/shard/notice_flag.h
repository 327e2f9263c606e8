// Asks for one notice: the next progress takes the flag and gives it. Who gives pays a load and a
// fence where nobody asked.
//
// Threads: any askers, any givers.
// The asker looks again after asking, and the giver looks for the flag after the progress, each with a
// fence in between (Dekker, as in doorbell.h): either the asker sees the progress, or the giver the
// flag.
#pragma once

#include <atomic>

namespace semel {

class NoticeFlag {
 public:
  // Before the look that decides whether to wait. A store that is sequentially consistent itself would
  // not do: the acquire load of the look may still be made before it.
  void want() {
    wanted_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }

  // After progress has been published: whether to give a notice; true once for each asking.
  bool take() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return wanted_.load(std::memory_order_relaxed) &&
           wanted_.exchange(false, std::memory_order_acq_rel);
  }

 private:
  std::atomic<bool> wanted_{false};
};

}  // namespace semel
