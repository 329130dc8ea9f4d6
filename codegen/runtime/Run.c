/*===- Run.c - calling compiled code --------------------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Compiled code trusts its arguments, so everything is checked here: shapes, *|
|* that a symbol has one value wherever it occurs, and what the model         *|
|* requires of its extents. It speaks memref descriptors: allocated pointer,  *|
|* aligned pointer, offset, extents, strides.                                 *|
\*===----------------------------------------------------------------------===*/

#include "Internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program may be compiled without OpenMP, and is then linked without it. */
extern void omp_set_num_threads(int) __attribute__((weak));
extern int omp_get_max_threads(void) __attribute__((weak));

/*===----------------------------------------------------------------------===*\
|* Arguments
\*===----------------------------------------------------------------------===*/

/** An output as programs see it: elements, extents, capacity, ownership. */
typedef struct output {
  void **data;
  int64_t *shape;
  uint64_t *capacity;
  void **owned;
} output;

static output get_output(const lowbit_tensor *tensor, int64_t *words) {
  output result = {(void **)words, words + 1,
                   (uint64_t *)(words + 1 + tensor->rank),
                   (void **)(words + 2 + tensor->rank)};
  return result;
}

static uint64_t count_output_words(const lowbit_tensor *tensor) {
  return 3 + tensor->rank;
}

uint64_t lowbit_count_descriptor_words(const lowbit_tensor *tensor) {
  return 3 + 2 * tensor->rank;
}

/** Bytes of a dense tensor; 0 beside an overflow. */
static int get_bytes(const lowbit_tensor *tensor, const int64_t *shape,
                     uint64_t *bytes) {
  int64_t size = (int64_t)tensor->element_bytes;
  for (uint64_t i = 0; i < tensor->rank; ++i)
    if (__builtin_mul_overflow(size, shape[i], &size))
      return 0;
  *bytes = (uint64_t)size;
  return 1;
}

/** Checks the extents of an input against its declaration, and against the
    symbols that inputs before it have fixed. */
static int check_shape(const lowbit_program *program,
                       const lowbit_tensor *tensor, const int64_t *shape,
                       int64_t *symbols) {
  for (uint64_t i = 0; i < tensor->rank; ++i) {
    int64_t wanted = tensor->shape[i];
    uint64_t symbol = (uint64_t)(LOWBIT_SYMBOL - wanted);
    if (shape[i] < 0)
      return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                         "input '%s': extent %" PRIu64
                         " must not be negative, found %" PRId64,
                         tensor->name, i, shape[i]);
    if (wanted >= 0 && shape[i] != wanted)
      return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                         "input '%s': extent %" PRIu64 " must be %" PRId64
                         ", found %" PRId64,
                         tensor->name, i, wanted, shape[i]);
    if (wanted > LOWBIT_SYMBOL)
      continue;
    if (symbols[symbol] < 0)
      symbols[symbol] = shape[i];
    if (symbols[symbol] != shape[i])
      return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                         "input '%s': extent %" PRIu64 " must be %s = %" PRId64
                         ", as in an input before it, found %" PRId64,
                         tensor->name, i, program->symbols[symbol],
                         symbols[symbol], shape[i]);
  }
  return LOWBIT_OK;
}

/** The extent that a pair of an input's number and an axis stands for. */
static int64_t get_extent(const lowbit_program *program, const void *inputs,
                          const uint64_t *pair) {
  const int64_t *words = inputs;
  for (uint64_t i = 0; i < pair[0]; ++i)
    words += 1 + program->inputs[i].rank;
  return words[1 + pair[1]];
}

/** Says which extents do not satisfy a requirement. */
static int fail_requirement(const lowbit_program *program, const void *inputs,
                            const lowbit_requirement *requirement) {
  char found[256] = "";
  size_t length = 0;
  for (uint64_t i = 0; i < requirement->num_extents; ++i) {
    const uint64_t *pair = requirement->extents + 2 * i;
    int written = snprintf(found + length, sizeof(found) - length,
                           "%s%" PRId64 " as extent %" PRIu64 " of input '%s'",
                           i ? ", " : "", get_extent(program, inputs, pair),
                           pair[1], program->inputs[pair[0]].name);
    if (written < 0 || (size_t)written >= sizeof(found) - length)
      break;
    length += (size_t)written;
  }
  return lowbit_fail(LOWBIT_ERROR_ARGUMENT, "the model requires %s, found %s",
                     requirement->text, found);
}

/** Checks what extents must satisfy together. `values` has room for those of
    the longest requirement. */
