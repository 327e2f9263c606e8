#include "fuzz/sparse.h"

#include <algorithm>
#include <cstring>

namespace semel::fuzz {
namespace {

enum class Kind : uint8_t { bytes = 0, size = 1, name = 2, fill = 3 };

// Zeros that are cheaper to write out than a new record.
constexpr std::size_t kGapMin = 16;
constexpr std::size_t kRecordBytesMax = 4096;

void grow(std::vector<uint8_t>& bytes, uint64_t size, uint64_t bytes_max) {
  bytes.resize(std::max<uint64_t>(bytes.size(), std::min(size, bytes_max)));
}

bool all_zero(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::map<uint32_t, SparseFile> read_sparse(Input& input, uint32_t files, uint64_t default_bytes,
                                           uint64_t bytes_max) {
  std::map<uint32_t, SparseFile> found;
  while (!input.empty()) {
    const auto kind = static_cast<Kind>(input.take<uint8_t>() % 4);
    auto [entry, made] = found.try_emplace(input.take<uint8_t>() % files);
    SparseFile& file = entry->second;
    if (made) file.bytes.resize(default_bytes);
    switch (kind) {
      case Kind::bytes: {
        const uint64_t offset = input.take<uint16_t>() * 8ull;
        const auto content = input.take_bytes(input.take<uint16_t>());
        grow(file.bytes, offset + content.size(), bytes_max);
        if (offset >= file.bytes.size() || content.empty()) break;
        std::memcpy(file.bytes.data() + offset, content.data(),
                    std::min<uint64_t>(content.size(), file.bytes.size() - offset));
        break;
      }
      case Kind::size:
        file.bytes.resize(input.take<uint32_t>() % (bytes_max + 1));
        break;
      case Kind::name:
        file.number = input.take<uint64_t>();
        break;
      case Kind::fill: {
        const uint64_t offset = input.take<uint16_t>() * 8ull;
        const uint64_t length = input.take<uint16_t>() * 8ull;
        const auto value = input.take<uint8_t>();
        grow(file.bytes, offset + length, bytes_max);
        if (offset >= file.bytes.size()) break;
        std::fill_n(file.bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    std::min<uint64_t>(length, file.bytes.size() - offset), value);
        break;
      }
    }
  }
  return found;
}

void SparseWriter::put_file(uint32_t file, std::span<const uint8_t> content,
                            uint64_t default_bytes, uint64_t number) {
  const auto begin = [&](Kind kind) {
    put<uint8_t>(static_cast<uint8_t>(kind));
    put<uint8_t>(static_cast<uint8_t>(file));
  };
  if (content.size() != default_bytes || all_zero(content)) {
    begin(Kind::size);
    put<uint32_t>(static_cast<uint32_t>(content.size()));
  }
  if (number != 0) {
    begin(Kind::name);
    put<uint64_t>(number);
  }
  const auto word_is_zero = [&](std::size_t at) {
    return all_zero(content.subspan(at, std::min<std::size_t>(8, content.size() - at)));
  };
  for (std::size_t at = 0; at < content.size();) {
    if (word_is_zero(at)) {
      at += 8;
      continue;
    }
    std::size_t end = at + 8;
    for (std::size_t next = end; next < content.size() && next - end < kGapMin &&
                                 next - at < kRecordBytesMax; next += 8) {
      if (!word_is_zero(next)) end = next + 8;
    }
    end = std::min(end, content.size());
    begin(Kind::bytes);
    put<uint16_t>(static_cast<uint16_t>(at / 8));
    put<uint16_t>(static_cast<uint16_t>(end - at));
    bytes_.insert(bytes_.end(), content.begin() + static_cast<std::ptrdiff_t>(at),
                  content.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
    at = round_up(at, 8);
  }
}

}  // namespace semel::fuzz
