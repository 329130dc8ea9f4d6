/*===- Memory.c - memory of a run -----------------------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Runs of a model ask for the same buffers again and again. What the C       *|
|* library makes of that are pages that the system takes back and clears anew,*|
|* a tenth of the time of a vision transformer. So blocks stay: within a run  *|
|* for buffers that are about as large, and behind it for the model's next    *|
|* run. Blocks that a run has not used are freed, so that a model keeps no    *|
|* more than its last run has computed in.                                    *|
\*===----------------------------------------------------------------------===*/

#include "Internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program may be compiled without OpenMP, and is then linked without it. */
extern int omp_get_level(void) __attribute__((weak));

enum { kAlignment = 64 };

/** The run of this thread; null on threads that OpenMP has lent to it. */
static _Thread_local lowbit_run_state *current;

static void *get_memory(lowbit_block *b) { return (char *)b + kAlignment; }

static lowbit_block *get_block(void *memory) {
  return (lowbit_block *)((char *)memory - kAlignment);
}

static void unlink_block(lowbit_block *b) {
  if (b->next) {
    b->previous->next = b->next;
    b->next->previous = b->previous;
  }
}

static int get_level(void) { return omp_get_level ? omp_get_level() : 0; }

/** Whether this thread is the one that runs, not a task of it. */
static int is_running(void) { return current && get_level() == current->level; }

void *lowbit_allocate_block(size_t size) {
  void *memory;
  if (size > SIZE_MAX - kAlignment ||
      posix_memalign(&memory, kAlignment, size + kAlignment) != 0)
    return NULL;
  memset(memory, 0, sizeof(lowbit_block));
  ((lowbit_block *)memory)->size = size;
  return get_memory(memory);
}

void lowbit_free_blocks(lowbit_block *b) {
  while (b) {
    lowbit_block *next = b->next;
    free(b);
    b = next;
  }
}

/** Takes the least spare block with room for `size`, and not for more than
    twice that. Without one, the largest that has less room is freed in favour
    of the block to come, and the result is null. */
static lowbit_block *take_spare(lowbit_run_state *r, size_t size) {
  lowbit_block **best = NULL, **smaller = NULL;
  for (lowbit_block **b = &r->spare; *b; b = &(*b)->next) {
    size_t room = (*b)->size;
    if (room < size) {
      if (!smaller || room > (*smaller)->size)
        smaller = b;
    } else if (room / 2 <= size && (!best || room < (*best)->size)) {
      best = b;
    }
  }
  lowbit_block **place = best ? best : smaller;
  if (!place)
    return NULL;
  lowbit_block *b = *place;
  *place = b->next;
  if (best)
    return b;
  free(b);
  return NULL;
}

/** A new block, for which spare ones give way if they must. */
static lowbit_block *make_block(lowbit_run_state *r, size_t size) {
  void *memory = lowbit_allocate_block(size);
  if (!memory) {
    lowbit_free_blocks(r->spare);
    r->spare = NULL;
    memory = lowbit_allocate_block(size);
  }
  if (!memory)
    longjmp(r->out_of_memory, 1);
  return get_block(memory);
}

void *lowbit_allocate(size_t size) {
  if (!is_running()) {
    void *memory = lowbit_allocate_block(size);
    // Only the end of the process leads out of a parallel task.
    if (!memory && get_level() > 0) {
      fprintf(stderr, "lowbit: out of memory in a parallel task\n");
      abort();
    }
    return memory;
  }
  lowbit_block *b = take_spare(current, size);
  if (!b)
    b = make_block(current, size);
  b->used = 1;
  b->previous = &current->blocks;
  b->next = current->blocks.next;
  b->next->previous = b;
  current->blocks.next = b;
  return get_memory(b);
}

void lowbit_deallocate(void *memory) {
  if (!memory)
    return;
  lowbit_block *b = get_block(memory);
  int owned = b->next != NULL;
  unlink_block(b);
  if (!owned || !is_running()) {
    free(b);
    return;
  }
  b->next = current->spare;
  current->spare = b;
}

void lowbit_begin_run(lowbit_run_state *r, lowbit_model *model) {
  r->model = model;
  r->blocks.previous = r->blocks.next = &r->blocks;
  r->spare = __atomic_exchange_n(&model->spare, NULL, __ATOMIC_ACQ_REL);
  for (lowbit_block *b = r->spare; b; b = b->next)
    b->used = 0;
  r->level = get_level();
  r->outer = current;
  current = r;
}

void lowbit_end_run(lowbit_run_state *r) {
  while (r->blocks.next != &r->blocks)
    lowbit_deallocate(get_memory(r->blocks.next));
  current = r->outer;
  lowbit_block *unused = NULL, **b = &r->spare;
  while (*b) {
    lowbit_block *found = *b;
    if (found->used) {
      b = &found->next;
      continue;
    }
    *b = found->next;
    found->next = unused;
    unused = found;
  }
  lowbit_free_blocks(unused);
  // Another thread's run may have ended meanwhile.
  lowbit_free_blocks(
      __atomic_exchange_n(&r->model->spare, r->spare, __ATOMIC_ACQ_REL));
}

int lowbit_take(lowbit_run_state *r, void *memory) {
  for (lowbit_block *b = r->blocks.next; b != &r->blocks; b = b->next)
    if (get_memory(b) == memory) {
      unlink_block(b);
      b->previous = b->next = NULL;
      return 1;
    }
  return 0;
}
