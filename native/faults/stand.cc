#include "faults/stand.h"

#include "faults/transactional_worker.h"
#include "shard/box.h"
#include "shard/manifest.h"

namespace semel::faults {
namespace {

constexpr const char* kDirectory = "data";
constexpr int kDrainRoundsMax = 4000;
constexpr uint64_t kRoundUs = 500;

}  // namespace

std::string Setting::name() const {
  std::string text = delivery == Delivery::exactly_once ? "exactly-once" : "at-least-once";
  text += durability == Durability::disk       ? ", disk"
          : durability == Durability::interval ? ", interval"
                                               : ", process";
  text += sink == SinkKind::rewindable   ? ", rewindable"
          : sink == SinkKind::idempotent ? ", idempotent"
          : sink == SinkKind::repeatable ? ", repeatable"
                                         : ", transactional";
  if (beside) text += " and a file";
  if (delivery != Delivery::exactly_once && dedup) text += ", dedup";
  if (source) text += ", source";
  if (source && !dedup) text += " without ids";
  if (!journal) text += ", no journal";
  return text;
}

StreamOptions stream_options(const Setting& setting) {
  StreamOptions options;
  options.name = "campaign";
  options.directory = kDirectory;
  options.delivery = setting.delivery;
  options.durability = setting.durability;
  options.transactional = setting.sink == SinkKind::transactional;
  options.visibility = setting.sink == SinkKind::rewindable || options.transactional
                           ? Visibility::published
                           : Visibility::durable;
  options.journal = setting.journal;
  options.ring_bytes = 64 << 10;
  options.segment_bytes = 64 << 10;
  options.dedup = setting.dedup;
  options.window_us = kWindowUs;
  options.ids_max = 1 << 16;
  options.parked_max = 200;
  options.in_flight_max = 64;
  return options;
}

Result<std::unique_ptr<Stand>> Stand::open(SimulatedStorage& disk, const Setting& setting,
                                           const Ledger& ledger, External& external) {
  const StreamOptions options = stream_options(setting);
  std::unique_ptr<Stand> stand(new Stand());
  stand->setting_ = setting;
  stand->ledger_ = &ledger;
  stand->external_ = &external;
  SEMEL_TRY(disk.make_directory(kDirectory));
  auto manifest = open_manifest(disk, options);
  if (!manifest.is_ok()) return manifest.status();
  auto made = read_box(disk, kDirectory, kShardsBox, manifest.value().salt);
  if (!made.is_ok()) return made.status();
  const SinkAnswer answer = options.transactional ? external.begin() : SinkAnswer{};
  auto shard =
      Shard::open(disk, options, manifest.value(), 0, !made.value().empty(), answer);
  if (!shard.is_ok()) return shard.status();
  if (made.value().empty()) {
    const uint8_t count[] = {'1'};
    SEMEL_TRY(write_box(disk, kDirectory, kShardsBox, manifest.value().salt, count));
  }
  stand->shard_ = std::move(shard.value());
  stand->shard_->doorbell = &stand->doorbell_;
  stand->sink_ = setting.sink == SinkKind::rewindable ? file_sink(disk, kDirectory)
                                                      : external_sink(external);
  if (setting.beside) stand->beside_ = file_sink(disk, kDirectory);
  return stand;
}

Worker::Rules Stand::rules() const {
  return {.flushes = setting_.syncs(),
          // Without a journal its source has it.
          .durable_only = setting_.journal && setting_.durability == Durability::disk &&
                          setting_.sink != SinkKind::rewindable &&
                          setting_.sink != SinkKind::transactional,
          .history_bytes = setting_.history_bytes};
}

Status Stand::begin(uint64_t now_us) { return begin_worker(true, now_us); }

Status Stand::replace_worker(uint64_t now_us) { return begin_worker(false, now_us); }

Status Stand::begin_worker(bool is_first, uint64_t now_us) {
  if (setting_.sink == SinkKind::transactional) {
    worker_ = std::make_unique<TransactionalWorker>(*shard_, *sink_, beside_.get(), *external_, *ledger_,
                                                    rules());
  } else {
    worker_ = std::make_unique<Worker>(*shard_, *sink_, *ledger_, rules());
  }
  SEMEL_TRY(worker_->begin(is_first));
  // The sink's first place is durable before there are outputs behind it.
  while (worker_->has_commit_waiting() || !shard_->acks_durable()) {
    SEMEL_TRY(sync(now_us));
    if (worker_->has_commit_waiting()) SEMEL_TRY(worker_->finish(0, now_us));
  }
  return Status::ok();
}

std::string Stand::recovered() const {
  const Consumer& consumer = shard_->consumer();
  const ConsumerCounters counters = consumer.counters();
  const Counters& ends = counters.outcomes;
  std::string text = "through " + std::to_string(counters.through) + ", stored " +
                     std::to_string(shard_->intake().sequence()) + ", sink " +
                     std::to_string(consumer.sink_places().first) + ", ends";
  for (const uint64_t count : {ends.processed, ends.filtered, ends.duplicate, ends.late,
                               ends.dead_lettered, ends.dropped}) {
    text += " " + std::to_string(count);
  }
  text += ", parked";
  for (const Parked* one = consumer.parked().next(0); one != nullptr;
       one = consumer.parked().next(one->sequence)) {
    text += " " + std::to_string(one->sequence) + "/" + std::to_string(one->attempts);
  }
  text += ", letters";
  const Status visited = shard_->dead_letters()->visit_open([&](const DeadLetter& letter) {
    text += " " + std::to_string(letter.number);
    return true;
  });
  if (!visited.is_ok()) text += " " + visited.message();
  for (const SourceOffset& source : shard_->stored_sources()) {
    text += ", source " + std::to_string(source.offset.low);
  }
  return text;
}

Status Stand::sync(uint64_t now_us) {
  if (shard_->has_unsynced()) SEMEL_TRY(shard_->sync_group());
  return shard_->maintain(now_us);
}

Status Stand::drain(uint64_t* now_us) {
  for (int round = 0; round < kDrainRoundsMax; ++round) {
    *now_us += kRoundUs;
    SEMEL_TRY(worker_->poll(64, *now_us));
    SEMEL_TRY(worker_->finish(64, *now_us));
    SEMEL_TRY(sync(*now_us));
    const bool has_ended = shard_->consumer().counters().through == shard_->intake().sequence();
    if (!has_ended || worker_->parked() > 0 || !worker_->is_at_rest()) continue;
    if (shard_->has_unsynced()) continue;
    if (shard_->durable_sequence() == shard_->intake().sequence()) return Status::ok();
    return {Code::io, "a message that was stored never gets its receipt"};
  }
  return {Code::io, "messages that were stored never come to an end"};
}

}  // namespace semel::faults
