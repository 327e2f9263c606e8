// Files and regions on the machine's own file system, and on one that fails on demand.
#include "core/storage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/region.h"
#include "watched_storage.h"

namespace semel {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

// Remembers each call, and fails the n-th.
class FailingStorage final : public test::WatchedStorage {
 public:
  FailingStorage() : WatchedStorage([this](const test::Change& change) { return note(change); }) {}

  int fail_at = 0;  // 0: never
  std::vector<std::string> calls;

 private:
  static const char* name_of(test::Call call) {
    switch (call) {
      case test::Call::open:
      case test::Call::create: return "open";
      case test::Call::make_directory: return "make directory";
      case test::Call::rename: return "rename";
      case test::Call::remove: return "remove";
      case test::Call::sync_directory: return "sync directory";
      case test::Call::write: return "write";
      case test::Call::preallocate: return "preallocate";
      case test::Call::truncate: return "truncate";
      case test::Call::sync: return "sync";
    }
    return "";
  }

  Status note(const test::Change& change) {
    calls.push_back(name_of(change.call));
    if (static_cast<int>(calls.size()) != fail_at) return Status::ok();
    if (change.call == test::Call::write) {
      // A disk that fails has often written a part.
      static_cast<void>(change.file->write(change.offset, change.from.first(change.from.size() / 2)));
    }
    return {Code::io, calls.back() + " fails on demand"};
  }
};

class StorageTest : public testing::Test {
 protected:
  StorageTest() {
    std::string name = testing::TempDir() + "semel-storage-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~StorageTest() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::unique_ptr<File> open(const std::string& name, Open how) {
    auto file = storage_.open(path(name), how);
    EXPECT_TRUE(file.is_ok()) << file.status().message();
    return std::move(file.value());
  }
  Bytes content(const std::string& name) { return read_whole(storage_, path(name)).value(); }

