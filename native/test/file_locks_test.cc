// The locks on files that sinks write: who has one, by whatever name.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "shard/file_locks.h"

namespace semel::test {
namespace {

namespace fs = std::filesystem;

class FileLocksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/semel-locks-XXXXXX";
    directory_ = ::mkdtemp(name);
    path_ = directory_ + "/out";
    std::ofstream(path_) << "x";
    fs::create_symlink(path_, directory_ + "/link");
    fs::create_hard_link(path_, directory_ + "/hard");
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string directory_;
  std::string path_;
  FileLocks ours_;
  FileLocks others_;
};

TEST_F(FileLocksTest, AreOfAFileAndNotOfAName) {
  ASSERT_TRUE(ours_.take(0, path_).is_ok());
  for (const char* name : {"/out", "/link", "/hard"}) {
    EXPECT_TRUE(ours_.has(directory_ + name)) << name;
    EXPECT_FALSE(others_.has(directory_ + name)) << name;
    EXPECT_EQ(others_.take(0, directory_ + name).code(), Code::locked) << name;
    EXPECT_EQ(ours_.take(1, directory_ + name).code(), Code::locked) << name;
    EXPECT_TRUE(ours_.take(0, directory_ + name).is_ok()) << "the shard itself, once more: " << name;
  }
}

TEST_F(FileLocksTest, GoWithAReleaseOrWithTheStream) {
  ASSERT_TRUE(ours_.take(0, path_).is_ok());
  ours_.release(1, path_);
  EXPECT_EQ(others_.take(0, path_).code(), Code::locked);
  ours_.release(0, directory_ + "/hard");
  EXPECT_FALSE(ours_.has(path_));
  ASSERT_TRUE(others_.take(0, path_).is_ok());
  others_.clear();
  EXPECT_TRUE(ours_.take(0, path_).is_ok());
}

TEST_F(FileLocksTest, AreNotInheritedByAProgramThatIsStarted) {
  ASSERT_TRUE(ours_.take(0, path_).is_ok());
  const pid_t child = ::fork();
  if (child == 0) ::execl("/bin/sleep", "sleep", "5", nullptr);
  ASSERT_GT(child, 0);
  // Until it has become the other program it has our files.
  ::usleep(200'000);
  ours_.clear();
  EXPECT_TRUE(others_.take(0, path_).is_ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(FileLocksTest, SayWhatIsMissing) {
  EXPECT_EQ(ours_.take(0, directory_ + "/none").code(), Code::io);
  EXPECT_FALSE(ours_.has(directory_ + "/none"));
}

}  // namespace
}  // namespace semel::test
