//===- ChecksumTest.cpp - XXH3 in 64 bits ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler writes checksums with LLVM's function, the run time checks them
// with its own.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"
#include "llvm/Support/xxhash.h"
#include <gtest/gtest.h>
#include <random>
#include <vector>

/// Every length up to a few blocks, which has a path of its own up to 240.
TEST(Checksum, EqualsLLVMs) {
  std::mt19937 random(1);
  std::vector<uint8_t> bytes(3 * 1024 + 70);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  for (size_t size = 0; size <= bytes.size(); ++size)
    ASSERT_EQ(llvm::xxh3_64bits(llvm::ArrayRef(bytes.data(), size)),
              lowbit_hash(bytes.data(), size))
        << size << " bytes";
}

/// Tensors in a file need not be aligned.
TEST(Checksum, TakesAnyAddress) {
  std::vector<uint8_t> bytes(5000, 7);
  for (size_t offset = 0; offset < 8; ++offset)
    EXPECT_EQ(lowbit_hash(bytes.data(), 4000),
              lowbit_hash(bytes.data() + offset, 4000));
}