  Storage& storage_ = Storage::real();
  std::string directory_;
};

TEST_F(StorageTest, WritesAtomicallyLeavingTheOldOrTheNewContentWhateverFails) {
  const Bytes before = bytes_of("the old content");
  const Bytes after = bytes_of("the new content, which is longer");
  int failures = 0;
  for (int fail_at = 1;; ++fail_at) {
    ASSERT_TRUE(write_atomically(storage_, directory_, "file", before).is_ok());
    FailingStorage failing;
    failing.fail_at = fail_at;
    const Status status = write_atomically(failing, directory_, "file", after);
    if (status.is_ok()) {
      EXPECT_EQ(content("file"), after);
      break;
    }
    ++failures;
    EXPECT_EQ(content("file"), failing.calls.back() == "sync directory" ? after : before)
        << "when " << failing.calls.back() << " fails";
  }
  EXPECT_EQ(failures, 6);
}

TEST_F(StorageTest, WritesAtomicallyInTheOrderThatSurvivesPowerLoss) {
  FailingStorage recording;
  ASSERT_TRUE(write_atomically(recording, directory_, "file", bytes_of("content")).is_ok());
  const std::vector<std::string> expected = {"open",   "truncate",      "write", "sync",
                                             "rename", "sync directory"};
  EXPECT_EQ(recording.calls, expected);
  EXPECT_EQ(fs::exists(path("file.new")), false);
}

TEST_F(StorageTest, WritesAtomicallyOverALongerNewFileThatACrashLeft) {
  ASSERT_TRUE(write_atomically(storage_, directory_, "file.new", Bytes(1000, 'x')).is_ok());
  ASSERT_TRUE(write_atomically(storage_, directory_, "file", bytes_of("short")).is_ok());
  EXPECT_EQ(content("file"), bytes_of("short"));
}

TEST_F(StorageTest, ReadsAndWritesAtOffsets) {
  const auto file = open("file", Open::create);
  ASSERT_TRUE(file->write(0, bytes_of("0123456789")).is_ok());
  ASSERT_TRUE(file->write(3, bytes_of("abc")).is_ok());
  Bytes part(5);
  ASSERT_TRUE(file->read(2, part).is_ok());
  EXPECT_EQ(part, bytes_of("2abc6"));
  EXPECT_EQ(file->size().value(), 10u);
}

TEST_F(StorageTest, NamesFileAndOffsetWhenAFileEndsTooEarly) {
  const auto file = open("file", Open::create);
  ASSERT_TRUE(file->write(0, bytes_of("0123")).is_ok());
  Bytes more(10);
  const Status status = file->read(0, more);
  EXPECT_EQ(status.code(), Code::damaged);
  EXPECT_NE(status.message().find(path("file") + " ends at offset 4"), std::string::npos);
}

TEST_F(StorageTest, NamesThePathThatIsMissing) {
  const auto file = storage_.open(path("missing"), Open::existing);
  EXPECT_EQ(file.status().code(), Code::io);
  EXPECT_NE(file.status().message().find(path("missing")), std::string::npos);
  EXPECT_FALSE(storage_.exists(path("missing")).value());
  EXPECT_FALSE(storage_.exists(path("missing/inside")).value());
}

TEST_F(StorageTest, MakesADirectoryWithItsParentsAndTakesOneThatIsThere) {
  EXPECT_TRUE(storage_.make_directory(path("a/b/c")).is_ok());
  EXPECT_TRUE(storage_.make_directory(path("a/b/c")).is_ok());
  EXPECT_TRUE(storage_.make_directory(path("a//d/")).is_ok());
  EXPECT_TRUE(fs::is_directory(path("a/b/c")));
  const std::vector<std::string> expected = {"b", "d"};
  EXPECT_EQ(storage_.list(path("a")).value(), expected);
}

TEST_F(StorageTest, RefusesADirectoryWhereAFileIs) {
  ASSERT_TRUE(write_atomically(storage_, directory_, "file", bytes_of("x")).is_ok());
  EXPECT_FALSE(storage_.make_directory(path("file/inside")).is_ok());
}

TEST_F(StorageTest, PutsTheSameBytesOnDiskDirectAndMapped) {
  Bytes contents[2];
  for (const Writer writer : {Writer::mapped, Writer::direct}) {
    const std::string name = writer == Writer::mapped ? "mapped" : "direct";
    auto region = Region::create(storage_, path(name), 8 * kBlockBytes, writer);
    ASSERT_TRUE(region.is_ok()) << region.status().message();
    const std::span<uint8_t> memory = region.value()->memory();
    EXPECT_EQ(region.value()->path(), path(name));
    // Groups that begin and end inside of blocks, that rewrite one, and that span many.
    uint64_t written = 0;
    for (const uint64_t end : {uint64_t{1}, uint64_t{100}, uint64_t{4095}, uint64_t{4096},
                               uint64_t{4097}, uint64_t{20'000}, uint64_t{32'768}}) {
      for (uint64_t at = written; at < end; ++at) memory[at] = static_cast<uint8_t>(at * 7 + 1);
      ASSERT_TRUE(region.value()->write(written, end).is_ok());
      ASSERT_TRUE(region.value()->sync().is_ok());
      const Bytes now = content(name);
      ASSERT_TRUE(std::equal(now.begin(), now.end(), memory.begin(), memory.end()))
          << name << " up to " << end;
      written = end;
    }
    contents[static_cast<int>(writer)] = content(name);
  }
  EXPECT_EQ(contents[0], contents[1]);
}

TEST_F(StorageTest, OpensARegionWithItsContentUnderEitherWriter) {
  Bytes bytes(3 * kBlockBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 13);
  ASSERT_TRUE(write_atomically(storage_, directory_, "file", bytes).is_ok());
  for (const Writer writer : {Writer::mapped, Writer::direct}) {
    auto region = Region::open(storage_, path("file"), writer);
    ASSERT_TRUE(region.is_ok());
    const std::span<uint8_t> memory = region.value()->memory();
    EXPECT_TRUE(std::equal(memory.begin(), memory.end(), bytes.begin(), bytes.end()));
  }
}

TEST_F(StorageTest, MakesARegionOfZerosOverALeftover) {
  ASSERT_TRUE(write_atomically(storage_, directory_, "file", Bytes(10'000, 'x')).is_ok());
  ASSERT_TRUE(Region::create(storage_, path("file"), 2 * kBlockBytes, Writer::mapped).is_ok());
  EXPECT_EQ(content("file"), Bytes(2 * kBlockBytes, 0));
}

TEST_F(StorageTest, RefusesARegionThatIsNotWholeBlocks) {
  for (const std::size_t bytes : {0u, 1u, 4095u, 4097u}) {
    ASSERT_TRUE(write_atomically(storage_, directory_, "file", Bytes(bytes)).is_ok());
    const auto region = Region::open(storage_, path("file"), Writer::mapped);
    EXPECT_EQ(region.status().code(), Code::damaged) << bytes << " bytes";
  }
}

TEST_F(StorageTest, AnonymousRegionIsZeroAndHasNoFile) {
  auto region = Region::anonymous(64 << 10);
  ASSERT_TRUE(region.is_ok());
  for (const uint8_t byte : region.value()->memory()) ASSERT_EQ(byte, 0);
  EXPECT_TRUE(region.value()->write(0, 100).is_ok());
  EXPECT_TRUE(region.value()->sync().is_ok());
}

TEST_F(StorageTest, GoesOnBufferedWhereADirectWriteIsRefused) {
  // An offset that direct I/O refuses stands for a file system that takes the flag and not the write.
  ASSERT_TRUE(write_atomically(storage_, directory_, "file", Bytes(2 * kBlockBytes, '-')).is_ok());
  const auto file = open("file", Open::existing_direct);
  ASSERT_TRUE(file->write(3, bytes_of("abc")).is_ok());
  ASSERT_TRUE(file->write(4097, bytes_of("def")).is_ok());
  ASSERT_TRUE(file->sync().is_ok());
  const Bytes now = content("file");
  EXPECT_EQ(Bytes(now.begin(), now.begin() + 7), bytes_of("---abc-"));
  EXPECT_EQ(Bytes(now.begin() + 4096, now.begin() + 4101), bytes_of("-def-"));
}

TEST_F(StorageTest, WritesARegionDirectlyOnTmpfsWhichMayRefuseIt) {
  struct statfs info;
  if (::statfs("/dev/shm", &info) != 0) GTEST_SKIP() << "no /dev/shm on this machine";
  const std::string file = "/dev/shm/semel-storage-" + std::to_string(::getpid());
  {
    auto region = Region::create(storage_, file, 2 * kBlockBytes, Writer::direct);
    ASSERT_TRUE(region.is_ok()) << region.status().message();
    region.value()->memory()[5000] = 0x42;
    EXPECT_TRUE(region.value()->write(5000, 5001).is_ok());
    EXPECT_TRUE(region.value()->sync().is_ok());
  }
  EXPECT_EQ(read_whole(storage_, file).value()[5000], 0x42);
  fs::remove(file);
}

TEST_F(StorageTest, TellsThatAFileWasDeletedOrCutWhileItWasOpen) {
  auto file = open("file", Open::create);
  ASSERT_TRUE(file->write(0, Bytes(1000, 'a')).is_ok());
  EXPECT_TRUE(file->check(1000).is_ok());
  ASSERT_EQ(::truncate(path("file").c_str(), 999), 0);
  EXPECT_EQ(file->check(1000).message(),
            path("file") + " was cut to 999 of 1000 bytes while the stream had it open; restore the "
                           "stream's directory from a copy");
  ASSERT_EQ(::unlink(path("file").c_str()), 0);
  EXPECT_EQ(file->check(0).message(), path("file") + " was deleted while the stream had it open; "
                                                     "restore the stream's directory from a copy");
}

TEST_F(StorageTest, SaysThatAFileIsNoDirectory) {
  ASSERT_TRUE(open("file", Open::create)->write(0, Bytes(1, 'a')).is_ok());
  EXPECT_EQ(storage_.make_directory(path("file")).message(),
            "cannot make the directory " + path("file") +
                ": Not a directory; give the path of a directory");
  EXPECT_EQ(storage_.make_directory(path("file/below")).message(),
            "cannot make the directory " + path("file/below") +
                ": Not a directory; give the path of a directory");
}

// A file system of a few KiB, where the machine lets us mount one.
class FullDisk : public StorageTest {
 protected:
  void SetUp() override {
    if (::mount("semel", directory_.c_str(), "tmpfs", 0, "size=64k") != 0) {
      GTEST_SKIP() << "cannot mount a small tmpfs: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(directory_.c_str(), MNT_DETACH);
  }
  bool mounted_ = false;
};

TEST_F(FullDisk, RefusesARegionWithNoSpaceAndGivesItsBlocksBack) {
  for (const Writer writer : {Writer::mapped, Writer::direct}) {
    const auto region = Region::create(storage_, path("region"), 1 << 20, writer);
    ASSERT_FALSE(region.is_ok());
    EXPECT_EQ(region.status().code(), Code::no_space);
    EXPECT_NE(region.status().message().find(path("region")), std::string::npos);
    EXPECT_FALSE(fs::exists(path("region")));
  }
  EXPECT_TRUE(Region::create(storage_, path("small"), 4 * kBlockBytes, Writer::mapped).is_ok());
}

TEST_F(FullDisk, KeepsTheOldContentWhenTheNewDoesNotFit) {
  const Bytes before(1000, 'a');
  ASSERT_TRUE(write_atomically(storage_, directory_, "file", before).is_ok());
  const Status status = write_atomically(storage_, directory_, "file", Bytes(1 << 20, 'b'));
  EXPECT_EQ(status.code(), Code::no_space);
  EXPECT_EQ(content("file"), before);
}

TEST_F(FullDisk, RefusesAMappingWithHolesBeforeAStoreMeetsOne) {
  ASSERT_TRUE(open("copy", Open::create)->truncate(8 * kBlockBytes).is_ok());
  const Status filled = open("filler", Open::create)->write(0, Bytes(1 << 20, 'f'));
  ASSERT_EQ(filled.code(), Code::no_space);
  EXPECT_EQ(Region::open(storage_, path("copy"), Writer::mapped).status().code(), Code::no_space);
}

TEST_F(FullDisk, StoresThroughAMappingNeverNeedSpace) {
  auto region = Region::create(storage_, path("region"), 8 * kBlockBytes, Writer::mapped);
  ASSERT_TRUE(region.is_ok());
  const Status filled = open("filler", Open::create)->write(0, Bytes(1 << 20, 'f'));
  ASSERT_EQ(filled.code(), Code::no_space);
  std::memset(region.value()->memory().data(), 0x11, region.value()->memory().size());
  EXPECT_TRUE(region.value()->sync().is_ok());
}

}  // namespace
}  // namespace semel
