// Dead letters: kept until resolved, cut to what was committed, refused where damaged, compacted
// without the ack log noticing.
#include "acklog_fixture.h"
#include "deadletters/dead_letters.h"

namespace semel {
namespace {

using test::MemoryStorage;
using How = DeadLetters::How;

class DeadLettersFile : public testing::Test {
 protected:
  static constexpr const char* kPath = "d/dead-letters.log";

  Status open() {
    letters_.reset();
    auto opened = DeadLetters::open(options_);
    if (!opened.is_ok()) return opened.status();
    letters_ = std::move(opened.value());
    return Status::ok();
  }
  // As a commit does: durable, then counted by the ack log.
  void commit() {
    ASSERT_TRUE(letters_->sync().is_ok());
    EXPECT_EQ(letters_->durable_length(), letters_->length());
    options_.committed_bytes = letters_->length();
  }
  static DeadLetter letter(uint64_t sequence, std::size_t payload = 20) {
    DeadLetter one;
    one.sequence = sequence;
    one.time_us = sequence * 10;
    one.attempts = 5;
    one.type = 3;
    one.has_id = true;
    one.id = integer_id(sequence);
    one.history = "timeout; timeout " + std::to_string(sequence);
    one.payload.assign(payload, static_cast<uint8_t>(sequence));
    return one;
  }
  uint64_t must_append(uint64_t sequence, std::size_t payload = 20) {
    auto number = letters_->append_letter(letter(sequence, payload));
    EXPECT_TRUE(number.is_ok()) << number.status().message();
    return number.is_ok() ? number.value() : 0;
  }
  std::vector<uint64_t> open_sequences() {
    std::vector<uint64_t> sequences;
    letters_->show(letters_->length());
    EXPECT_TRUE(letters_
                    ->visit_open([&](const DeadLetter& one) {
                      DeadLetter meant = letter(one.sequence, one.payload.size());
                      meant.number = one.number;
                      EXPECT_EQ(one, meant);
                      sequences.push_back(one.sequence);
                      return true;
                    })
                    .is_ok());
    return sequences;
  }
  std::vector<uint8_t>& file() { return disk_.files.at(kPath)->bytes; }

