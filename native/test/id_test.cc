// Ids in 16 bytes: which are exact, that those never meet, and the hash of the others.
#include "core/id.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace semel {
namespace {

constexpr HashKey kKey{0x0706050403020100ull, 0x0F0E0D0C0B0A0908ull};

Id id_of(const std::string& text, const HashKey& key = kKey) {
  return string_id(key, text.data(), text.size());
}

bool is_hashed(const std::string& text) { return id_of(text) != id_of(text, {1, 2}); }

std::string hex(const Id& id) {
  std::string text;
  for (const uint64_t word : {id.low, id.high}) {
    for (int byte = 0; byte < 8; ++byte) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(word >> 8 * byte & 0xFF));
      text += digits;
    }
  }
  return text;
}

std::string uuid(std::mt19937_64& random) {
  char text[37];
  const uint64_t a = random();
  const uint64_t b = random();
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(a),
                static_cast<unsigned>(a >> 32 & 0xFFFF),
                static_cast<unsigned>(0x4000 | (a >> 48 & 0x0FFF)),
                static_cast<unsigned>(0x8000 | (b >> 48 & 0x3FFF)),
                static_cast<unsigned long long>(b & 0xFFFF'FFFF'FFFFull));
  return text;
}

// One character of each UTF-8 length, so that byte 8 is met in every part of one.
std::string utf8(std::mt19937_64& random, std::size_t bytes_max) {
  static const char* const characters[] = {"a", "Z", "0", "-", "\x01", "\x7F", "é", "ß", "α",
                                           "€", "語", "한", "😀", "𝄞", "\u07FF", "\uFFFD"};
  std::string text;
  for (;;) {
    const std::string next = characters[random() % std::size(characters)];
    if (text.size() + next.size() > bytes_max || random() % 12 == 0) return text;
    text += next;
  }
}

TEST(SipHash128, GivesTheReferenceVectors) {
  // vectors_sip128 of the reference implementation: key 00…0f, input 00, 01, … of n bytes.
  const std::string expected[] = {"a3817f04ba25a8e66df67214c7550293",
                                  "da87c1d86b99af44347659119b22fc45"};
  const uint8_t input[] = {0};
  for (std::size_t n = 0; n < std::size(expected); ++n) {
    EXPECT_EQ(hex(siphash128(kKey, input, n)), expected[n]) << n << " bytes";
  }
}

TEST(SipHash128, DependsOnEveryBitOfKeyAndInput) {
  std::vector<uint8_t> input(67, 0x5A);
  std::set<std::string> seen{hex(siphash128(kKey, input.data(), input.size()))};
  for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
    input[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_TRUE(seen.insert(hex(siphash128(kKey, input.data(), input.size()))).second);
    input[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  for (int bit = 0; bit < 64; ++bit) {
    const HashKey first{kKey.k0 ^ 1ull << bit, kKey.k1};
    const HashKey second{kKey.k0, kKey.k1 ^ 1ull << bit};
    EXPECT_TRUE(seen.insert(hex(siphash128(first, input.data(), input.size()))).second);
    EXPECT_TRUE(seen.insert(hex(siphash128(second, input.data(), input.size()))).second);
  }
  for (std::size_t length = 0; length < input.size(); ++length) {
    EXPECT_TRUE(seen.insert(hex(siphash128(kKey, input.data(), length))).second);
  }
}

TEST(StringId, ShortStringIsItsBytesPaddedWithZeros) {
  EXPECT_EQ(hex(id_of("")), "00000000000000000000000000000000");
  EXPECT_EQ(hex(id_of("trade-1")), "74726164652d31000000000000000000");
  EXPECT_EQ(hex(id_of("0123456789abcdef")), "30313233343536373839616263646566");
}

TEST(StringId, UuidIsItsSixteenBytes) {
  EXPECT_EQ(hex(id_of("00112233-4455-6677-8899-aabbccddeeff")), "00112233445566778899aabbccddeeff");
  EXPECT_EQ(hex(id_of("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")), "f81d4fae7dec11d0a76500a0c91e6bf6");
}

TEST(StringId, HashesWhatIsNotExact) {
  EXPECT_TRUE(is_hashed("0123456789abcdefg"));                     // 17 bytes
  EXPECT_TRUE(is_hashed("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"));  // another string than its like
  EXPECT_TRUE(is_hashed("f81d4fae-7dec-11d0-a765-00a0c91e6bfg"));  // not hexadecimal
  EXPECT_TRUE(is_hashed("f81d4fae-7dec-11d0-a765000a0c91e6bf6"));  // not the form
  EXPECT_TRUE(is_hashed("f81d4fae-7dec-11d0-2765-00a0c91e6bf6"));  // not RFC 9562's variant
  EXPECT_TRUE(is_hashed("00000000-0000-0000-0000-000000000000"));
  EXPECT_TRUE(is_hashed(std::string("a\0b", 3)));
  EXPECT_TRUE(is_hashed(std::string("\0", 1)));
  EXPECT_TRUE(is_hashed("aéééé"));   // byte 8 continues a character, as in a UUID
  EXPECT_FALSE(is_hashed("éééé"));
  EXPECT_FALSE(is_hashed("ééééé"));  // byte 8 begins one
  EXPECT_FALSE(is_hashed("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
}

TEST(StringId, TellsApartStringsThatDifferInZerosOnly) {
  EXPECT_NE(id_of(""), id_of(std::string("\0", 1)));
  EXPECT_NE(id_of("a"), id_of(std::string("a\0", 2)));
  EXPECT_NE(id_of("7"), integer_id(7));
  EXPECT_NE(id_of("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
            id_of("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"));
}

TEST(StringId, NoTwoOfManyIdsMeet) {
  std::mt19937_64 random(1);
  struct Hash {
    std::size_t operator()(const Id& id) const { return mix(id); }
  };
  std::unordered_map<Id, std::string, Hash> seen;
  const auto expect_new = [&](const Id& id, const std::string& what) {
    const auto [at, is_new] = seen.emplace(id, what);
    EXPECT_TRUE(is_new || at->second == what) << what << " meets " << at->second;
  };
  for (int i = 0; i < 300'000; ++i) {
    const std::string text = utf8(random, 1 + random() % 40);
    expect_new(id_of(text), "string " + text);
    const std::string random_uuid = uuid(random);
    expect_new(id_of(random_uuid), "string " + random_uuid);
    const uint64_t integer = random() >> random() % 64;
    expect_new(integer_id(integer), "integer " + std::to_string(integer));
    expect_new({0 - integer - 1, kNegativeIntegerHigh}, "negative " + std::to_string(integer));
    expect_new({integer, kInternalHigh}, "internal " + std::to_string(integer));
    expect_new(id_of(std::to_string(integer)), "string " + std::to_string(integer));
  }
  EXPECT_GT(seen.size(), 1'000'000u);
}

TEST(StringId, StringThatSpellsTheBytesOfAUuidMeetsNone) {
  // A UUID whose 16 bytes are text but for the variant's byte, which text can hold as a character's
  // second byte.
  const std::string spelled = "abcdefg\xC3\xA9ijklmno";
  ASSERT_EQ(spelled.size(), 16u);
  const std::string form = "61626364-6566-67c3-a969-6a6b6c6d6e6f";
  EXPECT_EQ(hex(id_of(form)), "61626364656667c3a9696a6b6c6d6e6f");
  EXPECT_NE(id_of(spelled), id_of(form));
}

}  // namespace
}  // namespace semel