static int check_requirements(const lowbit_program *program, const void *inputs,
                              int64_t *values) {
  for (uint64_t i = 0; i < program->num_requirements; ++i) {
    const lowbit_requirement *requirement = &program->requirements[i];
    for (uint64_t k = 0; k < requirement->num_extents; ++k)
      values[k] = get_extent(program, inputs, requirement->extents + 2 * k);
    if (!requirement->holds(values))
      return fail_requirement(program, inputs, requirement);
  }
  return LOWBIT_OK;
}

/** Words that `check_shapes` needs: values of symbols, and of the extents of a
    requirement. */
static uint64_t count_shape_words(const lowbit_program *program) {
  uint64_t most = 1;
  for (uint64_t i = 0; i < program->num_requirements; ++i)
    if (program->requirements[i].num_extents > most)
      most = program->requirements[i].num_extents;
  return program->num_symbols + most;
}

/** Checks all inputs and finds the values of symbols, which come first in
    `symbols`; see `count_shape_words`. */
static int check_shapes(const lowbit_program *program, const void *inputs,
                        int64_t *symbols) {
  for (uint64_t i = 0; i < program->num_symbols; ++i)
    symbols[i] = -1;
  const int64_t *words = inputs;
  for (uint64_t i = 0; i < program->num_inputs; ++i) {
    const lowbit_tensor *tensor = &program->inputs[i];
    int error = check_shape(program, tensor, words + 1, symbols);
    if (error)
      return error;
    words += 1 + tensor->rank;
  }
  return check_requirements(program, inputs, symbols + program->num_symbols);
}

int lowbit_check_indices(const lowbit_tensor *tensor, const void *data,
                         uint64_t bytes) {
  int64_t rows = (int64_t)tensor->table_rows;
  uint64_t count = bytes / tensor->element_bytes;
  for (uint64_t i = 0; rows && i < count; ++i) {
    int64_t id = tensor->element_bytes == 8 ? ((const int64_t *)data)[i]
                                            : ((const int32_t *)data)[i];
    if (id < -rows || id >= rows)
      return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                         "input '%s': must hold ids of %" PRId64 " to %" PRId64
                         ", found %" PRId64 " at position %" PRIu64,
                         tensor->name, -rows, rows - 1, id, i);
  }
  return LOWBIT_OK;
}

void lowbit_describe_elements(const lowbit_tensor *tensor, const void *data,
                              const int64_t *shape, int64_t *descriptor) {
  descriptor[0] = descriptor[1] = (int64_t)data;
  descriptor[2] = 0;
  int64_t stride = 1;
  for (uint64_t i = tensor->rank; i-- > 0; stride *= shape[i]) {
    descriptor[3 + i] = shape[i];
    descriptor[3 + tensor->rank + i] = stride;
  }
}

/** Checks an input and writes its descriptor. */
static int describe_input(const lowbit_tensor *tensor, const int64_t *words,
                          int64_t *descriptor) {
  uint64_t bytes;
  if (!get_bytes(tensor, words + 1, &bytes))
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT, "input '%s': is too large",
                       tensor->name);
  if ((!words[0] && bytes) || (uint64_t)words[0] % tensor->element_bytes != 0)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "input '%s': requires data aligned to %" PRIu64
                       " bytes, found %s",
                       tensor->name, tensor->element_bytes,
                       words[0] ? "misaligned data" : "a null pointer");
  int error = lowbit_check_indices(tensor, (const void *)words[0], bytes);
  if (error)
    return error;
  lowbit_describe_elements(tensor, (const void *)words[0], words + 1,
                           descriptor);
  return LOWBIT_OK;
}

/*===----------------------------------------------------------------------===*\
|* Results
\*===----------------------------------------------------------------------===*/

/** Moves or copies a result to where the caller wants it. */
static int deliver(lowbit_run_state *r, const lowbit_tensor *tensor,
                   const int64_t *descriptor, output out) {
  uint64_t bytes = 0;
  memcpy(out.shape, descriptor + 3, 8 * tensor->rank);
  get_bytes(tensor, out.shape, &bytes);
  const char *elements = (const char *)descriptor[1] +
                         (uint64_t)descriptor[2] * tensor->element_bytes;
  if (*out.owned) {
    lowbit_deallocate(*out.owned);
    *out.owned = *out.data = NULL;
  }
  if (*out.data) {
    if (*out.capacity < bytes)
      return lowbit_fail(LOWBIT_ERROR_CAPACITY,
                         "output '%s': requires %" PRIu64
                         " bytes, found a buffer of %" PRIu64,
                         tensor->name, bytes, *out.capacity);
    memcpy(*out.data, elements, bytes);
    return LOWBIT_OK;
  }
  void *base = (void *)descriptor[0];
  if (lowbit_take(r, base)) {
    *out.owned = base;
    *out.data = (void *)elements;
  } else {
    // The result is an input or a weight, which the caller must not free.
    *out.owned = *out.data = lowbit_allocate_block(bytes);
    if (!*out.owned)
      return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for output '%s'",
                         tensor->name);
    memcpy(*out.data, elements, bytes);
  }
  *out.capacity = bytes;
  return LOWBIT_OK;
}

