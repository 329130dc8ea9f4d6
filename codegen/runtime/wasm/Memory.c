/*===- Memory.c - the memory of a WebAssembly module
-----------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* There is no C library: this is all that compiled code asks for. Blocks lie *|
|* one behind another from the end of the module's data on; free ones are     *|
|* listed by address and joined with their neighbours.                        *|
|*                                                                            *|
|* The host reserves memory that it fills with weights, inputs and states.    *|
|* What code allocates belongs to the run, and is swept when the host has     *|
|* read the results: also where a trap has ended the run.                     *|
\*===----------------------------------------------------------------------===*/

#include <stddef.h>
#include <stdint.h>

enum { kAlignment = 64, kPageBytes = 65536 };

/** In front of each block's bytes, which begin a line of memory. */
typedef struct block {
  /** Bytes with this header. */
  uint32_t size;
  /** In the list of free blocks, or of the run's. */
  struct block *next, *previous;
} block;

extern unsigned char __heap_base;

static block *free_blocks;
static block *run_blocks;
/** The end of all blocks, up to 2^32; 0 at first. */
static uint64_t end;
/** Bytes that there was no memory for. */
static uint64_t missing;

static uint32_t align(uint32_t bytes) {
  return (bytes + kAlignment - 1) & ~(uint32_t)(kAlignment - 1);
}

/** Takes the front of a free block that is large enough, or null. */
static block *reuse(uint32_t size) {
  for (block **place = &free_blocks; *place; place = &(*place)->next) {
    block *b = *place;
    if (b->size < size)
      continue;
    if (b->size - size < 2 * kAlignment) {
      *place = b->next;
      return b;
    }
    block *rest = (block *)((char *)b + size);
    rest->size = b->size - size;
    rest->next = b->next;
    *place = rest;
    b->size = size;
    return b;
  }
  return NULL;
}

/** A block behind all others, or null where memory can't grow. */
static block *extend(uint32_t size) {
  if (!end)
    end = align((uint32_t)(uintptr_t)&__heap_base);
  uint64_t wanted = end + size;
  uint64_t pages = __builtin_wasm_memory_size(0);
  if (wanted > pages * kPageBytes) {
    uint64_t more = (wanted - pages * kPageBytes + kPageBytes - 1) / kPageBytes;
    if (pages + more > 65536 || __builtin_wasm_memory_grow(0, more) == SIZE_MAX)
      return NULL;
  }
  block *b = (block *)(uintptr_t)end;
  b->size = size;
  end = wanted;
  return b;
}

static block *allocate(uint64_t bytes) {
  block *b = NULL;
  if (bytes <= UINT32_MAX - 3 * kAlignment) {
    uint32_t size = align((uint32_t)bytes + kAlignment);
    b = reuse(size);
    if (!b)
      b = extend(size);
  }
  if (!b) {
    missing = bytes;
    // Compiled code checks nothing; the host asks why.
    __builtin_trap();
  }
  return b;
}

/** Memory for the host. */
void *lowbit_reserve(uint64_t bytes) {
  block *b = allocate(bytes);
  b->next = b->previous = NULL;
  return (char *)b + kAlignment;
}

/** Memory for compiled code, until the next sweep. */
void *lowbit_allocate(uint64_t bytes) {
  block *b = allocate(bytes);
  b->previous = NULL;
  b->next = run_blocks;
  if (run_blocks)
    run_blocks->previous = b;
  run_blocks = b;
  return (char *)b + kAlignment;
}

/** Joins two free blocks that lie side by side. */
static void join(block *b) {
  if (b && b->next && (char *)b + b->size == (char *)b->next) {
    b->size += b->next->size;
    b->next = b->next->next;
  }
}

static void release(block *b) {
  block *before = NULL, *after = free_blocks;
  for (; after && after < b; after = after->next)
    before = after;
  b->next = after;
  if (before)
    before->next = b;
  else
    free_blocks = b;
  join(b);
  join(before);
}

/** Frees a block of either kind; null is allowed. */
void lowbit_deallocate(void *memory) {
  if (!memory)
    return;
  block *b = (block *)((char *)memory - kAlignment);
  if (b->next)
    b->next->previous = b->previous;
  if (b->previous)
    b->previous->next = b->next;
  else if (run_blocks == b)
    run_blocks = b->next;
  release(b);
}

/** Frees what the last run has left. */
void lowbit_sweep(void) {
  while (run_blocks) {
    block *b = run_blocks;
    run_blocks = b->next;
    release(b);
  }
}

/** Bytes that the last trap was for, if it was for memory; else 0. */
uint64_t lowbit_take_missing(void) {
  uint64_t bytes = missing;
  missing = 0;
  return bytes;
}
