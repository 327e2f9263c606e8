// The shard's journal: opening and recovering it, leaving it, and making its end durable.
#include <algorithm>
#include <cstring>
#include <utility>

#include "core/faults.h"
#include "ring/frame_runs.h"
#include "shard/shard.h"

namespace semel {

// Where the directory has none, a journal may still lie there: what a crash left of a switch.
Status Shard::open_journal_file(Storage& storage, const StreamOptions& options,
                                const Manifest& manifest, const JournalIdentity& identity,
                                Writer writer) {
  const std::string directory = options.directory + "/shard-" + std::to_string(identity.shard);
  seed_ = journal_seed(identity);
  if (!manifest.journal) {
    const std::string path = directory + "/journal";
    auto exists = storage.exists(path);
    if (!exists.is_ok()) return exists.status();
    if (exists.value()) {
      SEMEL_TRY(storage.remove(path));
      SEMEL_TRY(storage.sync_directory(directory));
    }
  }
  if (!manifest.journal && !options.journal) {
    auto memory = Region::anonymous(options.ring_bytes);
    if (!memory.is_ok()) return memory.status();
    journal_ = std::move(memory.value());
    ring_memory_ = journal_->memory();
    return Status::ok();
  }
  bool created = false;
  auto journal = open_journal(storage, directory, identity, writer, &created);
  if (!journal.is_ok()) return journal.status();
  journal_ = std::move(journal.value());
  ring_memory_ = journal_->memory().subspan(kJournalHeaderBytes);
  return Status::ok();
}

Status Shard::leave_journal(const StreamOptions& options, const AckRecovered& acked,
                            const JournalScan& scan) {
  has_journal_ = false;
  if (ring_memory_.size() == journal_->memory().size()) return Status::ok();
  if (scan.position != acked.header.journal_position) {
    return {Code::mismatch, options.directory + " has " +
                                std::to_string(scan.sequence - acked.header.through) +
                                " messages in its journal that are not done; open it with a journal, "
                                "close it when they are, then open it without one"};
  }
  auto memory = Region::anonymous(options.ring_bytes);
  if (!memory.is_ok()) return memory.status();
  journal_ = std::move(memory.value());
  ring_memory_ = journal_->memory();
  return Status::ok();
}

Status Shard::recover_journal(const AckRecovered& acked, const StreamOptions& options,
                              JournalScan* scan) {
  const AckHeader& header = acked.header;
  *scan = scan_journal(ring_memory_, seed_, header.journal_position, header.through,
                       [this](const uint8_t* frame, uint64_t meta) {
                         note_asked(frame, meta);
                         if (!meta_has_source(meta)) return;
                         const FrameSource source = full_source(frame, meta);
                         // What is given up is to be read again.
                         if (stored_sources_.is_given_up(source.partition)) return;
                         stored_sources_.raise({source.partition, source.offset});
                       });
  const uint64_t at = kJournalHeaderBytes + (scan->position & (options.ring_bytes - 1));
  if (scan->sequence < header.journal_durable) {
    return Status::at(Code::damaged, journal_->path(), at,
                      "message " + std::to_string(scan->sequence + 1) + " was synced (up to " +
                          std::to_string(header.journal_durable) + " were) and does not check");
  }
  // Below a level that syncs nothing is claimed, but stores land in order when a process dies: good
  // frames behind a bad one are no torn tail.
  if (!acked.empty && !acked.synced && !acked.clean) {
    const auto behind = find_runs(ring_memory_, seed_, scan->position, scan->sequence);
    if (!behind.empty()) {
      return Status::at(Code::damaged, journal_->path(), at,
                        "message " + std::to_string(scan->sequence + 1) + " does not check, but " +
                            std::to_string(behind.front().last) + " behind it does");
    }
  }
  recovery_.redelivered = scan->sequence - header.through;
  recovery_.time_us = std::max(scan->time_us, header.time_us);
  scan->time_us = recovery_.time_us;
  if (acked.clean && scan->position == header.journal_position) return Status::ok();
  if (acked.empty && scan->position == 0 && load<uint64_t>(ring_memory_.data()) == 0) {
    return Status::ok();  // new
  }

  if (planted(Bug::torn_journal_kept)) return Status::ok();
  // What lies behind the last valid frame is cut, so that a later recovery, from another end, can
  // never meet it again.
  const uint64_t used = scan->position - header.journal_position;
  const uint64_t cut = options.ring_bytes - used;
  const uint64_t offset = scan->position & (options.ring_bytes - 1);
  const uint64_t until_end = std::min(cut, options.ring_bytes - offset);
  std::memset(ring_memory_.data() + offset, 0, until_end);
  std::memset(ring_memory_.data(), 0, cut - until_end);
  SEMEL_TRY(write_journal(*journal_, scan->position, scan->position + cut, header.journal_position));
  fault_point("open.journal-cut");
  recovery_.journal_cut = cut;
  return journal_->sync();
}

// A letter whose frame waits in the journal is dealt with by that one, in this opening too.
void Shard::note_asked(const uint8_t* frame, uint64_t meta) {
  if (meta_type(meta) == FrameType::retry) {
    dead_letters_->ask(full_id(frame, meta).low, DeadLetters::How::retried);
  } else if (meta_type(meta) == FrameType::drop) {
    dead_letters_->ask(load<uint64_t>(frame + meta_header_bytes(meta)), DeadLetters::How::dropped);
  }
}

Status Shard::sync_journal(const std::atomic<bool>* failed) {
  // Sequence first, then the tail: the tail then covers at least these messages. It may cover one more,
  // whose number is published behind it: that one's receipt is the next group's, without a frame of its
  // own to write.
  const uint64_t sequence = intake_->published_sequence();
  const uint64_t tail = ring_->tail();
  const uint64_t durable = durable_position_.load(std::memory_order_relaxed);
  if (tail != durable) {
    if (planted(Bug::receipt_before_sync)) {
      durable_sequence_.store(sequence, std::memory_order_release);
    }
    // At `disk`, where this writes, nobody else releases (R1).
    SEMEL_TRY(write_journal(*journal_, durable, tail, ring_->released()));
    fault_point("group.journal-written");
    SEMEL_TRY(journal_->sync());
    fault_point("group.journal-synced");
  }
  if (failed != nullptr && failed->load(std::memory_order_acquire)) return Status::ok();
  if (tail == durable && sequence == durable_sequence_.load(std::memory_order_relaxed)) {
    return Status::ok();
  }
  durable_sequence_.store(sequence, std::memory_order_release);
  // The worker's has_work() reads this; the doorbell's fence orders it before the look.
  durable_position_.store(tail, std::memory_order_release);
  doorbell->ring();
  return Status::ok();
}

}  // namespace semel
