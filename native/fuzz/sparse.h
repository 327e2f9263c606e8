// Files in few bytes. A segment has 64 KiB, nearly all of them zero, and a fuzzer works best on inputs
// of a few hundred bytes: so an input lists what is not zero, as a row of small records that it can
// mutate, reorder and leave out one by one.
//
//   kind u8 % 4   file u8   then, little-endian:
//   0 bytes       u16 offset / 8, u16 length, the bytes      the file grows where they need it
//   1 size        u32 size
//   2 name        u64 number                                what it means is the target's affair
//   3 fill        u16 offset / 8, u16 length / 8, u8 value
//
// A file is there once a record names it, with the size that the target gives it by default.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "fuzz/input.h"

namespace semel::fuzz {

struct SparseFile {
  std::vector<uint8_t> bytes;
  uint64_t number = 0;  // as its name record says; 0: it has none
};

// `files`: how many a target knows; others are folded onto them.
std::map<uint32_t, SparseFile> read_sparse(Input& input, uint32_t files, uint64_t default_bytes,
                                           uint64_t bytes_max);

// The other way, for seeds.
class SparseWriter {
 public:
  template <typename T>
  void put(T value) {
    const auto* at = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof value);
  }
  // Bytes that are not zero, and a size record where the file is not of the default size.
  void put_file(uint32_t file, std::span<const uint8_t> content, uint64_t default_bytes,
                uint64_t number = 0);

  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace semel::fuzz
