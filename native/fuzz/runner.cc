// Runs a target without libFuzzer: replays a corpus, then mutates its inputs for a while. The same seed
// gives the same inputs in the same order. It knows nothing of coverage, so it finds less, and it takes
// the options of libFuzzer that scripts/fuzz.js uses:
//
//   fuzz_TARGET [-max_total_time=S] [-seed=N] [-artifact_prefix=FOLDER/] FOLDER|FILE…
//
// An input that ends the process is in FOLDER/crash-last: it is written before it is run.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/target.h"

namespace {

using Bytes = std::vector<uint8_t>;

constexpr std::size_t kInputBytesMax = 4096;
constexpr unsigned kSecondsMaxPerInput = 25;

// What is written to a file is there when the process has died.
class LastInput {
 public:
  explicit LastInput(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644)) {
    if (fd_ < 0) std::abort();
  }
  void put(const Bytes& input) {
    const auto bytes = static_cast<ssize_t>(input.size());
    if (::ftruncate(fd_, bytes) != 0) std::abort();
    if (::pwrite(fd_, input.data(), input.size(), 0) != bytes) std::abort();
  }
  void done() { ::unlink(path_.c_str()); }

 private:
  const std::string path_;
  const int fd_;
};

class Mutator {
 public:
  Mutator(uint64_t seed, const std::vector<Bytes>& corpus) : random_(seed), corpus_(corpus) {}

  Bytes next() {
    Bytes input = any();
    for (uint64_t step = 1 + random_() % 6; step > 0; --step) mutate(input);
    if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
    return input;
  }

 private:
  const Bytes& any() { return corpus_[random_() % corpus_.size()]; }
  std::size_t offset_in(const Bytes& input) { return random_() % input.size(); }

  void mutate(Bytes& input) {
    if (input.empty()) {
      input.push_back(static_cast<uint8_t>(random_()));
      return;
    }
    const std::size_t at = offset_in(input);
    switch (random_() % 8) {
      case 0: input[at] ^= static_cast<uint8_t>(1u << random_() % 8); break;
      case 1: input[at] = static_cast<uint8_t>(random_()); break;
      case 2: put_number(input, at); break;
      case 3: input.resize(at); break;
      case 4: {
        const std::size_t end = std::min(input.size(), at + 1 + random_() % 64);
        input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                    input.begin() + static_cast<std::ptrdiff_t>(end));
        break;
      }
      case 5: {
        const Bytes more(1 + random_() % 16, static_cast<uint8_t>(random_()));
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), more.begin(), more.end());
        break;
      }
      case 6: {
        // The beginning of one with the end of another.
        const Bytes& other = any();
        if (other.empty()) break;
        const std::size_t from = offset_in(other);
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        break;
      }
      case 7: {
        // A piece again, somewhere else.
        const std::size_t bytes = std::min<std::size_t>(input.size() - at, 1 + random_() % 128);
        const Bytes piece(input.begin() + static_cast<std::ptrdiff_t>(at),
                          input.begin() + static_cast<std::ptrdiff_t>(at + bytes));
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(offset_in(input)), piece.begin(),
                     piece.end());
        break;
      }
    }
  }

  // A number at the edge of something, or near the one that is there.
  void put_number(Bytes& input, std::size_t at) {
    static constexpr uint64_t kEdges[] = {0, 1, 7, 8, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
                                          0x7fffffff, 0x80000000, 0xffffffff, ~0ull >> 1, ~0ull};
    const std::size_t bytes = std::min<std::size_t>(std::size_t{1} << random_() % 4, input.size() - at);
    uint64_t number = 0;
    std::memcpy(&number, input.data() + at, bytes);
    number = random_() % 2 == 0 ? kEdges[random_() % std::size(kEdges)] : number + random_() % 65 - 32;
    std::memcpy(input.data() + at, &number, bytes);
  }

  std::mt19937_64 random_;
  const std::vector<Bytes>& corpus_;
};

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Bytes> read_corpus(const std::vector<std::string>& paths) {
  std::map<std::filesystem::path, Bytes> found;  // by name: the same order everywhere
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      found[path] = read_file(path);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) found[entry.path()] = read_file(entry.path());
    }
  }
  std::vector<Bytes> corpus;
  for (auto& [path, bytes] : found) corpus.push_back(std::move(bytes));
  if (corpus.empty()) corpus.emplace_back();
  return corpus;
}

}  // namespace

int main(int count, char** arguments) {
  uint64_t seconds = 0;
  uint64_t seed = 1;
  std::string folder;
  std::vector<std::string> paths;
  for (int at = 1; at < count; ++at) {
    const std::string_view word = arguments[at];
    const auto value = [&](std::string_view name) {
      return word.starts_with(name) ? arguments[at] + name.size() : nullptr;
    };
    if (const char* time = value("-max_total_time=")) {
      seconds = std::strtoull(time, nullptr, 10);
    } else if (const char* given = value("-seed=")) {
      seed = std::strtoull(given, nullptr, 10);
    } else if (const char* prefix = value("-artifact_prefix=")) {
      folder = prefix;
    } else if (!word.starts_with("-")) {
      paths.emplace_back(word);
    }
  }
  const std::vector<Bytes> corpus = read_corpus(paths);
  LastInput last(folder + "crash-last");
  uint64_t runs = 0;
  const auto run = [&](const Bytes& input) {
    last.put(input);
    // An input that does not end is a finding: the default of SIGALRM ends the process.
    ::alarm(kSecondsMaxPerInput);
    LLVMFuzzerTestOneInput(input.data(), input.size());
    ::alarm(0);
    ++runs;
  };
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::steady_clock::now() - begin; };
  for (const Bytes& input : corpus) run(input);
  Mutator mutator(seed, corpus);
  while (elapsed() < std::chrono::seconds(seconds)) run(mutator.next());
  last.done();
  std::fprintf(stderr, "Done %llu runs in %lld second(s)\n", static_cast<unsigned long long>(runs),
               static_cast<long long>(std::chrono::duration_cast<std::chrono::seconds>(elapsed()).count()));
  return 0;
}
