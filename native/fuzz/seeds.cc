// Writes the seeds of the corpus: small files as semel makes them, in the form that the targets read.
//
//   fuzz_seeds native/fuzz/corpus        makes corpus/TARGET/seed-*
#include <filesystem>
#include <fstream>
#include <iostream>

#include "acklog/ack_log.h"
#include "deadletters/dead_letters.h"
#include "fuzz/memory_storage.h"
#include "fuzz/repair.h"
#include "fuzz/sparse.h"
#include "ring/journal.h"
#include "shard/box.h"
#include "shard/manifest.h"
#include "shard/shard.h"

namespace {

using namespace semel;
using namespace semel::fuzz;

constexpr uint64_t kSalt = 0xd1d2d3d4d5d6d7d8;
constexpr uint64_t kSegmentBytes = 64 * 1024;
constexpr uint8_t kAllRepairs = kChecksums | kIdentity | kOrder;

std::filesystem::path corpus;

void write_seed(const std::string& target, const std::string& name,
                const std::vector<uint8_t>& bytes) {
  std::filesystem::create_directories(corpus / target);
  std::ofstream file(corpus / target / ("seed-" + name), std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void must(const Status& status) { require(status.is_ok(), "a seed can be made", status.message()); }

template <typename T>
T must(Result<T> result) {
  must(result.status());
  return std::move(result.value());
}

// ---- the ack log ----

class LogWriter {
 public:
  explicit LogWriter(bool synced) {
    options_.storage = &disk_;
    options_.directory = "d";
    options_.synced = synced;
    options_.segment_bytes = kSegmentBytes;
    options_.window_us = 1'000'000;
    options_.directory_salt = kSalt;
    options_.random = [this] { return ++salts_ * 0x0102030405060708; };
    log_ = must(AckLog::open(options_, &recovered_, {}));
    log_->set_snapshot([this](AckSnapshot& all) {
      for (const Parked& one : parked_) all.parked.push_back(&one);
      all.sources = {{1, header_.through}};
      if (!stamp_.has_value()) return;
      all.header = confirmed_;
      all.commit = stamp_;
      all.commit->n = 0;
    });
  }

  // `count` messages, a parked one of `payload` bytes where there are any, and the end of `resolved`.
  void append(uint64_t count, uint64_t payload = 0, uint64_t resolved = 0, bool wide = false,
              bool clean = false) {
    std::vector<Id> ids;
    for (uint64_t at = 1; at <= count; ++at) {
      const uint64_t sequence = header_.through + at;
      ids.push_back(wide ? Id{sequence, sequence * 3} : integer_id(sequence));
    }
    header_.through += count;
    header_.time_us += 1000;
    header_.journal_position += count * 64;
    header_.journal_durable = options_.synced ? header_.through : 0;
    header_.sink_places = static_cast<int64_t>(header_.through * 10);
    if (header_.through % 2 == 1) header_.sink_places.set(2, 7);
    header_.dead_letter_bytes = 4096;
    header_.epoch = 1;
    header_.counters.processed += count;
    Parked parked;
    std::vector<const Parked*> parking;
    if (payload != 0) {
      parked.sequence = header_.through;
      parked.time_us = header_.time_us;
      parked.due_us = header_.time_us + 50;
      parked.attempts = 2;
      parked.has_id = true;
      parked.id = integer_id(header_.through);
      parked.history = "no";
      parked.payload.assign(payload, 0);
      parking.push_back(&parked);
    }
    const std::vector<uint64_t> ended(resolved != 0 ? 1 : 0, resolved);
    const std::vector<SourceOffset> sources{{1, header_.through}, {2, {1, header_.through}}};
    const AckBlock block{header_, ids, parking, ended, sources, stamp_, clean};
    require(must(log_->append(block)) == AckLog::Appended::stored, "a seed's block has room");
    if (payload != 0) parked_.push_back(parked);
    std::erase_if(parked_, [&](const Parked& one) { return one.sequence == resolved; });
    if (options_.synced) {
      must(log_->write());
      must(log_->sync());
    }
    do must(log_->maintain(header_.time_us)); while (log_->maintenance_pending());
  }

  // As append(), of a block that a transactional sink decides on; discard(): of those it did not take.
  void prepare(uint64_t count, const CommitNumber& own, const CommitNumber& parent,
               const CommitNumber& confirmed, uint64_t payload = 0, uint64_t resolved = 0) {
    if (!stamp_.has_value() || stamp_->confirmed != confirmed) confirmed_ = header_;
    stamp_ = {own.epoch, own.n, parent, confirmed, confirmed_.through, confirmed_.journal_position,
              confirmed_.dead_letter_bytes};
    append(count, payload, resolved);
  }
  void discard() { header_ = confirmed_; }

  void save(const std::string& name, uint8_t repairs, uint8_t mode, uint64_t cut = 0) {
    SparseWriter seed;
    seed.put<uint8_t>(repairs);
    seed.put<uint8_t>(mode);
    MemoryStorage::Image image = disk_.image();
    for (auto& [path, bytes] : image) {
      const auto number = acklog::segment_number(path.substr(2));
      if (!number.has_value()) continue;
      if (cut != 0 && *number == 1) std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(cut), bytes.end(), 0);
      seed.put_file(static_cast<uint32_t>(*number - 1), bytes, kSegmentBytes);
    }
    write_seed("ack_log", name, seed.bytes());
  }

 private:
  MemoryStorage disk_;
  AckLog::Options options_;
  uint64_t salts_ = 0;
  AckRecovered recovered_;
  std::unique_ptr<AckLog> log_;
  AckHeader header_, confirmed_;
  std::optional<CommitStamp> stamp_;
  std::vector<Parked> parked_;
};

void write_ack_logs() {
  for (const bool synced : {false, true}) {
    const std::string level = synced ? "synced" : "process";
    LogWriter log(synced);
    log.save("new-" + level, kAllRepairs, synced);
    log.append(3, 5);
    log.append(2, 0, 3, true);
    log.save("two-blocks-" + level, kAllRepairs, synced);
    log.save("torn-" + level, 0, synced ? 3 : 0, 4400);
    log.append(1, 0, 0, false, true);
    log.save("closed-" + level, kChecksums, synced ? 3 : 0);
    log.append(1, 30'000);
    log.append(1, 20'000, 7);
    log.append(4, 20'000, 8);
    log.save("rotated-" + level, kAllRepairs, synced);
    log.append(1, 40'000, 12);
    log.save("three-segments-" + level, 0, synced);
  }
}

void write_commits() {
  for (const bool synced : {false, true}) {
    const std::string level = synced ? "synced" : "process";
    LogWriter log(synced);
    log.prepare(3, {1, 1}, {}, {});
    log.prepare(2, {1, 0}, {1, 1}, {});
    log.prepare(2, {1, 2}, {1, 1}, {});
    log.save("commits-open-" + level, kAllRepairs, synced);
    log.prepare(0, {1, 0}, {1, 2}, {1, 2});
    log.save("commits-confirmed-" + level, kAllRepairs, synced);
    log.prepare(1, {1, 3}, {1, 2}, {1, 2});
    log.prepare(1, {1, 4}, {1, 3}, {1, 2});
    log.discard();
    log.prepare(2, {2, 5}, {1, 2}, {1, 2}, 30'000);
    log.save("commits-discarded-" + level, kAllRepairs, synced ? 3 : 0);
    log.prepare(0, {2, 0}, {2, 5}, {2, 5}, 0, 9);
    log.prepare(1, {2, 6}, {2, 5}, {2, 5}, 40'000);
    log.save("commits-rotated-" + level, 0, synced);
  }
}

// ---- the dead letters ----

void write_dead_letters() {
  MemoryStorage disk;
  DeadLetters::Options options;
  options.storage = &disk;
  options.directory = "d";
  options.directory_salt = kSalt;
  uint64_t salts = 0;
  options.random = [&] { return ++salts * 0x0102030405060708; };
  const auto save = [&](const std::string& name, uint8_t repairs, uint8_t compact) {
    SparseWriter seed;
    seed.put<uint8_t>(repairs);
    seed.put<uint64_t>(options.committed_bytes);
    seed.put<uint8_t>(compact);
    const auto image = disk.image();
    seed.put_file(0, image.at(std::string("d/") + DeadLetters::kName), 4096);
    write_seed("dead_letters", name, seed.bytes());
  };
  auto letters = must(DeadLetters::open(options));
  save("new", kAllRepairs, 0);
  for (uint64_t number = 1; number <= 4; ++number) {
    DeadLetter letter;
    letter.sequence = number * 3;
    letter.time_us = 1000;
    letter.attempts = 3;
    letter.has_id = true;
    letter.id = integer_id(number);
    letter.history = "it failed";
    letter.payload.assign(number * 10, 7);
    static_cast<void>(must(letters->append_letter(letter)));
    if (number == 3) options.committed_bytes = letters->length();
  }
  save("uncommitted", 0, 0);
  must(letters->append_resolved(1, DeadLetters::How::dropped, 2000));
  must(letters->append_resolved(3, DeadLetters::How::retried, 2000));
  must(letters->append_resolved(4, DeadLetters::How::retried, 2000));
  options.committed_bytes = letters->length();
  save("resolved", kAllRepairs, 1);
  letters.reset();
  options.compact_bytes = 1;
  letters = must(DeadLetters::open(options));
  save("compacted", kAllRepairs, 1);
}

// ---- the journal ----

void put_frames(Intake& intake, uint32_t count, uint32_t payload) {
  const std::vector<uint8_t> bytes(std::max(payload, 8u), 5);
  for (uint32_t at = 0; at < count; ++at) {
    FrameHeader header;
    header.type = static_cast<FrameType>(at % 5);
    header.id_kind = static_cast<IdKind>(at % 3);
    header.id = header.id_kind == IdKind::wide ? Id{at, at} : integer_id(at);
    header.has_source = at % 2 == 0 || header.type == FrameType::offset;
    header.source = {static_cast<uint16_t>(at), {at % 3 == 0 ? at : 0ull, at * 100ull}};
    const bool drops = header.type == FrameType::drop;
    if (!intake.append_full(header, bytes.data(), drops ? 8 : payload)) break;
  }
  intake.publish();
}

void write_journals() {
  const JournalIdentity identity{0x0123456789abcdef, 3, kRingBytesMin};
  const auto save = [&](const std::string& name, uint8_t repairs, uint8_t mode, uint64_t position,
                        uint64_t sequence, std::span<const uint8_t> bytes) {
    SparseWriter seed;
    seed.put<uint8_t>(repairs);
    seed.put<uint8_t>(mode);
    if ((mode & 1) == 0) seed.put<uint8_t>(7);
    seed.put<uint64_t>(position);
    seed.put<uint64_t>(sequence);
    seed.put_file(0, bytes, bytes.size());
    write_seed("journal", name, seed.bytes());
  };
  for (const uint64_t start : {uint64_t{0}, uint64_t{3} * kRingBytesMin - 200}) {
    MemoryStorage disk;
    bool created = false;
    auto region = must(open_journal(disk, "d", identity, Writer::mapped, &created));
    const auto memory = region->memory();
    Ring ring(memory.subspan(kJournalHeaderBytes), start, start);
    Intake intake(ring, journal_seed(identity), 7, 1'700'000'000'000'000);
    put_frames(intake, 12, 20);
    const std::string kind = start == 0 ? "new" : "wrapped";
    save(kind, kAllRepairs, 0, start, 7, memory.subspan(kJournalHeaderBytes));
    save(kind + "-file", kChecksums, 1, start, 7, memory);
    save(kind + "-untouched", 0, 3, start, 7, memory);
  }
}

// ---- manifest, boxes, details ----

void write_small_files() {
  MemoryStorage disk;
  StreamOptions options;
  options.directory = "d";
  options.name = "trades";
  options.shards = 2;
  options.delivery = Delivery::exactly_once;
  options.dedup = true;
  static_cast<void>(must(open_manifest(disk, options)));
  const auto with_mode = [](uint8_t mode, std::vector<uint8_t> bytes) {
    bytes.insert(bytes.begin(), mode);
    return bytes;
  };
  write_seed("manifest", "manifest", with_mode(0, disk.image().at("d/stream")));
  write_seed("manifest", "manifest-repaired", with_mode(1, disk.image().at("d/stream")));
  const std::vector<uint8_t> content{'[', ']'};
  write_seed("manifest", "box", with_mode(2, seal_box("structures", 0, content)));
  write_seed("manifest", "box-repaired", with_mode(3, seal_box("structures", 0, {})));
}

void put_detail(SparseWriter& to, double sequence, uint32_t action, const std::string& history,
                double due_ms = 1000) {
  to.put<double>(sequence);
  to.put<double>(due_ms);
  to.put<uint32_t>(action);
  to.put<uint32_t>(1);
  to.put<uint32_t>(0);
  to.put<uint32_t>(static_cast<uint32_t>(history.size()));
  for (const char letter : history) to.put<char>(letter);
  for (std::size_t at = history.size(); at % 8 != 0; ++at) to.put<char>(0);
}

void write_details() {
  for (uint8_t mode = 0; mode < 4; ++mode) {
    SparseWriter seed;
    seed.put<uint8_t>(mode);
    // Five messages: three processed, one parked, one dead. The slots hold outcome + 1.
    seed.put<uint8_t>(5);
    for (const uint8_t outcome : {1, 6, 1, 5, 1}) seed.put<uint8_t>(outcome);
    seed.put<int64_t>(10);
    SparseWriter details;
    put_detail(details, 2, 1, "[]");
    put_detail(details, 4, 2, "[{\"error\":\"no\"}]");
    seed.put<uint16_t>(static_cast<uint16_t>(details.bytes().size()));
    for (const uint8_t byte : details.bytes()) seed.put(byte);
    // Then the parked one is settled, with two more.
    seed.put<uint8_t>(2);
    for (const uint8_t outcome : {1, 2}) seed.put<uint8_t>(outcome);
    seed.put<int64_t>(-1);
    SparseWriter later;
    put_detail(later, 2, mode == 1 ? 2 : 3, "");
    seed.put<uint16_t>(static_cast<uint16_t>(later.bytes().size()));
    for (const uint8_t byte : later.bytes()) seed.put(byte);
    write_seed("details", "mode-" + std::to_string(mode), seed.bytes());
  }
}

// ---- a whole shard ----

void write_shards() {
  for (const uint8_t mode : {uint8_t{0}, uint8_t{5}, uint8_t{10}, uint8_t{31}}) {
    StreamOptions options;
    options.directory = "d";
    options.delivery = Delivery::at_least_once;
    options.durability = (mode & 2) != 0 ? Durability::disk
                         : (mode & 1) != 0 ? Durability::interval : Durability::process;
    options.ring_bytes = kRingBytesMin;
    options.segment_bytes = kSegmentBytes;
    options.dedup = (mode & 4) != 0;
    options.window_us = 1'000'000'000;
    options.ids_max = 256;
    options.in_flight_max = 64;
    Manifest manifest;
    manifest.ring_bytes = options.ring_bytes;
    manifest.segment_bytes = options.segment_bytes;
    manifest.salt = kSalt;
    MemoryStorage disk;
    Doorbell doorbell;
    auto shard = must(Shard::open(disk, options, manifest, 0, false));
    shard->doorbell = &doorbell;
    put_frames(shard->intake(), 12, 20);
    must(shard->sync_group());
    Consumer& consumer = shard->consumer();
    require(must(consumer.poll(4, 1)).count >= 3, "a seed's messages are polled");
    consumer.slots()[2].outcome = static_cast<int32_t>(Outcome::parked);
    consumer.slots()[3].outcome = static_cast<int32_t>(Outcome::dead_lettered);
    const std::vector<uint8_t> history{'n', 'o'};
    const std::vector<Detail> details{
        {2, Detail::Action::park, 1, 500, Outcome::processed, history},
        {3, Detail::Action::dead_letter, 1, 0, Outcome::dead_lettered, history}};
    require(must(consumer.commit(3, 7, details)) == Committed::done, "a seed's commit has room");
    must(shard->sync_group());
    SparseWriter seed;
    seed.put<uint8_t>(mode == 10 ? 0 : kAllRepairs);
    seed.put<uint8_t>(mode);
    for (const auto& [path, bytes] : disk.image()) {
      const std::string name = path.substr(std::string("d/shard-0/").size());
      const auto number = acklog::segment_number(name);
      const uint32_t file = name == "journal" ? 0 : name == "dead-letters.log" ? 1
                                                  : static_cast<uint32_t>(number.value_or(1) + 1);
      seed.put_file(file, bytes, kSegmentBytes);
    }
    write_seed("shard", "mode-" + std::to_string(mode), seed.bytes());
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "fuzz_seeds FOLDER: the corpus to write the seeds into\n";
    return 2;
  }
  corpus = arguments[1];
  write_ack_logs();
  write_commits();
  write_dead_letters();
  write_journals();
  write_small_files();
  write_details();
  write_shards();
  return 0;
}
