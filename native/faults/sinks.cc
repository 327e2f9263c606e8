#include "faults/sinks.h"

#include "core/bytes.h"

namespace semel::faults {
namespace {

constexpr uint64_t kLegBytes = 16;  // id, amount
constexpr uint64_t kEffectBytes = 2 * kLegBytes;

class FileSink final : public Sink {
 public:
  FileSink(Storage& storage, std::string directory)
      : storage_(storage), directory_(std::move(directory)), path_(directory_ + "/out") {}

  Status begin(int64_t place) override {
    auto opened = storage_.open(path_, Open::create);
    if (!opened.is_ok()) return opened.status();
    file_ = std::move(opened.value());
    auto size = file_->size();
    if (!size.is_ok()) return size.status();
    if (place < 0) {
      length_ = round_down(size.value(), kEffectBytes);
    } else if (size.value() < static_cast<uint64_t>(place)) {
      return {Code::damaged, path_ + " is shorter than what was committed to it"};
    } else {
      length_ = static_cast<uint64_t>(place);
    }
    return size.value() == length_ ? Status::ok() : file_->truncate(length_);
  }

  Status write(const std::vector<uint64_t>& ids) override {
    std::vector<uint8_t> bytes(ids.size() * kEffectBytes);
    uint8_t* at = bytes.data();
    for (const uint64_t id : ids) {
      for (const int64_t amount : {int64_t{1}, int64_t{-1}}) {
        store<uint64_t>(at, id);
        store<int64_t>(at + 8, amount * static_cast<int64_t>(id));
        at += kLegBytes;
      }
    }
    SEMEL_TRY(file_->write(length_, bytes));
    length_ += bytes.size();
    return Status::ok();
  }

  Status flush() override {
    SEMEL_TRY(file_->sync());
    if (named_) return Status::ok();
    named_ = true;
    return storage_.sync_directory(directory_);
  }

  int64_t place() const override { return static_cast<int64_t>(length_); }

  Result<std::vector<uint64_t>> effects(int64_t place) const override {
    std::vector<uint8_t> bytes(static_cast<uint64_t>(place));
    SEMEL_TRY(file_->read(0, bytes));
    std::vector<uint64_t> ids;
    int64_t sum = 0;
    for (uint64_t at = 0; at + kLegBytes <= bytes.size(); at += kLegBytes) {
      if (at % kEffectBytes == 0) ids.push_back(load<uint64_t>(&bytes[at]));
      sum += load<int64_t>(&bytes[at + 8]);
    }
    if (sum != 0 || bytes.size() % kEffectBytes != 0) {
      return Status{Code::damaged, "a committed read of the sink sees half of a transfer"};
    }
    return ids;
  }

 private:
  Storage& storage_;
  const std::string directory_;
  const std::string path_;
  std::unique_ptr<File> file_;
  uint64_t length_ = 0;
  bool named_ = false;
};

class ExternalSink final : public Sink {
 public:
  explicit ExternalSink(External& external) : effects_(external.effects) {}

  Status begin(int64_t) override { return Status::ok(); }
  Status write(const std::vector<uint64_t>& ids) override {
    effects_.insert(effects_.end(), ids.begin(), ids.end());
    return Status::ok();
  }
  Status flush() override { return Status::ok(); }
  int64_t place() const override { return -1; }
  Result<std::vector<uint64_t>> effects(int64_t) const override { return effects_; }

 private:
  std::vector<uint64_t>& effects_;
};

}  // namespace

std::unique_ptr<Sink> file_sink(Storage& storage, const std::string& directory) {
  return std::make_unique<FileSink>(storage, directory);
}

std::unique_ptr<Sink> external_sink(External& external) {
  return std::make_unique<ExternalSink>(external);
}

}  // namespace semel::faults