  MemoryStorage disk_;
  DeadLetters::Options options_{&disk_, "d", 99, 0, 1024 * 1024};
  std::unique_ptr<DeadLetters> letters_;
};

using Sequences = std::vector<uint64_t>;

TEST_F(DeadLettersFile, keeps_letters_until_they_are_resolved) {
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(letters_->length(), 4096u);
  EXPECT_EQ(must_append(10), 1u);
  EXPECT_EQ(must_append(11, 0), 2u);
  EXPECT_EQ(must_append(12, 3000), 3u);
  ASSERT_TRUE(letters_->append_resolved(2, How::dropped, 5).is_ok());
  EXPECT_FALSE(letters_->contains_open(2));
  EXPECT_EQ(letters_->append_resolved(2, How::retried, 5).code(), Code::invalid_argument);
  EXPECT_EQ(letters_->append_resolved(7, How::retried, 5).code(), Code::invalid_argument);
  EXPECT_EQ(open_sequences(), (Sequences{10, 12}));
  commit();
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(open().is_ok());
    EXPECT_EQ(open_sequences(), (Sequences{10, 12}));
    EXPECT_EQ(letters_->open_count(), 2u);
    EXPECT_EQ(letters_->length(), options_.committed_bytes);
  }
  EXPECT_EQ(letters_->read(3).value().sequence, 12u);
  EXPECT_EQ(letters_->read(2).status().code(), Code::invalid_argument);
  EXPECT_EQ(must_append(13), 4u);
}

TEST_F(DeadLettersFile, knows_what_an_open_letter_was_asked_for_until_it_is_resolved) {
  ASSERT_TRUE(open().is_ok());
  must_append(10);
  must_append(11);
  EXPECT_EQ(letters_->asked(1), std::nullopt);
  letters_->ask(1, How::retried);
  letters_->ask(2, How::dropped);
  letters_->ask(2, How::retried);
  letters_->ask(7, How::retried);
  EXPECT_EQ(letters_->asked(1), How::retried);
  EXPECT_EQ(letters_->asked(2), How::dropped) << "the first one counts";
  EXPECT_EQ(letters_->asked(7), std::nullopt) << "there is no such letter";
  ASSERT_TRUE(letters_->append_resolved(1, How::retried, 5).is_ok());
  EXPECT_EQ(letters_->asked(1), std::nullopt);
}

TEST_F(DeadLettersFile, cuts_what_no_ack_block_has_counted) {
  ASSERT_TRUE(open().is_ok());
  must_append(10);
  must_append(11);
  commit();
  must_append(12);
  ASSERT_TRUE(letters_->append_resolved(1, How::retried, 1).is_ok());
  ASSERT_TRUE(letters_->sync().is_ok());
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(open_sequences(), (Sequences{10, 11}));
  EXPECT_EQ(file().size(), options_.committed_bytes);
  EXPECT_EQ(must_append(20), 3u);
}

TEST_F(DeadLettersFile, reads_without_changing_anything) {
  auto none = DeadLetters::open_read_only(options_);
  ASSERT_TRUE(none.is_ok());
  EXPECT_EQ(none.value()->open_count(), 0u);
  EXPECT_TRUE(disk_.files.empty());
  ASSERT_TRUE(open().is_ok());
  must_append(10);
  commit();
  must_append(11);
  const MemoryStorage::Image before = disk_.image();
  disk_.opened_for_writing = 0;
  auto read = DeadLetters::open_read_only(options_);
  ASSERT_TRUE(read.is_ok());
  EXPECT_EQ(disk_.opened_for_writing, 0) << "a directory may be one that can't be written";
  EXPECT_EQ(read.value()->open_count(), 1u);
  EXPECT_EQ(read.value()->append_letter(letter(1)).status().code(), Code::read_only);
  EXPECT_EQ(read.value()->append_resolved(1, How::dropped, 0).code(), Code::read_only);
  EXPECT_EQ(read.value()->sync().code(), Code::read_only);
  EXPECT_EQ(disk_.image(), before);
}

TEST_F(DeadLettersFile, every_flipped_bit_and_every_truncation_of_what_is_committed_is_refused) {
  ASSERT_TRUE(open().is_ok());
  must_append(10);
  must_append(11);
  ASSERT_TRUE(letters_->append_resolved(1, How::retried, 1).is_ok());
  commit();
  const std::vector<uint8_t> whole = file();
  const auto refused = [&] {
    auto read = DeadLetters::open_read_only(options_);
    return !read.is_ok() && read.status().message().find(kPath) != std::string::npos &&
           (read.status().code() == Code::damaged || read.status().code() == Code::format);
  };
  for (uint64_t bit = 0; bit < whole.size() * 8; ++bit) {
    file()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_TRUE(refused()) << bit;
    file()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    file().resize(bytes);
    ASSERT_TRUE(refused()) << bytes;
    file() = whole;
  }
  for (uint64_t wrong = 4097; wrong < options_.committed_bytes; ++wrong) {
    DeadLetters::Options options = options_;
    options.committed_bytes = wrong;
    auto read = DeadLetters::open_read_only(options);
    // Only a record's end can a commit have named.
    if (read.is_ok()) {
      ASSERT_TRUE(wrong == 4096 + 112 || wrong == 4096 + 224) << wrong;
    }
  }
  disk_.files.erase(kPath);
  EXPECT_TRUE(refused());
}

TEST_F(DeadLettersFile, of_another_directory_are_refused) {
  ASSERT_TRUE(open().is_ok());
  must_append(1);
  commit();
  options_.directory_salt = 5;
  EXPECT_EQ(open().code(), Code::format);
}

TEST_F(DeadLettersFile, are_compacted_under_the_same_committed_length) {
  options_.compact_bytes = 1000;
  ASSERT_TRUE(open().is_ok());
  for (uint64_t sequence = 1; sequence <= 50; ++sequence) must_append(sequence, 100);
  for (uint64_t number = 1; number <= 48; ++number) {
    ASSERT_TRUE(letters_->append_resolved(number, How::dropped, 1).is_ok());
  }
  commit();
  const std::size_t before = file().size();
  const MemoryStorage::Image old = disk_.image();
  ASSERT_TRUE(open().is_ok());
  EXPECT_LT(file().size(), before / 2);
  EXPECT_EQ(letters_->length(), options_.committed_bytes);
  EXPECT_EQ(open_sequences(), (Sequences{49, 50}));
  // A crash right behind leaves a file that still fits, and so does the old one.
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(open_sequences(), (Sequences{49, 50}));
  EXPECT_EQ(must_append(51), 51u);
  ASSERT_TRUE(letters_->append_resolved(49, How::retried, 1).is_ok());
  commit();
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(open_sequences(), (Sequences{50, 51}));
  // All resolved: the numbers go on all the same.
  ASSERT_TRUE(letters_->append_resolved(50, How::dropped, 1).is_ok());
  ASSERT_TRUE(letters_->append_resolved(51, How::dropped, 1).is_ok());
  commit();
  options_.compact_bytes = 1;
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(file().size(), 4096u);
  EXPECT_EQ(must_append(52), 52u);
  commit();
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(open_sequences(), (Sequences{52}));
}

TEST_F(DeadLettersFile, shows_a_letter_once_its_ack_is_durable) {
  ASSERT_TRUE(open().is_ok());
  must_append(1);
  letters_->show(letters_->length());
  must_append(2);
  EXPECT_TRUE(letters_->shows(1));
  EXPECT_FALSE(letters_->shows(2)) << "a crash may take it back and give its number to another";
  EXPECT_TRUE(letters_->contains_open(2));
  Sequences shown;
  ASSERT_TRUE(letters_
                  ->visit_open([&](const DeadLetter& one) {
                    shown.push_back(one.sequence);
                    return true;
                  })
                  .is_ok());
  EXPECT_EQ(shown, (Sequences{1}));
}

TEST_F(DeadLettersFile, a_full_disk_fails_the_append_and_no_more) {
  ASSERT_TRUE(open().is_ok());
  must_append(1);
  disk_.full = true;
  EXPECT_EQ(letters_->append_letter(letter(2)).status().code(), Code::no_space);
  EXPECT_EQ(letters_->append_resolved(1, How::dropped, 0).code(), Code::no_space);
  disk_.full = false;
  EXPECT_EQ(must_append(3), 2u);
  EXPECT_EQ(open_sequences(), (Sequences{1, 3}));
  commit();
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(open_sequences(), (Sequences{1, 3}));
}

TEST_F(DeadLettersFile, are_poisoned_by_the_first_failed_sync) {
  ASSERT_TRUE(open().is_ok());
  must_append(1);
  disk_.sync_fails = true;
  EXPECT_EQ(letters_->sync().code(), Code::io);
  disk_.sync_fails = false;
  EXPECT_EQ(letters_->sync().code(), Code::poisoned);
  EXPECT_EQ(letters_->append_letter(letter(2)).status().code(), Code::poisoned);
  EXPECT_EQ(letters_->durable_length(), 4096u);
}

TEST_F(DeadLettersFile, live_on_the_machines_own_disk) {
  test::TemporaryDirectory directory;
  options_.storage = &Storage::real();
  options_.directory = directory.path();
  options_.compact_bytes = 1;
  ASSERT_TRUE(open().is_ok());
  must_append(1);
  must_append(2);
  ASSERT_TRUE(letters_->append_resolved(1, How::dropped, 0).is_ok());
  commit();
  must_append(3);
  ASSERT_TRUE(open().is_ok());
  EXPECT_EQ(open_sequences(), (Sequences{2}));
}

TEST_F(DeadLettersFile, has_the_bytes_of_the_worked_example) {
  options_.directory_salt = 0xD1D2D3D4D5D6D7D8;
  options_.random = [] { return 0x0102030405060708; };
  ASSERT_TRUE(open().is_ok());
  DeadLetter one;
  one.sequence = 9;
  one.time_us = 1000;
  one.attempts = 3;
  one.type = 7;
  one.has_id = true;
  one.id = integer_id(43);
  one.history = "no";
  one.payload = {0xAA, 0xBB, 0xCC};
  ASSERT_TRUE(letters_->append_letter(one).is_ok());
  ASSERT_TRUE(letters_->append_resolved(1, How::dropped, 2000).is_ok());
  const std::vector<uint8_t> meant = test::documented("../deadletters/FORMAT.md");
  ASSERT_EQ(file().size(), meant.size());
  for (std::size_t at = 0; at < meant.size(); ++at) EXPECT_EQ(file()[at], meant[at]) << at;
}

}  // namespace
}  // namespace semel
