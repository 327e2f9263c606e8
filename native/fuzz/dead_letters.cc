// A file of dead letters with any bytes in it, under any committed length.
//   - reading changes nothing, opens nothing for writing, and finds what opening finds
//   - what is accepted can be read letter by letter, compacted, appended to and opened again
//   - what lies behind the committed length has never happened
#include "deadletters/dead_letters.h"
#include "fuzz/memory_storage.h"
#include "fuzz/repair.h"
#include "fuzz/sparse.h"

namespace {

using namespace semel;
using namespace semel::fuzz;

constexpr uint64_t kHeaderBytes = 4096;
constexpr uint64_t kFileBytesMax = 64 * 1024;
constexpr uint64_t kDirectorySalt = 0xd1d2d3d4d5d6d7d8;
const std::string kPath = std::string("d/") + DeadLetters::kName;

using Letters = std::vector<DeadLetter>;

struct Case {
  MemoryStorage disk;
  DeadLetters::Options options;
  uint64_t salts = 1;

  Case() {
    options.storage = &disk;
    options.directory = "d";
    options.directory_salt = kDirectorySalt;
    options.random = [this] { return ++salts * 0x9E3779B97F4A7C15; };
  }
};

Letters all_of(const DeadLetters& letters) {
  Letters found;
  const Status status = letters.visit_open([&](const DeadLetter& letter) {
    found.push_back(letter);
    return true;
  });
  require(status.is_ok(), "what is accepted can be read", status.message());
  require(found.size() == letters.open_count(), "each open letter is visited");
  for (const DeadLetter& letter : found) {
    require(letters.contains_open(letter.number), "a letter that is visited is open");
    auto one = letters.read(letter.number);
    require(one.is_ok() && one.value() == letter, "a letter reads the same by its number");
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto repairs = input.take<uint8_t>();
  Case one;
  one.options.committed_bytes = input.take<uint64_t>();
  one.options.compact_bytes = input.take<uint8_t>();
  auto files = read_sparse(input, 1, kHeaderBytes, kFileBytesMax);
  MemoryStorage::Image image;
  if (!files.empty()) {
    std::vector<uint8_t>& bytes = files.begin()->second.bytes;
    repair_dead_letters(bytes, kDirectorySalt, repairs);
    image[kPath] = bytes;
  }
  one.disk.restore(image);

  auto read = DeadLetters::open_read_only(one.options);
  require(one.disk.changes == 0, "reading changes nothing");
  Letters found;
  if (read.is_ok()) found = all_of(*read.value());
  require(one.disk.changes == 0, "reading letters changes nothing");

  auto opened = DeadLetters::open(one.options);
  require(opened.is_ok() == read.is_ok(), "what can be read can be opened, and nothing else",
          opened.status().message());
  if (!opened.is_ok()) {
    require_names_file(opened.status(), "d");
    require(one.disk.image() == image, "what is refused is left as it is");
    return 0;
  }
  require(all_of(*opened.value()) == found, "opening finds what reading found");
  const uint64_t base_length = opened.value()->length();
  require(base_length == std::max(one.options.committed_bytes, kHeaderBytes),
          "the length is the committed one");

  // A letter and the end of an open one, then opened at either length.
  DeadLetter letter;
  letter.sequence = 77;
  letter.history = "it failed";
  letter.payload = {1, 2, 3};
  auto number = opened.value()->append_letter(letter);
  require(number.is_ok(), "a letter can be appended", number.status().message());
  letter.number = number.value();
  for (const DeadLetter& other : found) {
    require(other.number < letter.number, "numbers go up", std::to_string(letter.number));
  }
  Letters grown = found;
  grown.push_back(letter);
  if (!found.empty()) {
    require(opened.value()->append_resolved(found[0].number, DeadLetters::How::dropped, 5).is_ok(),
            "an open letter can be resolved");
    grown.erase(grown.begin());
  }
  require(opened.value()->sync().is_ok(), "a sync succeeds");
  require(!opened.value()->shows(letter.number), "a letter is not shown before its ack is durable");
  opened.value()->show(opened.value()->length());
  require(all_of(*opened.value()) == grown, "what was appended is there");
  const uint64_t committed = opened.value()->length();
  opened.value().reset();

  Case later;
  later.options.committed_bytes = committed;
  later.options.compact_bytes = 1;
  later.disk.restore(one.disk.image());
  auto again = DeadLetters::open(later.options);
  require(again.is_ok(), "what was appended can be opened", again.status().message());
  require(all_of(*again.value()) == grown, "what was appended is there after opening");

  // A crash before the ack block: nothing was appended.
  auto earlier = DeadLetters::open(one.options);
  require(earlier.is_ok(), "the former length can be opened", earlier.status().message());
  require(all_of(*earlier.value()) == found, "what was not committed has not happened");
  return 0;
}
