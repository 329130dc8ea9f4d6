/*===- Checksum.c - XXH3 in 64 bits ---------------------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* XXH3 with the default secret and seed 0, after its specification:          *|
|* https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. It runs at *|
|* memory speed once a C compiler has vectorized the loop over stripes. No C  *|
|* library is needed, so that WebAssembly has it, too.                        *|
\*===----------------------------------------------------------------------===*/

#include "Hash.h"

static const uint64_t kPrime32_1 = 0x9E3779B1U;
static const uint64_t kPrime32_2 = 0x85EBCA77U;
static const uint64_t kPrime32_3 = 0xC2B2AE3DU;
static const uint64_t kPrime64_1 = 0x9E3779B185EBCA87U;
static const uint64_t kPrime64_2 = 0xC2B2AE3D27D4EB4FU;
static const uint64_t kPrime64_3 = 0x165667B19E3779F9U;
static const uint64_t kPrime64_4 = 0x85EBCA77C2B2AE63U;
static const uint64_t kPrime64_5 = 0x27D4EB2F165667C5U;
static const uint64_t kPrimeMix1 = 0x165667919E3779F9U;
static const uint64_t kPrimeMix2 = 0x9FB21C651E98DF25U;

enum { kSecretBytes = 192, kStripe = 64, kLanes = 8, kStripesPerBlock = 16 };

static const unsigned char kSecret[kSecretBytes] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c,
    0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb,
    0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e,
    0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6,
    0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb,
    0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97,
    0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7,
    0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31,
    0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83,
    0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26,
    0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc,
    0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f,
    0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e};

static uint32_t read32(const unsigned char *p) {
  uint32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return value;
}

static uint64_t read64(const unsigned char *p) {
  uint64_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return value;
}

static uint64_t rotate(uint64_t value, unsigned bits) {
  return (value << bits) | (value >> (64 - bits));
}

/** Both halves of a 128-bit product, folded into one. */
static uint64_t multiply_fold(uint64_t a, uint64_t b) {
#if defined(__wasm__)
  // There is no product of 128 bits; four of 64 bits make one.
  uint64_t low_a = a & 0xFFFFFFFFU, high_a = a >> 32;
  uint64_t low_b = b & 0xFFFFFFFFU, high_b = b >> 32;
  uint64_t low = low_a * low_b, cross = high_a * low_b + (low >> 32);
  uint64_t middle = low_a * high_b + (cross & 0xFFFFFFFFU);
  uint64_t high = high_a * high_b + (cross >> 32) + (middle >> 32);
  return ((middle << 32) | (low & 0xFFFFFFFFU)) ^ high;
#else
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
#endif
}

static uint64_t avalanche(uint64_t hash) {
  hash ^= hash >> 37;
  hash *= kPrimeMix1;
  return hash ^ (hash >> 32);
}

static uint64_t avalanche_xxh64(uint64_t hash) {
  hash ^= hash >> 33;
  hash *= kPrime64_2;
  hash ^= hash >> 29;
  hash *= kPrime64_3;
  return hash ^ (hash >> 32);
}

static uint64_t hash_to_16(const unsigned char *p, uint64_t size) {
  if (size == 0)
    return avalanche_xxh64(read64(kSecret + 56) ^ read64(kSecret + 64));
  if (size < 4) {
    uint32_t word = ((uint32_t)p[0] << 16) | ((uint32_t)p[size >> 1] << 24) |
                    p[size - 1] | ((uint32_t)size << 8);
    return avalanche_xxh64(word ^ read32(kSecret) ^ read32(kSecret + 4));
  }
  if (size <= 8) {
    uint64_t hash = read32(p + size - 4) + ((uint64_t)read32(p) << 32);
    hash ^= read64(kSecret + 8) ^ read64(kSecret + 16);
    hash ^= rotate(hash, 49) ^ rotate(hash, 24);
    hash *= kPrimeMix2;
    hash ^= (hash >> 35) + size;
    hash *= kPrimeMix2;
    return hash ^ (hash >> 28);
  }
  uint64_t low = read64(p) ^ read64(kSecret + 24) ^ read64(kSecret + 32);
  uint64_t high =
      read64(p + size - 8) ^ read64(kSecret + 40) ^ read64(kSecret + 48);
  return avalanche(size + __builtin_bswap64(low) + high +
                   multiply_fold(low, high));
}

