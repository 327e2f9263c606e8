// The shard's dead letters: messages that failed for good, kept with payload and history until they
// are retried or dropped (I7). One file of checksummed records; the bytes are in FORMAT.md.
//
// The file is rewindable: its committed length is stored in the ack log's blocks, and open() cuts what
// is behind. The order of a commit is append_*(), sync() where the level syncs, then the ack block with
// length().
//
// Lengths are logical: compaction takes resolved letters out and raises the file's base by what it
// took, so that a length in an ack block goes on meaning the same record's end. At open() only.
//
// A letter is shown to the outside once its ack is as durable as the level makes it: who drops one or
// sends it again can rely on its number then. One that a crash takes back has never been shown.
//
// Threads: any; a mutex guards all, since none of this is on a message's way. sync() does not hold it
// while the disk works.
//
// Invariants:
//  1. A record behind the committed length has never happened; one before it that does not check is
//     damage (Code::damaged), never skipped.
//  2. Letters are numbered 1, 2, 3 … for the life of the directory, compaction or not. Only the number
//     of a letter that was cut, and so never happened, is given again.
//  3. After a failed sync nothing is durable any more (I9): later calls return Code::poisoned. A full
//     disk fails one append and leaves the file as it was.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/id.h"
#include "core/status.h"
#include "core/storage.h"

namespace semel {

namespace deadletters {
struct FileHeader;
}

struct DeadLetter {
  uint64_t number = 0;  // given by append_letter()
  uint64_t sequence = 0;
  uint64_t time_us = 0;
  uint32_t attempts = 0;
  uint8_t type = 0;
  bool has_id = false;
  Id id;
  std::string history;
  std::vector<uint8_t> payload;

  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};

class DeadLetters {
 public:
  enum class How : uint8_t { retried = 1, dropped = 2 };

  struct Options {
    Storage* storage = nullptr;
    std::string directory;
    uint64_t directory_salt = 0;          // files of another directory are refused
    uint64_t committed_bytes = 0;         // from the ack log; 0: nothing was ever committed
    uint64_t compact_bytes = 1024 * 1024; // compact at open when more than this, and more than half of
                                          // the file, is resolved; 0: never
    std::function<uint64_t()> random = {};  // for salts; empty: the system's
  };
  static constexpr const char* kName = "dead-letters.log";
  static constexpr uint64_t kLetterBytesMax = 1024 * 1024 * 1024;

  // Creates, or cuts to `committed_bytes` and reads. A letter's bytes stay on disk; memory holds 16
  // bytes and a tree node for each open one.
  static Result<std::unique_ptr<DeadLetters>> open(const Options& options);
  // As open(), but changes nothing; appends and syncs are refused. A missing file is empty where
  // nothing was committed.
  static Result<std::unique_ptr<DeadLetters>> open_read_only(const Options& options);

  Result<uint64_t> append_letter(const DeadLetter& letter);  // its number; letter.number is ignored
  // Code::invalid_argument where that letter is not open.
  Status append_resolved(uint64_t number, How how, uint64_t time_us);
  Status sync();
  // What is behind `length` has never happened: it was written with commits that did not take effect. No
  // letter behind it was shown.
  Status rewind(uint64_t length);
  // Whether the file is still there with what is durable of it. Any thread.
  Status check() const {
    const std::lock_guard lock(mutex_);
    return file_->check(physical(durable_length()));
  }

  // Letters up to this length are shown from now on.
  void show(uint64_t length) { shown_.store(length, std::memory_order_release); }

  uint64_t length() const { return length_.load(std::memory_order_acquire); }
  uint64_t durable_length() const { return durable_.load(std::memory_order_acquire); }
  bool contains_open(uint64_t number) const;
  // Notes that a frame is on its way which will resolve this letter, so that no second one follows; until
  // it is resolved. Nothing where the letter is not open.
  void ask(uint64_t number, How how);
  // What an open letter was asked for; nothing where it was not.
  std::optional<How> asked(uint64_t number) const;
  bool shows(uint64_t number) const;
  uint64_t open_count() const;
  uint64_t open_bytes() const;
  Result<DeadLetter> read(uint64_t number) const;
  // Every open letter that is shown, by number, from behind `after` until the visitor returns false; it
  // must not call back.
  Status visit_open(const std::function<bool(const DeadLetter&)>& visitor, uint64_t after = 0) const;

 private:
  struct Extent {
    uint64_t offset = 0;  // in the file
    uint64_t bytes = 0;
  };

  explicit DeadLetters(const Options& options);

  static Result<std::unique_ptr<DeadLetters>> open_as(const Options& options, bool read_only);
  bool is_begun() const;
  Status create();
  Status load();
  Status read_to(uint64_t committed_length);
  Status index_record(const std::vector<uint8_t>& record, uint64_t offset);
  bool worth_compacting() const;
  Status compact();
  Status write_open_letters(const std::string& path, const deadletters::FileHeader& header,
                            std::map<uint64_t, Extent>* extents) const;
  Status append(const std::vector<uint8_t>& record);
  Status ready_to_append() const;
  Result<DeadLetter> read_at(uint64_t number, Extent extent) const;
  uint64_t random_salt() const;
  uint64_t physical(uint64_t logical) const { return logical - base_; }
  bool is_shown(Extent extent) const {
    return base_ + extent.offset + extent.bytes <= shown_.load(std::memory_order_acquire);
  }

  const Options options_;
  const std::string path_;
  const uint64_t committed_;  // the header at least, which comes with the file
  bool read_only_ = false;
  mutable std::mutex mutex_;
  std::unique_ptr<File> file_;
  uint32_t seed_ = 0;
  uint64_t base_ = 0;  // logical minus physical position
  uint64_t next_number_ = 1;
  std::map<uint64_t, Extent> letters_;  // open ones
  // Of those. In memory alone: at the next opening the journal and the parked tell it again.
  std::map<uint64_t, How> asked_;
  uint64_t open_bytes_ = 0;
  Status cause_;
  std::atomic<uint64_t> length_{0};
  std::atomic<uint64_t> durable_{0};
  std::atomic<uint64_t> shown_{0};
};

}  // namespace semel
