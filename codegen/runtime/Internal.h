/*===- Internal.h - what the files of the run time share ----------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The run time is C without any library but the C library, so that programs  *|
|* in any language link it. Its symbols are hidden: shared libraries of       *|
|* several models, each with a run time of its own, don't disturb each other. *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_RUNTIME_INTERNAL_H
#define LOWBIT_RUNTIME_INTERNAL_H

/* For posix_memalign and O_CLOEXEC in strict C. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
/* For madvise, where there is one. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif

#include "Hash.h"
#include "lowbit/Runtime/Program.h"
#include <setjmp.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A tensor in a safetensors file. */
typedef struct lowbit_entry {
  const char *name;
  const char *type;
  uint64_t rank;
  int64_t shape[LOWBIT_MAX_RANK];
  /** Place within the data, inside of the file. */
  uint64_t begin, end;
} lowbit_entry;

/** A safetensors file in memory; entries are sorted by name. */
typedef struct lowbit_file {
  const unsigned char *data;
  uint64_t data_bytes;
  lowbit_entry *entries;
  size_t count;
  /** `checksum` and `structure` of `__metadata__`, or null. */
  const char *checksum, *structure;
  /** Memory of all strings. */
  char *strings;
} lowbit_file;

/** Reads the header at `bytes`; nothing in it is trusted. */
int lowbit_parse_file(const void *bytes, uint64_t size, lowbit_file *file);
void lowbit_free_file(lowbit_file *file);
/** The tensor of this name, or null. */
const lowbit_entry *lowbit_find_entry(const lowbit_file *file,
                                      const char *name);
/** Compares the file's bytes with the checksum that it carries, if any. */
int lowbit_check_file(const lowbit_file *file);

/** The first variant whose features this processor has, or the one that the
    environment variable LOWBIT_CPU names. */
int lowbit_choose_variant(const lowbit_program *program,
                          const lowbit_variant **variant);

/** What precedes a buffer: its place in a list of a run's buffers. */
typedef struct lowbit_block {
  struct lowbit_block *previous, *next;
  /** Bytes behind this. */
  size_t size;
  /** Whether the run has used it. */
  int used;
} lowbit_block;

/** A run of compiled code, which owns what that allocates. */
typedef struct lowbit_run_state {
  jmp_buf out_of_memory;
  lowbit_model *model;
  lowbit_block blocks;
  /** Blocks without a buffer, linked by `next`. */
  lowbit_block *spare;
  /** OpenMP's nesting outside of the run: above 0 in a program that calls from
      a parallel region of its own. */
  int level;
  struct lowbit_run_state *outer;
} lowbit_run_state;

void lowbit_begin_run(lowbit_run_state *r, lowbit_model *model);
/** Frees what the run has left, and hands blocks to the model's next run. */
void lowbit_end_run(lowbit_run_state *r);
/** Takes a buffer out of the run, if it is one of its own. */
int lowbit_take(lowbit_run_state *r, void *memory);

/** Calls code with the model's number of threads. */
void lowbit_call(const lowbit_model *model,
                 void (*code)(void **, const void *const *), void **arguments);

/** Words of a tensor's memref descriptor. */
uint64_t lowbit_count_descriptor_words(const lowbit_tensor *tensor);
/** Writes the descriptor of dense row-major elements. */
void lowbit_describe_elements(const lowbit_tensor *tensor, const void *data,
                              const int64_t *shape, int64_t *descriptor);
/** Checks indices into an embedding, which count from its end if negative. */
int lowbit_check_indices(const lowbit_tensor *tensor, const void *data,
                         uint64_t bytes);

/** Memory for `lowbit_deallocate` that belongs to no run, or null. */
void *lowbit_allocate_block(size_t size);
/** Frees blocks that `next` links. */
void lowbit_free_blocks(lowbit_block *b);

/** Zeros for what a model reads from end to end, or null: in pages of 2 MB
   where the system has them, since translating addresses of small ones costs a
   fifth of the speed of memory. To be unmapped. */
void *lowbit_map_memory(uint64_t size);

/** Keeps a message for `lowbit_message` and returns `error`. */
int lowbit_fail(int error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct lowbit_model {
  const lowbit_program *program;
  const lowbit_variant *variant;
  /** The address of each weight. */
  const void **weights;
  /** Weights that a foreign file holds misaligned, copied; null elsewhere. */
  void **copies;
  /** What to unmap. */
  void *mapping;
  uint64_t mapping_bytes;
  int threads;
  /** Blocks that the last run has left; taken and put at once, by the thread
      that runs. */
  lowbit_block *spare;
};

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_RUNTIME_INTERNAL_H */
