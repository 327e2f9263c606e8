#include "shard/shard.h"

#include <algorithm>
#include <utility>

#include "core/faults.h"
#include "shard/kept_levels.h"
#include "shard/memory_level.h"
#include "shard/windowed_index.h"

namespace semel {
namespace {

// How long a disk is left alone that had no room for an ack log's next segment.
constexpr uint64_t kSpaceTriedUs = 500'000;

}  // namespace

Result<std::unique_ptr<Shard>> Shard::open(Storage& storage, const StreamOptions& options,
                                           const Manifest& manifest, uint32_t index,
                                           bool must_exist, const SinkAnswer& answer) {
  std::unique_ptr<Shard> shard(new Shard());
  shard->transactional_ = options.transactional;
  shard->compact_ = options.durability == Durability::memory && !options.dedup;
  shard->syncs_ =
      options.durability == Durability::disk || options.durability == Durability::interval;
  if (options.dedup) {
    shard->dedup_ = std::make_unique<Dedup>(DedupOptions{
        .window_us = options.window_us,
        .max_ids = options.ids_max,
        .seed = manifest.seed,
        .shorten_window_when_full = options.shorten_window,
    });
  }
  if (keeps_files(options)) {
    SEMEL_TRY(shard->open_files(storage, options, manifest, index, must_exist, answer));
    return shard;
  }
  auto memory = Region::anonymous(options.ring_bytes);
  if (!memory.is_ok()) return memory.status();
  shard->journal_ = std::move(memory.value());
  shard->ring_memory_ = shard->journal_->memory();
  AckRecovered nothing;
  SEMEL_TRY(shard->compose(options, {0, 0, 0}, nothing));
  return shard;
}

Status Shard::open_files(Storage& storage, const StreamOptions& options, const Manifest& manifest,
                         uint32_t index, bool must_exist, const SinkAnswer& answer) {
  fault_point("open.begin");
  const std::string directory = options.directory + "/shard-" + std::to_string(index);
  if (must_exist && manifest.journal) {
    // Made anew it would start from nothing, and what was stored in it would be lost in silence.
    auto exists = storage.exists(directory + "/journal");
    if (!exists.is_ok()) return exists.status();
    if (!exists.value()) {
      return {Code::damaged, directory + "/journal is missing; restore it from a copy, or see what " +
                                 "semel repair can do"};
    }
  }
  SEMEL_TRY(storage.make_directory(directory));
  const Writer writer =
      options.durability == Durability::disk ? Writer::direct : Writer::mapped;

  SEMEL_TRY(open_journal_file(storage, options, manifest,
                              {manifest.salt, index, options.ring_bytes}, writer));

  AckLog::Options log;
  log.storage = &storage;
  log.directory = directory;
  log.writer = writer;
  log.synced = syncs_;
  log.segment_bytes = manifest.segment_bytes;
  log.window_us = options.dedup ? options.window_us : 0;
  log.directory_salt = shard_salt(manifest, index);
  log.must_exist = must_exist;
  if (transactional_) log.answer = answer;
  AckRecovered acked;
  auto ack_log = AckLog::open(
      log, &acked, [this](const RecoveredIds& block) { restore_ids(block); });
  if (!ack_log.is_ok()) return ack_log.status();
  fault_point("open.ack-log");
  ack_log_ = std::move(ack_log.value());

  auto letters = DeadLetters::open(
      {.storage = &storage,
       .directory = directory,
       .directory_salt = shard_salt(manifest, index),
       .committed_bytes = acked.header.dead_letter_bytes});
  if (!letters.is_ok()) return letters.status();
  dead_letters_ = std::move(letters.value());
  fault_point("open.dead-letters");

  // Without one, or in a new one, nothing is stored that is not done.
  JournalScan scan{acked.header.through, acked.header.journal_position, acked.header.time_us};
  stored_sources_ = SourceOffsets(acked.sources);
  recovery_.time_us = scan.time_us;
  if (manifest.journal) SEMEL_TRY(recover_journal(acked, options, &scan));
  if (!options.journal) SEMEL_TRY(leave_journal(options, acked, scan));
  fault_point("open.journal");
  epoch_ = acked.header.epoch + (planted(Bug::epoch_not_raised) ? 0 : 1);
  recovery_.ack_torn = acked.torn_bytes;
  recovery_.torn_copy = acked.torn_copy;
  SEMEL_TRY(compose(options, scan, acked));

  // The new epoch is on disk before anything is done in it: an older one can commit nothing (I8).
  ack_log_->set_snapshot([this](AckSnapshot& snapshot) { consumer_->snapshot(snapshot); });
  SEMEL_TRY(maintain(scan.time_us));
  auto opened = consumer_->open();
  if (!opened.is_ok()) return opened.status();
  if (opened.value() == Committed::full) {
    return {Code::no_space,
            "cannot write the first ack block to " + directory +
                ": no space left on device for another segment; free space on its disk"};
  }
  fault_point("open.epoch");
  SEMEL_TRY(ack_log_->write());
  return ack_log_->sync();
}

// As a worker does it: what has left the window is forgotten, but for what a message that still waits may
// be a copy of; where the index is full, that too (D2).
void Shard::restore_ids(const RecoveredIds& block) {
  if (dedup_ == nullptr) return;
  dedup_->restore(block.ids, block.time_us);
  dedup_->advance(block.oldest_us);
  if (!dedup_->has_room(1)) dedup_->advance(block.time_us);
}

Status Shard::compose(const StreamOptions& options, const JournalScan& scan, AckRecovered& acked) {
  auto replies = Replies::make(options.ring_bytes, compact_ ? kCompactHeaderBytes : kFullHeaderBytes,
                               scan.sequence + 1);
  if (!replies.is_ok()) return replies.status();
  replies_ = std::move(replies.value());
  ring_ = std::make_unique<Ring>(ring_memory_, scan.position, acked.header.journal_position);
  intake_ = std::make_unique<Intake>(*ring_, seed_, scan.sequence, scan.time_us);
  durable_position_.store(scan.position, std::memory_order_relaxed);
  // Blocks claim no synced messages where there is no journal.
  durable_sequence_.store(has_journal_ ? scan.sequence : 0, std::memory_order_relaxed);
  waits_for_durable_ = has_journal_ && options.visibility == Visibility::durable &&
                       options.durability == Durability::disk;
  choose_strategies(options);
  consumer_ = std::make_unique<Consumer>(
      Consumer::Parts{
          .ring = *ring_,
          .layout = *layout_,
          .level = *level_,
          .ids = *ids_,
          .replies = *replies_,
          .bounds = keeps_files(options)
                        ? Bounds::of_segment(options.segment_bytes, options.parked_max)
                        : Bounds::none(),
          .in_flight_max = options.in_flight_max,
          .prepared = prepared_,
      },
      acked);
  for (Parked& entry : acked.parked) {
    if (entry.type == static_cast<uint8_t>(FrameType::retry)) {
      dead_letters_->ask(entry.id.low, DeadLetters::How::retried);
    }
    consumer_->restore_parked(std::move(entry));
  }
  consumer_->restore_sources(acked.sources);
  return Status::ok();
}

// Once, so that nothing on a message's way asks again what kind of stream this is.
void Shard::choose_strategies(const StreamOptions& options) {
  if (!keeps_files(options)) {
    level_ = std::make_unique<MemoryLevel>(*ring_);
  } else if (transactional_) {
    auto level = std::make_unique<PreparedLevel>(*ring_, *ack_log_, *dead_letters_, epoch_,
                                                 syncs_ ? &durable_sequence_ : nullptr);
    prepared_ = level.get();
    level_ = std::move(level);
  } else if (!syncs_) {
    level_ = std::make_unique<ProcessLevel>(*ring_, *ack_log_, *dead_letters_, epoch_);
  } else if (!waits_for_durable_) {
    level_ = std::make_unique<SyncedLevel>(*ring_, *ack_log_, *dead_letters_, epoch_,
                                           durable_sequence_);
  } else {
    level_ = std::make_unique<DurableFirst>(*ring_, *ack_log_, *dead_letters_, epoch_,
                                            durable_sequence_, durable_position_);
  }
  if (compact_) {
    layout_ = std::make_unique<CompactLayout>();
  } else {
    layout_ = std::make_unique<FullLayout>(*level_, stored_sources_, intake_->sequence());
  }
  if (dedup_ == nullptr) {
    ids_ = std::make_unique<NoIndex>();
  } else {
    ids_ = std::make_unique<WindowedIndex>(*dedup_, options.in_flight_max);
  }
}

bool Shard::has_unsynced() const {
  if (!syncs_) return false;
  const bool is_behind =
      has_journal_ &&
      (ring_->tail() != durable_position_.load(std::memory_order_relaxed) ||
       intake_->published_sequence() != durable_sequence_.load(std::memory_order_relaxed));
  return is_behind || ack_log_->has_unsynced() ||
         // A group may fall between a commit's block and its answers.
         replies_->tail() != durable_replies_.load(std::memory_order_relaxed);
}

Status Shard::sync_group(const std::atomic<bool>* failed) {
  // Before the acks: answers show behind the block that they belong to.
  const uint64_t replies = replies_->tail();
  ack_log_->fix_target();
  fault_point("group.fixed");
  if (planted(Bug::acks_before_journal)) {
    SEMEL_TRY(ack_log_->write_to_target());
    SEMEL_TRY(ack_log_->sync());
  }
  if (has_journal_) SEMEL_TRY(sync_journal(failed));
  // Another thread's failure has been told meanwhile: nothing becomes durable behind it.
  if (failed != nullptr && failed->load(std::memory_order_acquire)) return Status::ok();
  SEMEL_TRY(ack_log_->write_to_target());
  fault_point("group.acks-written");
  SEMEL_TRY(ack_log_->sync());
  fault_point("group.acks-synced");
  durable_replies_.store(replies, std::memory_order_release);
  if (transactional_) {
    // The worker goes on with what is prepared.
    doorbell->ring();
  } else {
    dead_letters_->show(ack_log_->durable_dead_letter_bytes());
  }
  const uint64_t reclaimable = ack_log_->durable_journal_position();
  if (reclaimable > ring_->released()) ring_->release(reclaimable);
  return Status::ok();
}

Status Shard::close() {
  if (ack_log_ == nullptr) return Status::ok();
  if (syncs_) SEMEL_TRY(sync_group());
  fault_point("close.synced");
  for (;;) {
    auto closed = consumer_->close();
    if (!closed.is_ok()) return closed.status();
    if (closed.value() == Committed::done) break;
    SEMEL_TRY(maintain(recovery_.time_us));
  }
  fault_point("close.acknowledged");
  return syncs_ ? sync_group() : Status::ok();
}

Status Shard::maintain(uint64_t now_us) {
  if (ack_log_ == nullptr) return Status::ok();
  // The consumer first: what is stored after that look is younger than what it says.
  const ConsumerCounters seen = consumer_->counters();
  const bool waits = seen.parked > 0 || intake_->published_sequence() != seen.through;
  const uint64_t oldest_us = waits ? std::min(now_us, seen.oldest_us)
                                   : now_us - std::min(now_us, kUnpublishedUs);
  if (is_short_of_space() && monotonic_us() < tries_space_us_) return Status::ok();
  const Status status = ack_log_->maintain(oldest_us, seen.forgotten_us);
  tries_space_us_ = status.code() == Code::no_space ? monotonic_us() + kSpaceTriedUs : 0;
  // Without a next segment the log goes on in the one that it has.
  return is_short_of_space() ? Status::ok() : status;
}

// Whether the disk had no room for the next segment, and there is no hurry: what is in flight fits the
// one that is being filled (B1).
bool Shard::is_short_of_space() const {
  return tries_space_us_ != 0 && ack_log_->bytes_left() > ack_log_->segment_bytes() / 8;
}

bool Shard::maintenance_pending() const {
  return ack_log_ != nullptr && tries_space_us_ == 0 && ack_log_->maintenance_pending();
}

Status Shard::check() const {
  if (ack_log_ == nullptr) return Status::ok();
  if (has_journal_) SEMEL_TRY(journal_->check());
  SEMEL_TRY(ack_log_->check());
  return dead_letters_->check();
}

ShardStatus Shard::status() const {
  ShardStatus status;
  // The consumer first: what it has ended was stored before.
  status.consumer = consumer_->counters();
  status.ended = ended_through();
  status.durable = durable_sequence();
  status.stored = intake_->published_sequence();
  return status;
}

}  // namespace semel
