#include "faults/episode.h"

#include "faults/points.h"

namespace semel::faults {
namespace {

// Rows that no source can read have ids of the library's own, apart from those of sent letters.
constexpr uint64_t kRowIds = uint64_t{1} << 40;
constexpr int kStepsMax = 4000;
constexpr uint64_t kStepUs = 800;

Setting draw_setting(Random& random, Crash crash, bool transactional) {
  Setting setting;
  const uint64_t levels = random() % 8;
  setting.durability = levels < 5   ? Durability::disk
                       : levels < 7 ? Durability::interval
                                    : Durability::process;
  // A process may die at any level alike; of a power loss `process` promises little.
  if (crash == Crash::process_death && random() % 2 == 0) setting.durability = Durability::process;
  if (transactional) {
    setting.sink = SinkKind::transactional;
  } else if (random() % 4 == 0) {
    setting.delivery = Delivery::at_least_once;
    setting.dedup = random() % 2 == 0;
    setting.sink = random() % 2 == 0 ? SinkKind::rewindable : SinkKind::repeatable;
  } else if (random() % 4 == 0) {
    setting.sink = SinkKind::idempotent;
  } else if (random() % 3 == 0) {
    setting.sink = SinkKind::transactional;
  }
  if (setting.sink == SinkKind::transactional) {
    setting.history_bytes = static_cast<uint32_t>(random() % 3 * 400);
  }
  setting.source = random() % 4 == 0;
  if (setting.source) {
    // Offsets tell copies as ids do.
    if (random() % 3 == 0) setting.dedup = false;
    setting.journal = random() % 2 == 0;
  }
  const uint64_t keys = random();
  setting.keys = 1 + static_cast<uint32_t>(keys % 12);
  setting.beside = setting.sink == SinkKind::transactional && (keys >> 32) % 2 == 0;
  return setting;
}

}  // namespace

Episode::Episode(uint64_t seed, Crash crash, uint64_t images_max, bool transactional)
    : seed_(seed),
      crash_(crash),
      images_max_(images_max),
      random_(seed),
      setting_(draw_setting(random_, crash, transactional)),
      restless_(chance(4)),
      known_(Ledger(seed, setting_.keys)),
      disk_(std::make_unique<SimulatedStorage>()) {
  known_.external.reseed(random_());
  on_point([this](const char*) {
    observe(Moment::step);
    interleave();
  });
}

Episode::~Episode() { on_point(nullptr); }

std::optional<Found> Episode::run() {
  open();
  for (int i = 0; i < kStepsMax && !failure_ && !has_ended_ && tally_.images < images_max_; ++i) {
    step();
  }
  if (!failure_) return std::nullopt;
  return Found{seed_, setting_.name(), *failure_};
}

bool Episode::rest() {
  if (failure_ || has_ended_ || stand_ == nullptr) return false;
  judging_ = working_ = syncing_ = sending_ = true;  // nobody looks, and nobody steps in
  Status status = stand_->drain(&now_us_);
  for (int commits = 0; commits < 2 && status.is_ok(); ++commits) {
    status = stand_->replace_worker(now_us_);
    if (status.is_ok()) status = stand_->shard().close();
  }
  give_receipts();
  expect(status, "comes to rest");
  return !failure_;
}

Witness Episode::witness() const {
  return {setting_, known_, now_us_, known_.epoch};
}

void Episode::fail(Failure failure) {
  if (!failure_) failure_ = std::move(failure);
}

void Episode::expect(const Status& status, const char* doing) {
  if (!status.is_ok()) fail({doing, status.message()});
}

// ---- the life of the stream ----

void Episode::open() {
  using Operation = SimulatedStorage::Operation;
  disk_->before = [this](Operation operation, const std::string&) {
    const bool syncs = operation == Operation::sync || operation == Operation::sync_directory ||
                       operation == Operation::rename;
    observe(syncs ? Moment::sync : Moment::operation);
    interleave();
  };
  working_ = syncing_ = sending_ = true;
  auto opened = Stand::open(*disk_, setting_, known_.ledger, known_.external);
  Status status = opened.status();
  if (opened.is_ok()) {
    stand_ = std::move(opened.value());
    status = stand_->begin(now_us_);
  }
  working_ = syncing_ = sending_ = false;
  // After a power loss that the level does not survive, a refusal is an answer; the history ends.
  if (!status.is_ok() && crash_ == Crash::power_loss && !setting_.syncs()) {
    has_ended_ = true;
    return;
  }
  expect(status, "opens");
  if (!status.is_ok()) return;
  frames_.clear();
  known_.epoch = stand_->shard().epoch();
  known_.sequence = stand_->shard().intake().sequence();
  if (setting_.source) {
    uint64_t resumed = 0;
    for (const SourceOffset& source : stand_->shard().stored_sources()) resumed = source.offset.low;
    known_.ledger.resume_source(resumed);
  }
}

void Episode::end_of_life() {
  disk_->before = nullptr;
  stand_.reset();
  fate_.reset();
  known_.ledger.crashed();
  unknown_.clear();
  dropped_.clear();
  if (setting_.source) return;
  for (uint64_t id = 1; id <= known_.ledger.last_id(); ++id) {
    if (!known_.ledger.entry(id).receipted) unknown_.push_back(id);
  }
}

Image Episode::crash() {
  return crash_ == Crash::power_loss ? disk_->crash(random_) : disk_->survive();
}

void Episode::crash_and_open() {
  Image left = fate_ ? std::move(fate_->image) : crash();
  if (fate_) {
    stand_.reset();
    known_ = std::move(fate_->known);
  }
  end_of_life();
  disk_ = std::make_unique<SimulatedStorage>(left);
  open();
}

void Episode::close_and_open() {
  working_ = syncing_ = sending_ = true;  // they have ended
  const Status closed = stand_->shard().close();
  expect(closed, "closes");
  working_ = syncing_ = sending_ = false;
  give_receipts();
  end_of_life();
  disk_ = std::make_unique<SimulatedStorage>(disk_->survive());
  open();
}

void Episode::step() {
  if (fate_) return crash_and_open();
  now_us_ += random_() % kStepUs;
  const uint64_t drawn = random_() % 1000;
  if (drawn < 330) {
    send();
  } else if (drawn < 620) {
    work();
  } else if (drawn < 880) {
    sync();
  } else if (drawn < 920) {
    disk_->write_back(random_);
  } else if (drawn < 950) {
    send_old_copy();
  } else if (drawn < 970) {
    end_letter();
  } else if (drawn < 985) {
    working_ = syncing_ = true;
    expect(stand_->replace_worker(now_us_), "a new worker takes over");
    sending_ = true;
    if (!failure_ && chance(4)) expect(stand_->drain(&now_us_), "runs on");
    working_ = syncing_ = sending_ = false;
  } else if (drawn < 990) {
    close_and_open();
  } else if (drawn < 994) {
    crash_and_open();
  } else {
    now_us_ += random_() % kWindowUs;
  }
  if (!failure_ && stand_ != nullptr) {
    give_receipts();
    check_dropped();
    observe(Moment::step);
  }
}

// Another thread's step in the middle of this one's.
void Episode::interleave() {
  if (judging_ || failure_ || stand_ == nullptr || !chance(8)) return;
  switch (random_() % 3) {
    case 0: return send();
    case 1: return work();
    default: return sync();
  }
}

void Episode::observe(Moment moment) {
  if (judging_ || failure_ || tally_.images >= images_max_) return;
  if (moment == Moment::operation && !chance(16)) return;
  if (moment == Moment::step && !chance(restless_ ? 3 : 24)) return;
  judging_ = true;
  if (stand_ != nullptr) give_receipts();
  Image image = crash();
  if (auto failure = judge(image, crash_, witness(), random_, &tally_)) fail(std::move(*failure));
  judging_ = false;
  if (restless_ && !fate_ && chance(16)) {
    fate_ = {std::move(image), known_};
  }
}

void Episode::give_receipts() {
  const Shard& shard = stand_->shard();
  known_.durable_sequence = std::max(known_.durable_sequence, shard.durable_sequence());
  // Without a journal nothing has a receipt: its source has it until it is done.
  if (!setting_.journal) return;
  // Between the stores of tail and number a group covers messages that have no receipt yet.
  while (!frames_.empty() && frames_.front().end <= shard.durable_position()) {
    known_.durable_sequence = std::max(known_.durable_sequence, frames_.front().sequence);
    frames_.pop_front();
  }
  known_.ledger.receipted(shard.durable_sequence());
}

// ---- the threads ----

void Episode::send() {
  if (sending_) return;
  sending_ = true;
  // After a crash one by one now and then, so that what it left behind them shows.
  const uint64_t burst = restless_ && chance(2) ? 1 : 1 + random_() % 12;
  for (uint64_t i = 0; i < burst; ++i) {
    const bool again = !unknown_.empty();
    const uint64_t id = again ? unknown_.front() : known_.ledger.next_id();
    if (!send_one(id)) break;
    if (again) unknown_.erase(unknown_.begin());
    // A sender that is not sure sends once more.
    if (setting_.dedup && !setting_.source && chance(12) && !send_one(id)) break;
  }
  stand_->shard().intake().publish();
  sending_ = false;
}

bool Episode::send_one(uint64_t id) {
  const Message message = known_.ledger.message(id);
  FrameHeader header;
  if (setting_.dedup) {
    header.id = id % 2 == 0 ? integer_id(id) : Id{id, id * 0x9E3779B97F4A7C15ull};
    header.id_kind = id_kind_of(header.id);
  }
  if (message.kind == Kind::row) {
    header.type = FrameType::malformed;
    header.id = {kRowIds + rows_++, kInternalHigh};
    header.id_kind = IdKind::wide;
  }
  if (setting_.source) {
    header.has_source = true;
    header.source = {0, id};
  }
  Intake& intake = stand_->shard().intake();
  intake.begin(now_us_);
  // Before it is taken: what is in the middle of being taken may come out of a crash.
  known_.sequence = intake.sequence() + 1;
  known_.ledger.sent(id, known_.sequence, now_us_);
  if (intake.append_full(header, message.payload.data(),
                         static_cast<uint32_t>(message.payload.size()))) {
    frames_.push_back({intake.sequence(), stand_->shard().ring().claimed()});
    return true;
  }
  known_.ledger.not_taken(id);
  return false;
}

// A copy as late as the window allows.
void Episode::send_old_copy() {
  if (!setting_.dedup || setting_.source || !unknown_.empty() || known_.ledger.last_id() == 0) return;
  // Of two, the older: most of those that are young enough are very young.
  const auto draw = [this] { return 1 + random_() % known_.ledger.last_id(); };
  const uint64_t id = std::min(draw(), draw());
  const Entry& entry = known_.ledger.entry(id);
  if (entry.copies != 1 || now_us_ > entry.first_us + kWindowUs * 7 / 8) return;
  sending_ = true;
  if (send_one(id)) stand_->shard().intake().publish();
  sending_ = false;
}

void Episode::end_letter() {
  const DeadLetters& letters = *stand_->shard().dead_letters();
  std::optional<DeadLetter> chosen;
  expect(letters.visit_open([&](const DeadLetter& letter) {
    if (!chosen || chance(3)) chosen = letter;
    return true;
  }), "letters are read");
  if (!chosen) return;
  const uint64_t id = known_.ledger.id_of(chosen->payload);
  if (id == 0) return fail({"payload", "a dead letter holds what nobody has sent"});
  sending_ = true;
  FrameHeader header;
  Intake& intake = stand_->shard().intake();
  intake.begin(now_us_);
  if (chance(2) || chosen->type == static_cast<uint8_t>(FrameType::malformed)) {
    header.type = FrameType::drop;
    known_.ledger.entry(id).letter_dropped = true;
    const bool is_taken = intake.append_full(header, &chosen->number, sizeof chosen->number);
    // One that is sent again as well may be dealt with by that, and come back with its commit.
    if (is_taken && !known_.ledger.entry(id).letter_retried) {
      dropped_.emplace(chosen->number, false);
    }
  } else {
    header.type = FrameType::retry;
    header.id = {chosen->number, kInternalHigh};
    header.id_kind = IdKind::wide;
    known_.ledger.entry(id).letter_retried = true;
    dropped_.erase(chosen->number);
    known_.sequence = intake.sequence() + 1;
    if (intake.append_full(header, chosen->payload.data(),
                           static_cast<uint32_t>(chosen->payload.size()))) {
      frames_.push_back({intake.sequence(), stand_->shard().ring().claimed()});
    }
  }
  intake.publish();
  sending_ = false;
}

// What was dropped stays so, whatever becomes of the commits behind it.
void Episode::check_dropped() {
  for (auto& [number, is_gone] : dropped_) {
    const bool is_open = stand_->shard().dead_letters()->contains_open(number);
    if (is_gone && is_open) {
      return fail({"dropped", "dead letter " + std::to_string(number) + " was dropped, and is back"});
    }
    is_gone |= !is_open;
  }
}

void Episode::work() {
  if (working_) return;
  working_ = true;
  Worker& worker = stand_->worker();
  if (chance(2)) expect(worker.poll(1 + random_() % 40, now_us_), "polls");
  if (!failure_ && !chance(4)) expect(worker.finish(1 + random_() % 40, now_us_), "commits");
  working_ = false;
}

void Episode::sync() {
  if (syncing_) return;
  syncing_ = true;
  expect(stand_->sync(now_us_), "syncs");
  syncing_ = false;
}

}  // namespace semel::faults
