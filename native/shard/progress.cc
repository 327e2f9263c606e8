#include "shard/progress.h"

namespace semel {

Progress::Progress(const AckHeader& recovered)
    : through_(recovered.through), oldest_us_(recovered.time_us) {
  set_tallies(to_tallies(recovered.counters));
}

void Progress::set_tallies(const Tallies& tallies) {
  for (int i = 0; i < kTallies; ++i) tallies_[i].store(tallies[i], std::memory_order_relaxed);
}

void Progress::show(const IndexFigures& figures) {
  index_ids_.store(figures.ids, std::memory_order_relaxed);
  index_bytes_.store(figures.bytes, std::memory_order_relaxed);
  window_us_.store(figures.window_us, std::memory_order_relaxed);
  forgotten_us_.store(figures.forgotten_us, std::memory_order_relaxed);
}

Tallies Progress::tallies() const {
  Tallies seen;
  for (int i = 0; i < kTallies; ++i) seen[i] = tallies_[i].load(std::memory_order_relaxed);
  return seen;
}

ConsumerCounters Progress::counters(const ParkedSet& parked) const {
  ConsumerCounters seen;
  Tallies tallies;
  change_.read([&] {
    tallies = this->tallies();
    seen.through = through_.load(std::memory_order_relaxed);
    seen.parked = parked.size();
    seen.parked_first = parked.first();
    seen.oldest_us = oldest_us_.load(std::memory_order_relaxed);
    seen.ids = index_ids_.load(std::memory_order_relaxed);
    seen.index_bytes = index_bytes_.load(std::memory_order_relaxed);
    seen.window_us = window_us_.load(std::memory_order_relaxed);
    seen.forgotten_us = forgotten_us_.load(std::memory_order_relaxed);
  });
  seen.outcomes = to_counters(tallies);
  return seen;
}

}  // namespace semel
