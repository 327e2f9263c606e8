// The stream's directory: the manifest's bytes (shard/FORMAT.md), what it refuses, and the lock.
#include "shard/manifest.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/crc32c.h"
#include "core/storage.h"
#include "shard/box.h"

namespace semel {
namespace {

using Bytes = std::vector<uint8_t>;

// The worked example; what is not listed is zero.
Bytes example_manifest() {
  const Bytes front = {
      0x73, 0x65, 0x6d, 0x65, 0x6c, 0x64, 0x69, 0x72, 0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
      0x02, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
      0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
      0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x74, 0x72, 0x61, 0x64, 0x65, 0x73};
  const Bytes checksum = {0x7c, 0x39, 0xc3, 0x62};
  Bytes bytes(160);
  std::copy(front.begin(), front.end(), bytes.begin());
  std::copy(checksum.begin(), checksum.end(), bytes.end() - 4);
  return bytes;
}

class StreamDirectory : public testing::Test {
 protected:
  StreamDirectory() {
    std::string name = testing::TempDir() + "semel-directory-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    options_.directory = directory_;
    options_.name = "trades";
    options_.shards = 2;
    options_.delivery = Delivery::exactly_once;
    options_.dedup = true;
  }
  ~StreamDirectory() override { std::filesystem::remove_all(directory_); }

  void put(const Bytes& bytes) {
    ASSERT_TRUE(write_atomically(storage_, directory_, "stream", bytes).is_ok());
  }
  Bytes content() { return read_whole(storage_, directory_ + "/stream").value(); }
  Result<Manifest> read() { return read_manifest(storage_, directory_); }

  // Opens with the options that `change` makes of those that the directory was made with, and gives
  // the error.
  Status reopen_with(const std::function<void(StreamOptions&)>& change) {
    StreamOptions options = options_;
    change(options);
    return open_manifest(storage_, options).status();
  }

