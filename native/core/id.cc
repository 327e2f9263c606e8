#include "core/id.h"

#include <bit>
#include <cstring>

namespace semel {
namespace {

struct SipState {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1; v1 = std::rotl(v1, 13); v1 ^= v0; v0 = std::rotl(v0, 32);
    v2 += v3; v3 = std::rotl(v3, 16); v3 ^= v2;
    v0 += v3; v3 = std::rotl(v3, 21); v3 ^= v0;
    v2 += v1; v1 = std::rotl(v1, 17); v1 ^= v2; v2 = std::rotl(v2, 32);
  }
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;  // upper case is another string, so it is hashed and not parsed
}

// Fills 16 bytes from the lower-case 36-character form; false if it is not an RFC 9562 UUID.
bool parse_uuid(const char* text, uint8_t* out) {
  int at = 0;
  for (int i = 0; i < 36;) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i++] != '-') return false;
      continue;
    }
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out[at++] = static_cast<uint8_t>(high << 4 | low);
    i += 2;
  }
  return (out[8] & 0xC0) == 0x80;
}

}  // namespace

Id siphash128(const HashKey& key, const void* bytes, uint64_t length) {
  SipState s{key.k0 ^ 0x736f6d6570736575ull, key.k1 ^ 0x646f72616e646f6dull ^ 0xee,
             key.k0 ^ 0x6c7967656e657261ull, key.k1 ^ 0x7465646279746573ull};
  const auto* at = static_cast<const uint8_t*>(bytes);
  for (uint64_t left = length; left >= 8; left -= 8, at += 8) {
    const uint64_t word = load<uint64_t>(at);
    s.v3 ^= word;
    s.round();
    s.round();
    s.v0 ^= word;
  }
  uint64_t last = length << 56;
  for (uint64_t i = 0; i < length % 8; ++i) last |= uint64_t{at[i]} << (8 * i);
  s.v3 ^= last;
  s.round();
  s.round();
  s.v0 ^= last;
  s.v2 ^= 0xee;
  for (int i = 0; i < 4; ++i) s.round();
  const uint64_t low = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  s.v1 ^= 0xdd;
  for (int i = 0; i < 4; ++i) s.round();
  return {low, s.v0 ^ s.v1 ^ s.v2 ^ s.v3};
}

Id string_id(const HashKey& key, const char* utf8, uint64_t length) {
  uint8_t bytes[16] = {};
  if (length <= 16 && std::memchr(utf8, 0, length) == nullptr) {
    std::memcpy(bytes, utf8, length);
    if ((bytes[8] & 0xC0) != 0x80) return {load<uint64_t>(bytes), load<uint64_t>(bytes + 8)};
  }
  if (length == 36 && parse_uuid(utf8, bytes)) {
    return {load<uint64_t>(bytes), load<uint64_t>(bytes + 8)};
  }
  return siphash128(key, utf8, length);
}

}  // namespace semel
