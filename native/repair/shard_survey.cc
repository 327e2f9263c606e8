// One shard: the strict readers say whether there is damage, the lenient ones how far it goes.
#include <algorithm>

#include "acklog/chain.h"
#include "repair/directory_survey.h"
#include "repair/shard_log_survey.h"

namespace semel {
namespace {

class Surveyor {
 public:
  Surveyor(Storage& storage, const std::string& directory, const Manifest& manifest, uint32_t index,
           bool made)
      : storage_(storage), manifest_(manifest), made_(made),
        identity_{manifest.salt, index, manifest.ring_bytes} {
    survey_.shard = index;
    survey_.directory = directory + "/shard-" + std::to_string(index);
  }

  Result<ShardSurvey> run() {
    auto exists = storage_.exists(survey_.directory);
    if (!exists.is_ok()) return exists.status();
    if (!exists.value() && !made_) return std::move(survey_);
    if (exists.value()) SEMEL_TRY(find_leftovers());
    SEMEL_TRY(look_at_log(exists.value()));
    if (!survey_.refusals.empty() || (!has_log_ && !made_)) return std::move(survey_);
    SEMEL_TRY(manifest_.journal ? look_at_journal() : look_at_no_journal());
    if (!survey_.refusals.empty()) return std::move(survey_);
    SEMEL_TRY(look_at_letters());
    refuse_undecided();
    return std::move(survey_);
  }

 private:
  // What counts is for the sink to say, and so what there is to be repaired.
  void refuse_undecided() {
    const bool damaged = std::any_of(survey_.findings.begin(), survey_.findings.end(),
                                     [](const Finding& one) { return is_damage(one.kind); });
    if (damaged && survey_.state.undecided > 0) refuse("ack-*.log", kUndecided);
  }

  void find(FindingKind kind, const std::string& name, uint64_t offset, std::string what) {
    survey_.findings.push_back(
        {kind, survey_.directory + "/" + name, offset, std::move(what),
         static_cast<int>(survey_.shard)});
  }
  // A file that is another's is not to be repaired.
  void add(Finding finding) {
    finding.shard = static_cast<int>(survey_.shard);
    if (finding.kind == FindingKind::foreign) survey_.refusals.push_back(finding.path + " " + kPutBack);
    survey_.findings.push_back(std::move(finding));
  }
  void refuse(const std::string& name, const std::string& why) {
    survey_.refusals.push_back(survey_.directory + "/" + name + " " + why);
  }

  Status find_leftovers() {
    auto names = storage_.list(survey_.directory);
    if (!names.is_ok()) return names.status();
    for (const std::string& name : names.value()) {
      if (name.ends_with(".new") || name.ends_with(".repaired")) {
        find(FindingKind::leftover, name, 0, "a draft that a crash left");
      } else if (name.find(".torn-") != std::string::npos) {
        find(FindingKind::leftover, name, 0, "a copy of a torn tail, kept when it was cut");
      }
    }
    return Status::ok();
  }

  Status look_at_log(bool has_folder) {
    if (!has_folder) return no_log();
    const uint64_t salt = shard_salt(manifest_, survey_.shard);
    auto chain = acklog::read_chain(storage_, survey_.directory, salt, {});
    if (chain.is_ok()) {
      has_log_ = chain.value().exists;
      if (!has_log_) return no_log();
      for (const acklog::TornBytes& torn : chain.value().torn) {
        find(FindingKind::torn_tail, acklog::segment_name(torn.segment), torn.offset,
             std::to_string(torn.bytes) + " bytes of a block that was never acknowledged");
      }
      survey_.state = std::move(chain.value().recovered);
      return Status::ok();
    }
    const Code code = chain.status().code();
    if (code != Code::damaged && code != Code::format) return chain.status();
    has_log_ = true;
    survey_.log_damaged = true;
    auto log = acklog::survey(storage_, survey_.directory, salt);
    if (!log.is_ok()) return log.status();
    survey_.log = std::move(log.value());
    for (const Finding& fault : survey_.log.faults) add(fault);
    if (survey_.log.faults.empty()) add_strict(chain.status());
    survey_.state = survey_.log.state;
    if (survey_.log.state.has_commits && survey_.refusals.empty()) {
      refuse("ack-*.log", kUndecided);
    }
    if (survey_.log.blocks.empty() && survey_.refusals.empty()) {
      refuse("ack-*.log", kNoState);
    }
    return Status::ok();
  }

  Status no_log() {
    if (!made_) return Status::ok();
    find(FindingKind::missing, acklog::segment_name(1), 0, "the shard has lost its ack log");
    survey_.log_damaged = true;
    refuse("ack-*.log", kNoState);
    return Status::ok();
  }

  // What a strict reader refused, where the lenient one has found nothing.
  void add_strict(const Status& status) {
    const FileFault* fault = status.file_fault();
    if (fault == nullptr || !fault->offset.has_value()) {
      return find(FindingKind::damage, "", 0, status.message());
    }
    add({FindingKind::damage, fault->path, *fault->offset, fault->what});
  }

  // Without a journal its ring is empty, and nothing in it is missed.
  Status look_at_no_journal() {
    no_ring_.resize(manifest_.ring_bytes);
    ring_ = no_ring_;
    if (survey_.log_damaged) decide_log(survey_, ring_, seed_, manifest_.dedup);
    const AckHeader& header = survey_.state.header;
    survey_.mended.sequence = header.through;
    survey_.mended.position = header.journal_position;
    return Status::ok();
  }