static uint64_t mix16(const unsigned char *p, const unsigned char *secret) {
  return multiply_fold(read64(p) ^ read64(secret),
                       read64(p + 8) ^ read64(secret + 8));
}

static uint64_t hash_to_128(const unsigned char *p, uint64_t size) {
  uint64_t hash = size * kPrime64_1;
  for (int i = (int)((size - 1) / 32); i >= 0; --i) {
    hash += mix16(p + 16 * i, kSecret + 32 * i);
    hash += mix16(p + size - 16 * (i + 1), kSecret + 32 * i + 16);
  }
  return avalanche(hash);
}

static uint64_t hash_to_240(const unsigned char *p, uint64_t size) {
  uint64_t hash = size * kPrime64_1;
  for (int i = 0; i < 8; ++i)
    hash += mix16(p + 16 * i, kSecret + 16 * i);
  hash = avalanche(hash);
  for (int i = 8; i < (int)(size / 16); ++i)
    hash += mix16(p + 16 * i, kSecret + 16 * (i - 8) + 3);
  hash += mix16(p + size - 16, kSecret + 136 - 17);
  return avalanche(hash);
}

static void add_stripe(uint64_t lanes[kLanes], const unsigned char *p,
                       const unsigned char *secret) {
  for (int i = 0; i < kLanes; ++i) {
    uint64_t value = read64(p + 8 * i);
    uint64_t key = value ^ read64(secret + 8 * i);
    lanes[i ^ 1] += value;
    lanes[i] += (key & 0xFFFFFFFFU) * (key >> 32);
  }
}

static void add_stripes(uint64_t lanes[kLanes], const unsigned char *p,
                        int count) {
  for (int i = 0; i < count; ++i)
    add_stripe(lanes, p + kStripe * i, kSecret + 8 * i);
}

static void scramble(uint64_t lanes[kLanes]) {
  for (int i = 0; i < kLanes; ++i) {
    lanes[i] ^= lanes[i] >> 47;
    lanes[i] ^= read64(kSecret + kSecretBytes - kStripe + 8 * i);
    lanes[i] *= kPrime32_1;
  }
}

static uint64_t hash_long(const unsigned char *p, uint64_t size) {
  uint64_t lanes[kLanes] = {kPrime32_3, kPrime64_1, kPrime64_2, kPrime64_3,
                            kPrime64_4, kPrime32_2, kPrime64_5, kPrime32_1};
  const uint64_t block = kStripe * kStripesPerBlock;
  uint64_t blocks = (size - 1) / block;
  for (uint64_t i = 0; i < blocks; ++i) {
    add_stripes(lanes, p + block * i, kStripesPerBlock);
    scramble(lanes);
  }
  add_stripes(lanes, p + block * blocks,
              (int)((size - 1 - block * blocks) / kStripe));
  add_stripe(lanes, p + size - kStripe, kSecret + kSecretBytes - kStripe - 7);
  uint64_t hash = size * kPrime64_1;
  for (int i = 0; i < kLanes / 2; ++i)
    hash += multiply_fold(lanes[2 * i] ^ read64(kSecret + 11 + 16 * i),
                          lanes[2 * i + 1] ^ read64(kSecret + 19 + 16 * i));
  return avalanche(hash);
}

uint64_t lowbit_hash(const void *bytes, uint64_t size) {
  const unsigned char *p = bytes;
  if (size <= 16)
    return hash_to_16(p, size);
  if (size <= 128)
    return hash_to_128(p, size);
  if (size <= 240)
    return hash_to_240(p, size);
  return hash_long(p, size);
}
