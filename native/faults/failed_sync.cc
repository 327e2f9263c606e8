#include <chrono>
#include <thread>

#include "faults/scenarios.h"
#include "shard/stream.h"

namespace semel::faults {
namespace {

constexpr uint64_t kMessages = 400;
constexpr auto kWaitMax = std::chrono::seconds(5);

class FailedSync {
 public:
  FailedSync(uint64_t seed, Tally* tally)
      : seed_(seed), random_(seed), known_(Ledger(seed, 4)), tally_(*tally) {
    setting_.durability = random_() % 3 == 0 ? Durability::interval : Durability::disk;
  }

  std::optional<Found> run() {
    std::optional<Failure> failure = live();
    stream_.reset();
    if (!failure) {
      const Witness witness{setting_, known_, now_us_, 0};
      failure = judge(disk_.crash(random_), Crash::power_loss, witness, random_, &tally_);
    }
    if (!failure) return std::nullopt;
    return Found{seed_, setting_.name() + ", a sync fails", *failure};
  }

 private:
  std::optional<Failure> live() {
    StreamOptions options = stream_options(setting_);
    options.interval_us = 200;
    options.group_pause_us = 0;
    auto opened = Stream::open(disk_, options);
    if (!opened.is_ok()) return Failure{"opens", opened.status().message()};
    stream_ = std::move(opened.value());
    fail_one_sync();
    const auto until = std::chrono::steady_clock::now() + kWaitMax;
    while (stream_->health().is_ok() && known_.ledger.last_id() < kMessages) {
      send(1 + random_() % 20);
      if (random_() % 4 == 0) std::this_thread::yield();
      note_receipts();
    }
    // Either everything is durable, or the stream has ended: a receipt is given as long as it has not.
    while (stream_->health().is_ok() && stream_->shard(0).has_unsynced()) {
      if (std::chrono::steady_clock::now() > until) return Failure{"runs on", "a group takes for ever"};
      note_receipts();
      std::this_thread::yield();
    }
    note_receipts();
    stream_->abandon();
    disk_.fault = nullptr;
    return std::nullopt;
  }

  void fail_one_sync() {
    const uint64_t failing = 1 + random_() % 12;
    const Code code = random_() % 4 == 0 ? Code::no_space : Code::io;
    disk_.fault = [this, failing, code](SimulatedStorage::Operation operation, const std::string& path) {
      if (operation != SimulatedStorage::Operation::sync || ++syncs_ != failing) return Status::ok();
      return Status{code, "cannot sync " + path};
    };
  }

  void send(uint64_t count) {
    Intake& intake = stream_->shard(0).intake();
    now_us_ = stream_->clock().now_us();
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t id = known_.ledger.next_id();
      const Message message = known_.ledger.message(id);
      FrameHeader header;
      header.id = integer_id(id);
      header.id_kind = IdKind::integer;
      if (message.kind == Kind::row) header.type = FrameType::malformed;
      intake.begin(now_us_);
      known_.sequence = intake.sequence() + 1;
      known_.ledger.sent(id, known_.sequence, now_us_);
      if (intake.append_full(header, message.payload.data(),
                             static_cast<uint32_t>(message.payload.size()))) {
        continue;
      }
      known_.ledger.not_taken(id);
      break;
    }
    stream_->publish(0);
  }

  void note_receipts() {
    known_.durable_sequence = stream_->shard(0).durable_sequence();
    if (setting_.journal) known_.ledger.receipted(known_.durable_sequence);
  }

  const uint64_t seed_;
  Random random_;
  Setting setting_;
  Known known_;
  Tally& tally_;
  SimulatedStorage disk_;
  std::unique_ptr<Stream> stream_;
  std::atomic<uint64_t> syncs_{0};
  uint64_t now_us_ = 0;
};

}  // namespace

std::optional<Found> failed_sync(uint64_t seed, Tally* tally) { return FailedSync(seed, tally).run(); }

}  // namespace semel::faults
