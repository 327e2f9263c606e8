#include "repair/directory_survey.h"

#include <algorithm>

#include "repair/box_survey.h"
#include "repair/byte_mend.h"
#include "repair/repair_intent.h"
#include "shard/box.h"
#include "shard/unfinished_repair.h"

namespace semel {
namespace {

class Surveyor {
 public:
  Surveyor(Storage& storage, const std::string& directory)
      : storage_(storage), directory_(directory) {}

  Result<DirectorySurvey> run() {
    survey_.found.holder = storage_.holder(directory_);
    SEMEL_TRY(look_at_manifest());
    SEMEL_TRY(look_at_intent());
    SEMEL_TRY(find_leftovers());
    if (!survey_.manifest.has_value()) return std::move(survey_);
    survey_.found.name = survey_.manifest->name;
    SEMEL_TRY(look_at_boxes());
    if (survey_.manifest->delivery != Delivery::at_most_once) SEMEL_TRY(look_at_shards());
    SEMEL_TRY(mend_boxes());
    return std::move(survey_);
  }

 private:
  void find(FindingKind kind, const std::string& name, uint64_t offset, std::string what) {
    survey_.found.findings.push_back(
        {kind, directory_ + "/" + name, offset, std::move(what), kWholeDirectory});
  }

  Status look_at_manifest() {
    auto manifest = read_manifest(storage_, directory_);
    if (manifest.is_ok()) {
      survey_.manifest = manifest.value();
      return Status::ok();
    }
    auto exists = storage_.exists(directory_ + "/stream");
    if (!exists.is_ok()) return exists.status();
    if (!exists.value()) {
      auto shard = storage_.exists(directory_ + "/shard-0");
      if (!shard.is_ok()) return shard.status();
      if (!shard.value()) return manifest.status();
      find(FindingKind::missing, "stream", 0, "shard-0 is there, so it was");
      survey_.refusals.push_back(directory_ + "/stream is missing" + kSecrets);
      return Status::ok();
    }
    auto bytes = read_whole(storage_, directory_ + "/stream");
    if (!bytes.is_ok()) return bytes.status();
    const auto mended = mend_manifest(bytes.value());
    if (mended.has_value()) {
      find(FindingKind::damage, "stream", 0,
           "its checksum is wrong, and right again with one byte changed back");
      survey_.manifest_mended = *mended;
      survey_.manifest = parse_manifest(*mended, directory_).value();
      return Status::ok();
    }
    const Code code = manifest.status().code();
    if (code != Code::damaged && code != Code::format) return manifest.status();
    find(code == Code::damaged ? FindingKind::damage : FindingKind::foreign, "stream", 0,
         manifest.status().message());
    survey_.refusals.push_back(directory_ + "/stream does not check" + kSecrets);
    return Status::ok();
  }

  Status look_at_intent() {
    auto exists = storage_.exists(directory_ + "/" + kRepairIntent);
    if (!exists.is_ok()) return exists.status();
    survey_.repair_unfinished = exists.value();
    if (exists.value()) {
      find(FindingKind::damage, kRepairIntent, 0,
           "a repair was begun and not finished: what follows is of a state in between");
    }
    return Status::ok();
  }

  Status find_leftovers() {
    auto names = storage_.list(directory_);
    if (!names.is_ok()) return names.status();
    for (const std::string& name : names.value()) {
      if (name.find('/') != std::string::npos) continue;  // of a simulated disk, which lists all below
      if (name.ends_with(".new") || name.ends_with(kRepairedSuffix)) {
        find(FindingKind::leftover, name, 0, "a draft that a crash left");
      } else if (name.starts_with(kOriginalsPrefix)) {
        find(FindingKind::leftover, name, 0, "files as they were before a repair");
      }
    }
    return Status::ok();
  }

  Status look_at_boxes() {
    std::vector<std::string> names(std::begin(kBoxes), std::end(kBoxes));
    std::vector<std::string> of_sinks{kSinksBox};
    for (uint32_t shard = 0; shard < survey_.manifest->shards; ++shard) {
      of_sinks.push_back(sink_box(shard));
    }
    for (const std::string& name : of_sinks) {
      auto exists = storage_.exists(directory_ + "/" + name);
      if (!exists.is_ok()) return exists.status();
      if (exists.value()) names.push_back(name);
    }
    for (const std::string& name : names) {
      const std::string path = directory_ + "/" + name;
      auto content = read_box(storage_, directory_, name, survey_.manifest->salt);
      if (content.is_ok()) {
        if (name == kShardsBox) made_ = !content.value().empty();
        if (name == "sources") sources_ = content.value();
        continue;
      }
      const Code code = content.status().code();
      if (code != Code::damaged && code != Code::format) return content.status();
      damaged_boxes_.push_back(name);
      // Whatever it said: nobody repairs a stream that never was opened.
      if (name == kShardsBox) made_ = true;
      auto exists = storage_.exists(path);
      if (!exists.is_ok()) return exists.status();
      if (!exists.value()) {
        find(FindingKind::missing, name, 0, "it was made with the directory");
        continue;
      }
      auto bytes = read_whole(storage_, path);
      if (!bytes.is_ok()) return bytes.status();
      // It may be whole by now, beside a stream that has just replaced it.
      const Status check = check_box(bytes.value(), path, name, survey_.manifest->salt);
      const FileFault* fault = check.file_fault();
      find(FindingKind::damage, name, fault == nullptr ? 0 : fault->offset.value_or(0),
           fault == nullptr ? "" : fault->what);
    }
    return Status::ok();
  }

  Status look_at_shards() {
    for (uint32_t i = 0; i < survey_.manifest->shards; ++i) {
      auto shard = survey_shard(storage_, directory_, *survey_.manifest, i, made_);
      if (!shard.is_ok()) return shard.status();
      auto& found = survey_.found.findings;
      found.insert(found.end(), shard.value().findings.begin(), shard.value().findings.end());
      auto& refusals = survey_.refusals;
      refusals.insert(refusals.end(), shard.value().refusals.begin(), shard.value().refusals.end());
      survey_.found.shards.push_back({i, shard.value().damaged(), shard.value().stake});
      survey_.shards.push_back(std::move(shard.value()));
    }
    return Status::ok();
  }

  Status mend_boxes() {
    for (const std::string& name : damaged_boxes_) {
      auto mended = survey_box(storage_, directory_, name, survey_);
      if (!mended.is_ok()) return mended.status();
      survey_.boxes.push_back({name, std::move(mended.value())});
    }
    return Status::ok();
  }

  static constexpr const char* kSecrets =
      ". It holds secrets that no other file has (the salt of all checksums, the key of the ids), so it "
      "can't be made again: restore it from a copy; every directory has its own";

  Storage& storage_;
  const std::string& directory_;
  bool made_ = false;
  std::vector<uint8_t> sources_;
  std::vector<std::string> damaged_boxes_;
  DirectorySurvey survey_;
};

}  // namespace

bool Verification::damaged() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& one) { return is_damage(one.kind); });
}

Result<DirectorySurvey> survey_directory(Storage& storage, const std::string& directory) {
  return Surveyor(storage, directory).run();
}

Result<Verification> verify_directory(Storage& storage, const std::string& directory) {
  auto survey = survey_directory(storage, directory);
  if (!survey.is_ok()) return survey.status();
  return std::move(survey.value().found);
}

}  // namespace semel
