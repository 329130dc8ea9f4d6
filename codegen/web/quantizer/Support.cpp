//===- Support.cpp - what the numerics ask of a system --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A page is no system: there is memory that grows, and a trap. With this the
// module imports nothing, and takes from the C library what computes alone.
//
//===----------------------------------------------------------------------===//

#include "LearnedTables.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace lowbit::numerics {

/// Recipes have no such tables (explainNoRowPacking).
Status quantizeRowsWithTables(const float *, int64_t, int64_t,
                              const QuantizeOptions &, const FeedbackPlan *,
                              QuantizedMatrix &) {
  return {"tables that are learned from a weight are none of a page's"};
}

} // namespace lowbit::numerics

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Blocks have sizes of powers of two, and a header that says which. Freed ones
/// wait in a list for the next of their size: what one range of rows takes, the
/// next takes again.
namespace {
struct alignas(16) Block {
  Block *next;
  unsigned order;
};
} // namespace

extern "C" unsigned char __heap_base;
static Block *freeBlocks[32];
static uintptr_t heapEnd;

static void *takeNew(uintptr_t size) {
  constexpr uintptr_t kPage = 1 << 16;
  if (!heapEnd)
    heapEnd = (reinterpret_cast<uintptr_t>(&__heap_base) + 15) & ~uintptr_t(15);
  uintptr_t begin = heapEnd, room = __builtin_wasm_memory_size(0) * kPage;
  if (size > UINT32_MAX - begin)
    __builtin_trap();
  if (begin + size > room &&
      __builtin_wasm_memory_grow(0, (begin + size - room + kPage - 1) /
                                        kPage) == ~uintptr_t(0))
    __builtin_trap();
  heapEnd += size;
  return reinterpret_cast<void *>(begin);
}

static void *allocate(size_t size) {
  unsigned order = 5;
  while (order < 31 && (size_t(1) << order) < size + sizeof(Block))
    ++order;
  if (order == 31)
    __builtin_trap();
  Block *block = freeBlocks[order];
  if (block)
    freeBlocks[order] = block->next;
  else
    block = static_cast<Block *>(takeNew(size_t(1) << order));
  block->order = order;
  return block + 1;
}

static void release(void *address) {
  if (!address)
    return;
  Block *block = static_cast<Block *>(address) - 1;
  block->next = freeBlocks[block->order];
  freeBlocks[block->order] = block;
}

void *operator new(size_t size) { return allocate(size); }
void *operator new[](size_t size) { return allocate(size); }
void operator delete(void *address) noexcept { release(address); }
void operator delete[](void *address) noexcept { release(address); }
void operator delete(void *address, size_t) noexcept { release(address); }
void operator delete[](void *address, size_t) noexcept { release(address); }

//===----------------------------------------------------------------------===//
// The C library
//===----------------------------------------------------------------------===//

extern "C" {

void *memcpy(void *to, const void *from, size_t size) {
  __builtin_memmove(to, from, size); // One instruction.
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  __builtin_memmove(to, from, size);
  return to;
}

void *memset(void *to, int value, size_t size) {
  __builtin_memset(to, value, size);
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  auto first = static_cast<const uint8_t *>(a),
       second = static_cast<const uint8_t *>(b);
  for (size_t i = 0; i < size; ++i)
    if (first[i] != second[i])
      return first[i] < second[i] ? -1 : 1;
  return 0;
}

size_t strlen(const char *text) {
  size_t size = 0;
  while (text[size])
    ++size;
  return size;
}

/// Exact, as the numerics need them: powers of two that floats have, and
/// numbers that are not 0, infinite or NaN.
float ldexpf(float value, int exponent) {
  for (; exponent > 64; exponent -= 64)
    value *= 0x1p64f;
  for (; exponent < -64; exponent += 64)
    value *= 0x1p-64f;
  uint64_t bits = uint64_t(1023 + exponent) << 52;
  double power;
  memcpy(&power, &bits, sizeof(power));
  return static_cast<float>(value * power);
}

int ilogbf(float value) {
  uint64_t bits;
  double wide = value;
  memcpy(&bits, &wide, sizeof(bits));
  return static_cast<int>(bits >> 52 & 0x7FF) - 1023;
}

void abort() { __builtin_trap(); }

/// Nothing ends before the page does.
int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }

} // extern "C"

namespace std {
void terminate() noexcept { __builtin_trap(); }

inline namespace __2 {
/// Of libc++, in place of one that prints.
void __libcpp_verbose_abort(const char *, ...) noexcept { __builtin_trap(); }
} // namespace __2
} // namespace std