  Status look_at_journal() {
    auto journal = read_journal(storage_, survey_.directory, identity_);
    if (!journal.is_ok()) return journal.status();
    survey_.journal = std::move(journal.value());
    JournalContent& content = survey_.journal;
    if (!content.exists && !made_) return Status::ok();
    if (!content.exists) {
      find(FindingKind::missing, "journal", 0, "what was stored and not done was in it");
      survey_.journal_damaged = true;
    } else if (content.fault.has_value()) {
      add(*content.fault);
      if (!survey_.refusals.empty()) return Status::ok();
      survey_.journal_damaged = true;
    }
    ring_ = std::span(content.bytes).subspan(kJournalHeaderBytes);
    seed_ = journal_seed(identity_);
    if (survey_.log_damaged) decide_log(survey_, ring_, seed_, manifest_.dedup);
    AckRecovered& state = survey_.state;
    MendOrder& order = survey_.mend;
    order = {state.header.journal_position,
             state.header.through,
             state.header.time_us,
             state.header.journal_durable,
             (!state.synced && !state.clean && !state.empty) || survey_.log.tail_lost,
             manifest_.dedup};
    survey_.mended = plan_mend(ring_, seed_, order);
    tell_journal();
    // A journal that ends too early may have held more than the ack log knows of.
    const bool cut_short = survey_.journal_damaged && survey_.mended.kept.empty();
    if (cut_short && !state.clean && !survey_.stake.unknown_behind.has_value()) {
      survey_.stake.unknown_behind = survey_.mended.sequence;
    }
    return Status::ok();
  }

  uint64_t file_offset(uint64_t position) const {
    return kJournalHeaderBytes + (position & (ring_.size() - 1));
  }

  static std::string hole_text(const JournalHole& hole) {
    const std::string behind = hole.good_behind ? "; good ones follow" : "";
    if (hole.first > hole.last) return "bytes between messages do not check" + behind;
    if (hole.first == hole.last) {
      return "message " + std::to_string(hole.first) + " was stored and does not check" + behind;
    }
    return "messages " + std::to_string(hole.first) + " to " + std::to_string(hole.last) +
           " were stored and do not check" + behind;
  }

  void tell_journal() {
    const Mended& mended = survey_.mended;
    if (!mended.holes.empty()) {
      for (const JournalHole& hole : mended.holes) {
        if (!survey_.journal.exists) break;  // said already
        find(FindingKind::damage, "journal", file_offset(hole.position), hole_text(hole));
      }
      survey_.journal_damaged = true;
      survey_.stake.lost.add(mended.lost);
      return;
    }
    if (!survey_.journal.exists || survey_.journal_damaged || survey_.state.clean) return;
    const auto behind = find_runs(ring_, seed_, mended.position, mended.sequence);
    if (!behind.empty()) {
      find(FindingKind::torn_tail, "journal", file_offset(mended.position),
           "message " + std::to_string(mended.sequence + 1) + " does not check, later ones up to " +
               std::to_string(behind.back().last) +
               " do: after a power loss a torn tail that nothing has acknowledged, else damage");
      return;
    }
    const uint8_t* at = ring_.data() + (mended.position & (ring_.size() - 1));
    if (file_offset(mended.position) + kFullHeaderBytes <= survey_.journal.bytes.size() &&
        load<uint64_t>(at + 8) == mended.sequence + 1 && load<uint32_t>(at) != 0) {
      find(FindingKind::torn_tail, "journal", file_offset(mended.position),
           "message " + std::to_string(mended.sequence + 1) + " was never stored as a whole");
    }
  }

  Status look_at_letters() {
    if (survey_.log_damaged) SEMEL_TRY(keep_later_letters(survey_, letter_options(storage_, survey_, manifest_)));
    const DeadLetters::Options options = letter_options(storage_, survey_, manifest_);
    auto opened = DeadLetters::open_read_only(options);
    if (opened.is_ok()) return Status::ok();
    if (opened.status().code() != Code::damaged &&
        opened.status().code() != Code::format) {
      return opened.status();
    }
    auto letters = deadletters::survey(options, survey_.state.header.counters.dead_lettered);
    if (!letters.is_ok()) return letters.status();
    survey_.letters = std::move(letters.value());
    for (const Finding& fault : survey_.letters.faults) add(fault);
    if (survey_.letters.faults.empty()) add_strict(opened.status());
    survey_.letters_damaged = true;
    survey_.stake.letters.add(survey_.letters.lost);
    return Status::ok();
  }

  static constexpr const char* kPutBack =
      "is another stream's or shard's, or another version's: put the right file in its place, or move "
      "it away; a missing file is repaired as far as the others allow";
  static constexpr const char* kUndecided =
      "has commits of which only its transactional sink knows whether they took effect, and a repair of "
      "damage does not ask it; put a copy of the directory back, or begin with a new, empty one and let "
      "that go on from the sink (semel repair DIR --trust-sink)";
  static constexpr const char* kNoState =
      "holds nothing that can be read, so what is done is not known: restore it from a copy, or begin "
      "with another directory";

  Storage& storage_;
  const Manifest& manifest_;
  const bool made_;
  const JournalIdentity identity_;
  bool has_log_ = false;
  std::vector<uint8_t> no_ring_;
  std::span<uint8_t> ring_;
  uint32_t seed_ = 0;
  ShardSurvey survey_;
};

}  // namespace

bool ShardSurvey::damaged() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& one) { return is_damage(one.kind); });
}

Result<ShardSurvey> survey_shard(Storage& storage, const std::string& directory,
                                 const Manifest& manifest, uint32_t index, bool made) {
  return Surveyor(storage, directory, manifest, index, made).run();
}

}  // namespace semel
