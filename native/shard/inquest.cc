#include "shard/inquest.h"

namespace semel {
namespace {

// The only message that a shard has under way.
Death::Guilty lone_message(uint32_t shard, const Consumer& consumer) {
  if (consumer.in_flight() > 0) return {shard, consumer.first_in_flight(), 0, {}};
  const uint64_t sequence = *consumer.suspicion().tried().begin();
  const Parked* entry = consumer.parked().find(sequence);
  if (entry == nullptr) return {shard, sequence, 0, {}};
  return {shard, sequence, entry->attempts,
          std::string(entry->history.begin(), entry->history.end())};
}

}  // namespace

Death hold_inquest(Stream& stream, uint32_t worker) {
  const uint32_t workers = stream.options().workers;
  Death death;
  uint32_t under_way = 0;
  for (uint32_t i = worker; i < stream.shard_count(); i += workers) {
    under_way += stream.shard(i).consumer().under_way();
  }
  for (uint32_t i = worker; i < stream.shard_count(); i += workers) {
    Consumer& consumer = stream.shard(i).consumer();
    const uint32_t own = consumer.under_way();
    if (own == 0) continue;
    if (!consumer.delivers_again()) {
      death.dropped += consumer.adopt();
      continue;
    }
    Suspicion& suspicion = consumer.suspicion();
    if (under_way == 1) {
      Death::Guilty lone = lone_message(i, consumer);
      if (suspicion.is_guilty(lone.sequence)) {
        death.guilty = std::move(lone);
        return death;
      }
    }
    if (consumer.in_flight() > 0) {
      const uint64_t last = consumer.first_in_flight() + consumer.in_flight() - 1;
      death.narrowed |= suspicion.suspect(last, Suspicion::window_of(under_way));
    }
    death.narrowed |= suspicion.suspect_tried();
    if (under_way == 1) {
      suspicion.accuse(lone_message(i, consumer).sequence);
      death.narrowed = true;
    }
    consumer.adopt();
  }
  return death;
}

}  // namespace semel