static int deliver_all(lowbit_run_state *r, const lowbit_program *program,
                       const int64_t *descriptors, int64_t *words) {
  int result = LOWBIT_OK;
  for (uint64_t i = 0; i < program->num_outputs; ++i) {
    const lowbit_tensor *tensor = &program->outputs[i];
    int error = deliver(r, tensor, descriptors, get_output(tensor, words));
    result = result ? result : error;
    descriptors += lowbit_count_descriptor_words(tensor);
    words += count_output_words(tensor);
  }
  return result;
}

/** OpenMP keeps a number of threads for each thread of the program. */
void lowbit_call(const lowbit_model *model,
                 void (*code)(void **, const void *const *), void **arguments) {
  int set = model->threads > 0 && omp_set_num_threads && omp_get_max_threads;
  int before = set ? omp_get_max_threads() : 0;
  if (set)
    omp_set_num_threads(model->threads);
  code(arguments, model->weights);
  if (set)
    omp_set_num_threads(before);
}

/** Runs with `words` of memory for symbols, descriptors and their addresses. */
static int run_in(lowbit_model *model, const void *inputs, void *outputs,
                  int64_t *words) {
  const lowbit_program *program = model->program;
  int error = check_shapes(program, inputs, words);
  words += count_shape_words(program);
  void **arguments = (void **)words, **next = arguments;
  words += program->num_inputs + 1;
  int64_t *results = words;
  for (uint64_t i = 0; i < program->num_outputs; ++i)
    words += lowbit_count_descriptor_words(&program->outputs[i]);
  if (program->num_outputs)
    *next++ = results;
  const int64_t *input = inputs;
  for (uint64_t i = 0; !error && i < program->num_inputs; ++i) {
    const lowbit_tensor *tensor = &program->inputs[i];
    error = describe_input(tensor, input, words);
    *next++ = words;
    input += 1 + tensor->rank;
    words += lowbit_count_descriptor_words(tensor);
  }
  if (error)
    return error;
  lowbit_run_state r;
  lowbit_begin_run(&r, model);
  if (setjmp(r.out_of_memory) == 0) {
    lowbit_call(model, model->variant->run, arguments);
    error = deliver_all(&r, program, results, outputs);
  } else {
    error = lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for the run");
  }
  lowbit_end_run(&r);
  return error;
}

int lowbit_run(lowbit_model *model, const void *inputs, void *outputs) {
  if (!model || (!inputs && model->program->num_inputs) ||
      (!outputs && model->program->num_outputs))
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "a run requires a model, inputs and outputs");
  const lowbit_program *program = model->program;
  uint64_t words = count_shape_words(program) + program->num_inputs + 1;
  for (uint64_t i = 0; i < program->num_inputs; ++i)
    words += lowbit_count_descriptor_words(&program->inputs[i]);
  for (uint64_t i = 0; i < program->num_outputs; ++i)
    words += lowbit_count_descriptor_words(&program->outputs[i]);
  int64_t *memory = calloc(words, sizeof(int64_t));
  if (!memory)
    return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for arguments");
  int error = run_in(model, inputs, outputs, memory);
  free(memory);
  return error;
}

int lowbit_infer(const lowbit_program *program, const void *inputs,
                 void *outputs) {
  if ((!inputs && program->num_inputs) || (!outputs && program->num_outputs))
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "shapes require inputs and outputs");
  int64_t *symbols = calloc(count_shape_words(program), sizeof(int64_t));
  if (!symbols)
    return lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for shapes");
  int error = check_shapes(program, inputs, symbols);
  int64_t *words = outputs;
  for (uint64_t i = 0; !error && i < program->num_outputs; ++i) {
    const lowbit_tensor *tensor = &program->outputs[i];
    for (uint64_t k = 0; k < tensor->rank; ++k) {
      int64_t extent = tensor->shape[k];
      words[1 + k] =
          extent <= LOWBIT_SYMBOL ? symbols[LOWBIT_SYMBOL - extent] : extent;
    }
    words += count_output_words(tensor);
  }
  free(symbols);
  return error;
}

void lowbit_release(const lowbit_program *program, void *outputs) {
  int64_t *words = outputs;
  for (uint64_t i = 0; words && i < program->num_outputs; ++i) {
    const lowbit_tensor *tensor = &program->outputs[i];
    output out = get_output(tensor, words);
    if (*out.owned) {
      lowbit_deallocate(*out.owned);
      *out.data = NULL;
    }
    *out.owned = NULL;
    words += count_output_words(tensor);
  }
}
