#include "faults/judge.h"

#include <algorithm>
#include <map>

namespace semel::faults {
namespace {

// What a recovered stream shows once it has run to the end.
struct Shown {
  std::vector<uint64_t> effects;
  std::vector<uint32_t> effects_of;  // by id
  std::vector<uint32_t> letters_of;
};

class Judge {
 public:
  Judge(Crash crash, const Witness& witness, Random& random, Tally* tally)
      : crash_(crash), witness_(witness), setting_(witness.setting), ledger_(witness.known.ledger),
        random_(random), tally_(*tally) {}

  std::optional<Failure> judge(const Image& image);

 private:
  bool survives() const { return crash_ == Crash::process_death || setting_.syncs(); }
  bool transacts() const { return setting_.sink == SinkKind::transactional; }
  // Of an opening after a crash that the level does not survive.
  bool is_answer(const Status& refused) const {
    return refused.code() == Code::damaged || (transacts() && refused.code() == Code::sink_ahead);
  }
  std::optional<Failure> check_recovered(Stand& stand) const;
  std::optional<Failure> check_claims(Stand& stand);
  std::optional<Failure> check_second(const Image& image, const std::string& first);
  std::optional<Failure> show(Stand& stand, Shown* shown) const;
  std::optional<Failure> check_agreement(Stand& stand) const;
  std::optional<Failure> check_once(const Shown& shown);
  std::optional<Failure> check_recorded(const SimulatedStorage& disk);
  std::optional<Failure> check_ids(const Shown& shown);
  std::optional<Failure> check_id(uint64_t id, const Shown& shown);
  std::optional<Failure> check_order(const Shown& shown);
  bool may_repeat(uint64_t id) const;