  Storage& storage_ = Storage::real();
  std::string directory_;
  StreamOptions options_;
};

using ManifestTest = StreamDirectory;
using LockTest = StreamDirectory;

TEST_F(ManifestTest, ReadsTheWorkedExample) {
  put(example_manifest());
  const auto manifest = read();
  ASSERT_TRUE(manifest.is_ok()) << manifest.status().message();
  EXPECT_EQ(manifest.value().name, "trades");
  EXPECT_EQ(manifest.value().shards, 2u);
  EXPECT_EQ(manifest.value().delivery, Delivery::exactly_once);
  EXPECT_TRUE(manifest.value().dedup);
  EXPECT_EQ(manifest.value().ring_bytes, 16u << 20);
  EXPECT_EQ(manifest.value().segment_bytes, 32u << 20);
  EXPECT_EQ(manifest.value().salt, 0x0123456789ABCDEFull);
  EXPECT_EQ(manifest.value().hash_key.k0, 0x1111111111111111ull);
  EXPECT_EQ(manifest.value().hash_key.k1, 0x2222222222222222ull);
  EXPECT_EQ(manifest.value().seed, 0x3333333333333333ull);
  EXPECT_TRUE(open_manifest(storage_, options_).is_ok());
}

TEST(BoxTest, IsTheWorkedExampleAndNoOtherBoxOrDirectorys) {
  const Bytes expected = {0x73, 0x65, 0x6d, 0x65, 0x6c, 0x62, 0x6f, 0x78, 0x01,
                          0x00, 0x00, 0x00, 0x5a, 0x11, 0xac, 0x2a, 0x5b, 0x5d};
  const Bytes content = {'[', ']'};
  const uint64_t salt = 0x0123456789ABCDEF;
  EXPECT_EQ(seal_box("structures", salt, content), expected);
  EXPECT_TRUE(check_box(expected, "box", "structures", salt).is_ok());
  EXPECT_EQ(check_box(expected, "box", "sources", salt).code(), Code::damaged);
  EXPECT_EQ(check_box(expected, "box", "structures", salt + 1).code(), Code::damaged);
}

// What 0.1.0 has made: it says what it means in every byte, but for the format.
Bytes manifest_of_format_1() {
  Bytes bytes = example_manifest();
  store<uint32_t>(&bytes[8], 1);
  store<uint32_t>(&bytes[156], crc32c(0, bytes.data(), 156));
  return bytes;
}

TEST_F(ManifestTest, OfFormat1IsReadAsItIsAndWrittenAnewOnceTheShardsAreOpen) {
  put(manifest_of_format_1());
  auto manifest = open_manifest(storage_, options_);
  ASSERT_TRUE(manifest.is_ok()) << manifest.status().message();
  EXPECT_EQ(content(), manifest_of_format_1()) << "a crash before that leaves it to the older version";
  ASSERT_TRUE(adopt_journal(storage_, options_, &manifest.value()).is_ok());
  EXPECT_EQ(content(), example_manifest());
}

TEST_F(ManifestTest, OfFormat1HasAJournal) {
  Bytes bytes = manifest_of_format_1();
  bytes[19] = 1;
  store<uint32_t>(&bytes[156], crc32c(0, bytes.data(), 156));
  put(bytes);
  EXPECT_EQ(read().status().code(), Code::damaged);
}

TEST_F(ManifestTest, SaysWhetherThereIsAJournal) {
  put(example_manifest());
  auto manifest = open_manifest(storage_, options_);
  ASSERT_TRUE(manifest.is_ok());
  EXPECT_TRUE(manifest.value().journal);
  options_.journal = false;
  ASSERT_TRUE(adopt_journal(storage_, options_, &manifest.value()).is_ok());
  EXPECT_EQ(content()[19], 1);
  EXPECT_FALSE(read().value().journal);
}

TEST_F(ManifestTest, IsNotMadeWhereAStreamsFilesAre) {
  ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
  ASSERT_TRUE(storage_.remove(directory_ + "/stream").is_ok());
  // As a crash before the manifest leaves it.
  ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
  ASSERT_TRUE(storage_.remove(directory_ + "/stream").is_ok());
  ASSERT_TRUE(write_box(storage_, directory_, "sources", 1, Bytes{'[', ']'}).is_ok());
  const Status refused = open_manifest(storage_, options_).status();
  EXPECT_EQ(refused.code(), Code::damaged);
  EXPECT_NE(refused.message().find("stream is missing"), std::string::npos);
}

TEST_F(ManifestTest, WritesTheWorkedExampleButForItsSecrets) {
  ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
  Bytes bytes = content();
  const Bytes expected = example_manifest();
  ASSERT_EQ(bytes.size(), expected.size());
  EXPECT_EQ(load<uint32_t>(&bytes[156]), crc32c(0, bytes.data(), 156));
  std::copy(expected.begin() + 40, expected.begin() + 72, bytes.begin() + 40);
  store<uint32_t>(&bytes[156], crc32c(0, bytes.data(), 156));
  EXPECT_EQ(bytes, expected);
}

TEST_F(ManifestTest, IsReadBackAsItWasMadeAndNeverChangedAfterwards) {
  const auto made = open_manifest(storage_, options_);
  ASSERT_TRUE(made.is_ok());
  const Bytes bytes = content();
  options_.segment_bytes *= 2;  // free to differ: the directory's own value goes on
  const auto again = open_manifest(storage_, options_);
  ASSERT_TRUE(again.is_ok());
  EXPECT_EQ(content(), bytes);
  EXPECT_EQ(again.value().segment_bytes, made.value().segment_bytes);
  EXPECT_EQ(again.value().salt, made.value().salt);
  EXPECT_EQ(again.value().hash_key.k0, made.value().hash_key.k0);
  EXPECT_EQ(again.value().hash_key.k1, made.value().hash_key.k1);
  EXPECT_EQ(again.value().seed, made.value().seed);
}

TEST_F(ManifestTest, DrawsNewSecretsForEachDirectory) {
  const auto first = open_manifest(storage_, options_);
  std::filesystem::remove(directory_ + "/stream");
  const auto second = open_manifest(storage_, options_);
  EXPECT_NE(first.value().salt, second.value().salt);
  EXPECT_NE(first.value().hash_key.k0, second.value().hash_key.k0);
  EXPECT_NE(first.value().hash_key.k1, second.value().hash_key.k1);
  EXPECT_NE(first.value().seed, second.value().seed);
}

TEST_F(ManifestTest, NamesTheOptionThatDiffersAndBothValues) {
  ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
  const auto expect = [&](const std::string& sentence,
                          const std::function<void(StreamOptions&)>& change) {
    const Status status = reopen_with(change);
    EXPECT_EQ(status.code(), Code::mismatch);
    EXPECT_EQ(status.message(),
              directory_ + " was made with " + sentence + "; open it so, or use another directory");
  };
  expect("pipeline trades, not quotes", [](StreamOptions& o) { o.name = "quotes"; });
  expect("shards 2, not 4", [](StreamOptions& o) { o.shards = 4; });
  expect("delivery exactly-once, not at-least-once",
         [](StreamOptions& o) { o.delivery = Delivery::at_least_once; });
  expect("delivery exactly-once, not at-most-once",
         [](StreamOptions& o) { o.delivery = Delivery::at_most_once; });
  expect("ring 16777216, not 65536", [](StreamOptions& o) { o.ring_bytes = 65536; });
}

TEST_F(ManifestTest, TellsOfIdsAsThePipelineSaysIt) {
  const auto expect_at = [&](Delivery delivery, bool had, const std::string& was,
                             const std::string& is) {
    options_.delivery = delivery;
    options_.dedup = had;
    ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
    const Status status = reopen_with([&](StreamOptions& o) { o.dedup = !had; });
    EXPECT_EQ(status.code(), Code::mismatch);
    EXPECT_EQ(status.message(), directory_ + " was made by a pipeline with " + was +
                                    ", and this one has " + is + "; go back to " + was +
                                    ", or use another directory");
    std::filesystem::remove(directory_ + "/stream");
  };
  const std::string with_id = "deliver(..., { id, window })";
  const std::string by_position = "deliver('exactly-once', { by: 'position' })";
  expect_at(Delivery::exactly_once, true, with_id, by_position);
  expect_at(Delivery::exactly_once, false, by_position, with_id);
  expect_at(Delivery::at_least_once, true, with_id, "a deliver without id");
  expect_at(Delivery::at_least_once, false, "a deliver without id", with_id);
}

TEST_F(ManifestTest, KeepsWhatPayloadsAreAndNamesBothWhereTheyDiffer) {
  options_.payloads = Payloads::frames;
  options_.frame_bytes = 24;
  ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
  EXPECT_EQ(read().value().payloads, Payloads::frames);
  EXPECT_EQ(read().value().frame_bytes, 24u);
  EXPECT_TRUE(open_manifest(storage_, options_).is_ok());
  const auto expect = [&](const std::string& sentence, Payloads payloads, uint32_t bytes) {
    const Status status = reopen_with([&](StreamOptions& o) {
      o.payloads = payloads;
      o.frame_bytes = bytes;
    });
    EXPECT_EQ(status.code(), Code::mismatch);
    EXPECT_EQ(status.message(),
              directory_ + " was made with " + sentence + "; open it so, or use another directory");
  };
  expect("accepts frames of 24 bytes, not objects", Payloads::objects, 0);
  expect("accepts frames of 24 bytes, not frames of 32 bytes", Payloads::frames, 32);
  // Who reads no message need not know.
  EXPECT_TRUE(reopen_with([](StreamOptions& o) { o.payloads = Payloads::unknown; }).is_ok());
}

TEST_F(ManifestTest, WritesDownWhatPayloadsAreWhereItWasMadeWithoutThat) {
  auto manifest = open_manifest(storage_, options_);
  ASSERT_TRUE(manifest.is_ok());
  const Bytes before = content();
  StreamOptions options = options_;
  ASSERT_TRUE(adopt_payloads(storage_, options, false, &manifest.value()).is_ok());
  EXPECT_EQ(content(), before) << "an opener that does not say changes nothing";
  options.payloads = Payloads::frames;
  options.frame_bytes = 8;
  ASSERT_TRUE(adopt_payloads(storage_, options, false, &manifest.value()).is_ok());
  Bytes expected = before;
  expected[18] = 2;
  expected[20] = 8;
  store<uint32_t>(&expected[156], crc32c(0, expected.data(), 156));
  EXPECT_EQ(content(), expected) << "nothing else changes";
  options.payloads = Payloads::objects;
  options.frame_bytes = 0;
  ASSERT_TRUE(adopt_payloads(storage_, options, false, &manifest.value()).is_ok());
  EXPECT_EQ(content(), expected) << "it is written once";
}

TEST_F(ManifestTest, IsNotToldFramesWhereObjectsWereStored) {
  auto manifest = open_manifest(storage_, options_);
  ASSERT_TRUE(manifest.is_ok());
  const Bytes before = content();
  StreamOptions options = options_;
  options.payloads = Payloads::frames;
  options.frame_bytes = 8;
  const Status refused = adopt_payloads(storage_, options, true, &manifest.value());
  EXPECT_EQ(refused.code(), Code::mismatch);
  EXPECT_NE(refused.message().find("accepts objects, not frames of 8 bytes"), std::string::npos);
  EXPECT_EQ(content(), before);
}

TEST_F(ManifestTest, RefusesPayloadsThatCanNotBe) {
  for (const auto& [kind, bytes] : {std::pair{3, 0}, {0, 1}, {1, 8}, {2, 0}, {2, (1 << 20) + 1}}) {
    Bytes changed = example_manifest();
    changed[18] = static_cast<uint8_t>(kind);
    store<uint32_t>(&changed[20], static_cast<uint32_t>(bytes));
    store<uint32_t>(&changed[156], crc32c(0, changed.data(), 156));
    put(changed);
    EXPECT_EQ(read().status().code(), Code::damaged) << kind << ", " << bytes;
  }
}

TEST_F(ManifestTest, RefusesAnotherFormatWithBothNumbers) {
  Bytes bytes = example_manifest();
  store<uint32_t>(&bytes[8], 3);
  store<uint32_t>(&bytes[156], crc32c(0, bytes.data(), 156));
  put(bytes);
  EXPECT_EQ(read().status().code(), Code::format);
  EXPECT_EQ(read().status().message(),
            directory_ + " has format 3, this version reads 1 to 2; drain it with the version that made it");
}

TEST_F(ManifestTest, RefusesEveryFlippedBit) {
  const Bytes bytes = example_manifest();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    {
      // Not put(): its sync would cost more than all else here.
      auto file = storage_.open(directory_ + "/stream", Open::create);
      ASSERT_TRUE(file.value()->write(0, flipped).is_ok());
    }
    const auto manifest = read();
    ASSERT_FALSE(manifest.is_ok()) << "bit " << bit;
    const bool in_format = bit / 32 == 2;
    EXPECT_EQ(manifest.status().code(), in_format ? Code::format : Code::damaged) << "bit " << bit;
  }
}

TEST_F(ManifestTest, RefusesEveryOtherLength) {
  Bytes bytes = example_manifest();
  for (const std::size_t length : {0u, 1u, 11u, 12u, 80u, 159u, 161u, 4096u}) {
    Bytes other = bytes;
    other.resize(length);
    put(other);
    EXPECT_EQ(read().status().code(), Code::damaged) << length << " bytes";
  }
}

TEST_F(ManifestTest, SaysThatADirectoryHoldsNoStream) {
  EXPECT_EQ(read().status().code(), Code::format);
  EXPECT_EQ(read().status().message(),
            directory_ + " holds no stream: " + directory_ + "/stream is missing; give the directory that a stream was opened with");
}

TEST_F(ManifestTest, KeepsANameOfEightyBytesAndRefusesALongerOne) {
  options_.name = std::string(81, 'n');
  const Status status = open_manifest(storage_, options_).status();
  EXPECT_EQ(status.code(), Code::invalid_argument);
  EXPECT_NE(status.message().find("has 81 bytes; give one of at most 80"), std::string::npos);
  EXPECT_FALSE(storage_.exists(directory_ + "/stream").value());
  options_.name = std::string("a\0b", 3);
  EXPECT_EQ(open_manifest(storage_, options_).status().code(), Code::invalid_argument);
  options_.name = std::string(80, 'n');
  ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
  EXPECT_EQ(open_manifest(storage_, options_).value().name, options_.name);
}

TEST_F(ManifestTest, IsMadeThoughACrashLeftANewFile) {
  ASSERT_TRUE(write_atomically(storage_, directory_, "stream.new", Bytes(500, 'x')).is_ok());
  ASSERT_TRUE(open_manifest(storage_, options_).is_ok());
  EXPECT_EQ(content().size(), 160u);
}

std::string locked_by(const std::string& directory, long pid) {
  return directory + " is in use by the process with pid " + std::to_string(pid) +
         "; close that stream, or open another directory";
}

TEST_F(LockTest, NamesTheHolderToASecondTakerOfTheSameProcess) {
  const auto first = Storage::real().lock(directory_);
  ASSERT_TRUE(first.is_ok());
  const auto second = Storage::real().lock(directory_);
  ASSERT_FALSE(second.is_ok());
  EXPECT_EQ(second.status().code(), Code::locked);
  EXPECT_EQ(second.status().message(), locked_by(directory_, ::getpid()));
  EXPECT_EQ(Storage::real().holder(directory_), static_cast<uint64_t>(::getpid()));
}

TEST_F(LockTest, IsFreeAfterItsHolderWasDestroyed) {
  {
    const auto first = Storage::real().lock(directory_);
    ASSERT_TRUE(first.is_ok());
  }
  EXPECT_EQ(Storage::real().holder(directory_), 0u);
  EXPECT_TRUE(Storage::real().lock(directory_).is_ok());
}

TEST_F(LockTest, HasNoHolderWhereThereWasNeverALock) {
  EXPECT_EQ(Storage::real().holder(directory_), 0u);
  EXPECT_FALSE(storage_.exists(directory_ + "/lock").value()) << "to look takes nothing";
}

TEST_F(LockTest, NamesAnotherProcessAndIsGoneAfterThatDied) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = Storage::real().lock(directory_);
    const char taken = lock.is_ok() ? 'y' : 'n';
    if (::write(ready[1], &taken, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char taken = 0;
  ASSERT_EQ(::read(ready[0], &taken, 1), 1);
  ASSERT_EQ(taken, 'y');
  const auto while_alive = Storage::real().lock(directory_);
  EXPECT_EQ(while_alive.status().code(), Code::locked);
  EXPECT_EQ(while_alive.status().message(), locked_by(directory_, child));
  EXPECT_EQ(Storage::real().holder(directory_), static_cast<uint64_t>(child));

  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ(Storage::real().holder(directory_), 0u);
  const auto after = Storage::real().lock(directory_);
  EXPECT_TRUE(after.is_ok());
  EXPECT_EQ(Storage::real().holder(directory_), static_cast<uint64_t>(::getpid()));
}

TEST_F(LockTest, IsTakenAlthoughAnotherProcessLooksAtThatMoment) {
  ASSERT_TRUE(Storage::real().lock(directory_).is_ok());  // makes the file
  const int looker = ::open((directory_ + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(looker, LOCK_SH | LOCK_NB), 0);
  std::thread goes_away([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    ::close(looker);
  });
  const auto lock = Storage::real().lock(directory_);
  EXPECT_TRUE(lock.is_ok()) << lock.status().message();
  goes_away.join();
}

TEST_F(LockTest, HoldsThoughItsFileIsDeleted) {
  const auto first = Storage::real().lock(directory_);
  ASSERT_TRUE(first.is_ok());
  ASSERT_TRUE(storage_.remove(directory_ + "/lock").is_ok());
  const auto second = Storage::real().lock(directory_);
  EXPECT_EQ(second.status().code(), Code::locked);
  EXPECT_EQ(second.status().message(), directory_ + " is in use by another process; close that "
                                                    "stream, or open another directory");
  EXPECT_TRUE(first.value()->check().is_ok());
}

TEST_F(LockTest, IsTakenWhateverItsFileHolds) {
  // A pid that lives, and is not a holder: it was reused.
  for (const std::string& content : {std::string("1\n"), std::string(), std::string(5000, 'x')}) {
    ASSERT_TRUE(write_atomically(storage_, directory_, "lock", Bytes(content.begin(), content.end()))
                    .is_ok());
    const auto lock = Storage::real().lock(directory_);
    ASSERT_TRUE(lock.is_ok()) << lock.status().message();
    EXPECT_EQ(Storage::real().holder(directory_), static_cast<uint64_t>(::getpid()));
  }
}

TEST_F(LockTest, TellsThatItsDirectoryIsGone) {
  const std::string data = directory_ + "/data";
  std::filesystem::create_directory(data);
  const auto lock = Storage::real().lock(data);
  ASSERT_TRUE(lock.is_ok());
  std::filesystem::rename(data, directory_ + "/elsewhere");
  EXPECT_EQ(lock.value()->check().message(),
            data + " can no longer be found (No such file or directory): it was deleted or moved while "
                   "the stream had it open; put it back");
  std::filesystem::create_directory(data);
  EXPECT_EQ(lock.value()->check().message(),
            data + " is another directory now than the one that the stream had opened; put that one "
                   "back");
  EXPECT_TRUE(Storage::real().lock(data).is_ok());
}

TEST_F(LockTest, NamesADirectoryThatIsMissing) {
  const auto lock = Storage::real().lock(directory_ + "/missing");
  EXPECT_EQ(lock.status().code(), Code::io);
  EXPECT_NE(lock.status().message().find(directory_ + "/missing"), std::string::npos);
}

}  // namespace
}  // namespace semel
