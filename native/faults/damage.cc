#include <algorithm>

#include "faults/scenarios.h"

namespace semel::faults {
namespace {

constexpr uint64_t kHistoryImages = 40;

class Damage {
 public:
  Damage(uint64_t seed, Tally* tally)
      : seed_(seed), random_(seed ^ 0xDA3A6E), episode_(seed, Crash::process_death, kHistoryImages),
        tally_(*tally) {}

  std::optional<Found> run(uint64_t cases) {
    if (auto found = episode_.run()) return found;
    if (!episode_.rest()) return std::nullopt;
    reference_ = episode_.image();
    for (const auto& [path, bytes] : reference_.files) {
      if (!path.ends_with("/out") && !path.ends_with(".new")) paths_.push_back(path);
    }
    for (uint64_t i = 0; i < cases; ++i) {
      if (auto failure = check(harm())) {
        return Found{seed_, episode_.setting().name() + ", " + what_, *failure};
      }
    }
    return std::nullopt;
  }

 private:
  const std::string& any_path() { return paths_[random_() % paths_.size()]; }

  Image harm() {
    Image image = reference_;
    const std::string path = any_path();
    auto bytes = std::make_shared<Bytes>(*image.files[path]);
    const uint64_t at = bytes->empty() ? 0 : offset_in(*bytes);
    what_ = path + " ";
    switch (bytes->empty() ? 2 : random_() % 8) {
      case 0:
        bytes->resize(at);
        what_ += "cut at " + std::to_string(at);
        break;
      case 1:
        std::fill_n(bytes->begin() + static_cast<std::ptrdiff_t>(at / 512 * 512),
                    std::min<std::size_t>(512, bytes->size() - at / 512 * 512), 0);
        what_ += "without the sector at " + std::to_string(at / 512 * 512);
        break;
      case 2:
        image.files.erase(path);
        what_ += "removed";
        return image;
      case 3: {
        const std::string other = any_path();
        *bytes = *image.files[other];
        what_ += "replaced by " + other;
        break;
      }
      default:
        (*bytes)[at] ^= static_cast<uint8_t>(1 + random_() % 255);
        what_ += "changed at " + std::to_string(at);
    }
    image.files[path] = bytes;
    return image;
  }

  // Where something is written, mostly: the rest of a file is zeros.
  uint64_t offset_in(const Bytes& bytes) {
    uint64_t at = random_() % bytes.size();
    for (int tries = 0; tries < 64 && bytes[at] == 0; ++tries) at = random_() % bytes.size();
    return at;
  }

  std::optional<Failure> check(const Image& image) {
    SimulatedStorage disk(image);
    External external = episode_.witness().known.external;
    auto opened = Stand::open(disk, episode_.setting(), episode_.witness().known.ledger, external);
    if (opened.is_ok()) {
      opened.value().reset();
      Witness witness = episode_.witness();
      witness.epoch = 0;  // the newest block may be the one that is damaged
      return judge(image, Crash::process_death, witness, random_, &tally_);
    }
    tally_.images += 1;
    tally_.acknowledged += episode_.witness().known.ledger.receipts();
    tally_.refused += 1;
    const std::string& message = opened.status().message();
    // A log that ends before what its sink has: the sink knows it.
    if (opened.status().code() == Code::sink_ahead) return std::nullopt;
    if (message.find("data") == std::string::npos) {
      return Failure{"names the file", "refused with: " + message};
    }
    return std::nullopt;
  }

  const uint64_t seed_;
  Random random_;
  Episode episode_;
  Tally& tally_;
  Image reference_;
  std::vector<std::string> paths_;
  std::string what_;
};

}  // namespace

std::optional<Found> damage(uint64_t seed, uint64_t cases, Tally* tally) {
  return Damage(seed, tally).run(cases);
}

}  // namespace semel::faults