  const Crash crash_;
  const Witness& witness_;
  const Setting& setting_;
  const Ledger& ledger_;
  Random& random_;
  Tally& tally_;
  External external_{1};
  uint64_t resumed_ = 0;  // the id up to which a source need not be read again
};

std::optional<Failure> Judge::judge(const Image& image) {
  tally_.images += 1;
  tally_.acknowledged += ledger_.receipts();
  external_ = witness_.known.external;
  external_.reseed(random_());
  SimulatedStorage disk(image);
  Image amid;  // a second crash, while the first is being recovered from
  const uint64_t second_at = random_() % 8 == 0 ? 1 + random_() % 24 : 0;
  uint64_t operations = 0;
  disk.before = [&](SimulatedStorage::Operation, const std::string&) {
    if (++operations != second_at) return;
    amid = crash_ == Crash::power_loss ? disk.crash(random_) : disk.survive();
  };
  auto opened = Stand::open(disk, setting_, ledger_, external_);
  disk.before = nullptr;
  if (!opened.is_ok()) {
    if (!survives() && is_answer(opened.status())) {
      tally_.refused += 1;
      return std::nullopt;
    }
    tally_.lost += 1;
    return Failure{"opens", opened.status().message()};
  }
  Stand& stand = *opened.value();
  tally_.redelivered += stand.shard().recovery().redelivered;
  tally_.torn += stand.shard().recovery().ack_torn > 0 || stand.shard().recovery().journal_cut > 0;
  if (auto failure = check_recovered(stand)) return failure;
  if (auto failure = check_claims(stand)) return failure;
  if (auto failure = check_agreement(stand)) return failure;
  const std::string first = stand.recovered();
  if (!amid.files.empty()) {
    if (auto failure = check_second(amid, first)) return failure;
  } else if (random_() % 4 == 0) {
    if (auto failure = check_second(disk.survive(), first)) return failure;
  }
  Shown shown;
  uint64_t now_us = witness_.now_us;
  Status drained = stand.begin(now_us);
  if (drained.is_ok()) drained = stand.drain(&now_us);
  if (!drained.is_ok()) {
    if (drained.code() == Code::sink_ahead || drained.code() == Code::sink_behind) {
      return Failure{"refuses", drained.message()};
    }
    if (!survives()) {
      // What this level does not promise may be gone, but what comes must be what was sent.
      const bool wrong = drained.message().starts_with("wrong payload");
      tally_.refused += wrong ? 0 : 1;
      return wrong ? std::optional(Failure{"payload", drained.message()}) : std::nullopt;
    }
    return Failure{drained.message().starts_with("wrong payload") ? "payload" : "runs on",
                   drained.message()};
  }
  if (auto failure = check_recovered(stand)) return failure;
  if (!survives() && !transacts()) return std::nullopt;
  if (auto failure = check_agreement(stand)) return failure;
  if (auto failure = show(stand, &shown)) return failure;
  if (!survives()) return check_once(shown);
  if (auto failure = check_recorded(disk)) return failure;
  if (auto failure = check_ids(shown)) return failure;
  return check_order(shown);
}

std::optional<Failure> Judge::check_recovered(Stand& stand) const {
  Shard& shard = stand.shard();
  const ShardStatus status = shard.status();
  const Counters& ends = status.consumer.outcomes;
  const uint64_t accounted = ends.processed + ends.filtered + ends.duplicate + ends.late +
                          ends.dead_lettered + ends.dropped + status.consumer.parked;
  if (accounted != status.consumer.through) {
    return Failure{"conservation", std::to_string(status.consumer.through) + " messages are done, " +
                                       std::to_string(accounted) + " have an outcome or are parked"};
  }
  if (!survives()) return std::nullopt;
  if (shard.epoch() <= witness_.epoch && setting_.durability != Durability::interval) {
    return Failure{"epoch", "a new opening has epoch " + std::to_string(shard.epoch()) +
                                ", the one that crashed had " + std::to_string(witness_.epoch)};
  }
  const int64_t place = shard.consumer().sink_places().first;
  if (place > 0 && setting_.sink == SinkKind::rewindable) {
    Status read = stand.sink().begin(place);
    if (read.is_ok()) read = stand.sink().effects(place).status();
    if (!read.is_ok()) return Failure{"committed read", read.message()};
  }
  return std::nullopt;
}

// What recovery says of messages that are not there any more, it may say only of durable ones.
std::optional<Failure> Judge::check_claims(Stand& stand) {
  if (!survives()) return std::nullopt;
  const uint64_t through = stand.shard().consumer().counters().through;
  if (setting_.durability == Durability::disk && through > witness_.known.durable_sequence) {
    return Failure{"ack before journal", "message " + std::to_string(through) +
                                             " is acknowledged, and only " +
                                             std::to_string(witness_.known.durable_sequence) +
                                             " were durable"};
  }
  // What a recovery has cut never comes back.
  const uint64_t stored = stand.shard().intake().sequence();
  if (stored > witness_.known.sequence) {
    return Failure{"ghost", "message " + std::to_string(stored) + " is there, and only " +
                                std::to_string(witness_.known.sequence) + " were taken"};
  }
  if (!setting_.source) return std::nullopt;
  for (const SourceOffset& source : stand.shard().stored_sources()) resumed_ = source.offset.low;
  for (uint64_t id = resumed_ + 1; id <= ledger_.last_id(); ++id) {
    if (!ledger_.entry(id).receipted) continue;
    return Failure{"source", "the source would give message " + std::to_string(id) +
                                 " again, which has a receipt"};
  }
  return std::nullopt;
}

// The same bytes, or those that a crash in the middle of the recovery left, give the same state.
std::optional<Failure> Judge::check_second(const Image& image, const std::string& first) {
  SimulatedStorage disk(image);
  External external = external_;
  auto opened = Stand::open(disk, setting_, ledger_, external);
  if (!opened.is_ok()) {
    if (!survives()) return std::nullopt;
    return Failure{"recovers twice", "the second time: " + opened.status().message()};
  }
  const std::string second = opened.value()->recovered();
  if (second == first) return std::nullopt;
  if (!survives()) return std::nullopt;
  return Failure{"recovers twice", "first " + first + "; then " + second};
}

// What counts has exactly the effects that the sink has, and so has a file beside it.
std::optional<Failure> Judge::check_agreement(Stand& stand) const {
  if (!transacts()) return std::nullopt;
  const Consumer& consumer = stand.shard().consumer();
  const uint64_t processed = consumer.counters().outcomes.processed;
  if (processed != external_.effects.size()) {
    return Failure{"sink and directory disagree",
                   std::to_string(processed) + " messages count as processed, the sink has " +
                       std::to_string(external_.effects.size()) + " effects"};
  }
  const int64_t place = consumer.sink_places().of(1);
  if (stand.beside() == nullptr || place < 0 || !survives()) return std::nullopt;
  Status read = stand.beside()->begin(place);
  if (!read.is_ok()) return Failure{"file and sink disagree", read.message()};
  auto effects = stand.beside()->effects(place);
  if (!effects.is_ok()) return Failure{"file and sink disagree", effects.status().message()};
  if (effects.value() == external_.effects) return std::nullopt;
  return Failure{"file and sink disagree",
                 "the file has " + std::to_string(effects.value().size()) + " effects, the sink " +
                     std::to_string(external_.effects.size()) + ", or others"};
}

// After a crash that the level does not survive messages are gone, but none may have its effect again.
std::optional<Failure> Judge::check_once(const Shown& shown) {
  for (uint64_t id = 1; id <= ledger_.last_id(); ++id) {
    if (shown.effects_of[id] < 2 || may_repeat(id)) continue;
    tally_.twice += 1;
    return Failure{"twice", "message " + std::to_string(id) + " has " +
                                std::to_string(shown.effects_of[id]) + " effects"};
  }
  return std::nullopt;
}

// At rest the directory itself says what the sink has: an older one is refused.
std::optional<Failure> Judge::check_recorded(const SimulatedStorage& disk) {
  if (!transacts() || external_.last().is_none() || random_() % 8 != 0) return std::nullopt;
  SimulatedStorage left(crash_ == Crash::power_loss ? disk.crash(random_) : disk.survive());
  External older = external_;
  older.lose_newest();
  auto opened = Stand::open(left, setting_, ledger_, older);
  if (opened.status().code() == Code::sink_behind) return std::nullopt;
  return Failure{"written down", "a sink that has lost its newest commit is not refused: " +
                                     (opened.is_ok() ? "it opens" : opened.status().message())};
}

std::optional<Failure> Judge::show(Stand& stand, Shown* shown) const {
  auto effects = stand.sink().effects(stand.sink().place());
  if (!effects.is_ok()) return Failure{"committed read", effects.status().message()};
  shown->effects = std::move(effects.value());
  shown->effects_of.resize(ledger_.last_id() + 1);
  shown->letters_of.resize(ledger_.last_id() + 1);
  for (const uint64_t id : shown->effects) {
    if (id == 0 || id > ledger_.last_id() || ledger_.entry(id).copies == 0) {
      return Failure{"never sent", "the sink has an effect of " + std::to_string(id)};
    }
    ++shown->effects_of[id];
  }
  std::optional<Failure> wrong;
  const Status visited = stand.shard().dead_letters()->visit_open([&](const DeadLetter& letter) {
    const uint64_t id = ledger_.id_of(letter.payload);
    if (id == 0) {
      wrong = Failure{"payload", "dead letter " + std::to_string(letter.number) +
                                     " holds what nobody has sent"};
      return false;
    }
    ++shown->letters_of[id];
    return true;
  });
  if (!visited.is_ok()) return Failure{"dead letters", visited.message()};
  return wrong;
}

std::optional<Failure> Judge::check_ids(const Shown& shown) {
  for (uint64_t id = 1; id <= ledger_.last_id(); ++id) {
    if (auto failure = check_id(id, shown)) return failure;
  }
  return std::nullopt;
}

// A copy that came when the window had passed is another message.
bool Judge::may_repeat(uint64_t id) const {
  const Entry& entry = ledger_.entry(id);
  if (entry.copies < 2) return false;
  if (ledger_.message(id).kind == Kind::row) return true;
  return !setting_.dedup || entry.last_us > entry.first_us + kWindowUs;
}

std::optional<Failure> Judge::check_id(uint64_t id, const Shown& shown) {
  const Entry& entry = ledger_.entry(id);
  if (entry.copies == 0) return std::nullopt;
  const Kind kind = ledger_.message(id).kind;
  const uint32_t effects = shown.effects_of[id];
  const uint32_t letters = shown.letters_of[id];
  const bool works = kind == Kind::plain || kind == Kind::flaky;
  const uint32_t ends = works ? effects : effects + letters;
  const std::string what = "message " + std::to_string(id) + " has " + std::to_string(effects) +
                           " effects and " + std::to_string(letters) + " dead letters after " +
                           std::to_string(entry.copies) + " copies" +
                           (entry.letter_retried ? ", sent again as a letter" : "") +
                           (entry.letter_dropped ? ", dropped as a letter" : "");
  if (kind == Kind::filtered) {
    if (ends == 0) return std::nullopt;
    return Failure{"filtered", what + ", though it is filtered out"};
  }
  if (works && letters > 0) return Failure{"dead letters", what + ", though it works"};
  if (!works && effects > 0 && !entry.letter_retried) {
    return Failure{"dead letters", what + ", though it never works"};
  }
  const bool is_stored = entry.receipted || (setting_.source && id <= resumed_);
  if (is_stored && ends == 0 && !entry.letter_dropped) {
    tally_.lost += 1;
    return Failure{"lost", what + ", though it was stored"};
  }
  const bool repeats =
      (setting_.sink == SinkKind::rewindable || transacts()) && (setting_.dedup || setting_.source);
  if (ends > 1 && setting_.delivery == Delivery::exactly_once && repeats && !may_repeat(id)) {
    tally_.twice += 1;
    return Failure{"twice", what};
  }
  if (ends > 1) tally_.repeated += 1;
  return std::nullopt;
}

std::optional<Failure> Judge::check_order(const Shown& shown) {
  std::map<uint32_t, uint64_t> newest;
  std::vector<bool> had(ledger_.last_id() + 1);
  for (const uint64_t id : shown.effects) {
    const bool again = had[id];
    had[id] = true;
    // A replay goes back and comes forward again; a dead letter that is sent again comes when it does.
    if (again || ledger_.entry(id).letter_retried) continue;
    uint64_t& last = newest[ledger_.message(id).key];
    if (id < last) {
      tally_.out_of_order += 1;
      return Failure{"order", "message " + std::to_string(id) + " takes effect behind " +
                                  std::to_string(last) + " of the same key"};
    }
    last = id;
  }
  return std::nullopt;
}

}  // namespace

void Tally::add(const Tally& other) {
  images += other.images;
  acknowledged += other.acknowledged;
  lost += other.lost;
  twice += other.twice;
  out_of_order += other.out_of_order;
  refused += other.refused;
  redelivered += other.redelivered;
  repeated += other.repeated;
  torn += other.torn;
}

std::optional<Failure> judge(const Image& image, Crash crash, const Witness& witness, Random& random,
                             Tally* tally) {
  return Judge(crash, witness, random, tally).judge(image);
}

}  // namespace semel::faults
