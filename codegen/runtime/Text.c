/*===- Text.c - texts that a model extends --------------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The cache belongs to the text, not to the model: any number of texts share *|
|* one. All memory of a text, and the arguments of both steps, are made with  *|
|* it, so that a step sets a token and a position and calls.                  *|
\*===----------------------------------------------------------------------===*/

#include "Internal.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { kLine = 64, kTokens = 0, kPosition = 1, kFirstState = 2 };

/** A step with its arguments, which point at the words behind them. */
typedef struct step {
  const lowbit_step *code;
  void **arguments;
  int64_t *results, *tokens;
} step;

struct lowbit_text {
  lowbit_model *model;
  /** Tokens so far. */
  int64_t length;
  int64_t position;
  /** The token of a step of one, in the first bytes. */
  int64_t token;
  step steps[2];
  /** Outputs that the last step has allocated. */
  void **held;
  /** States and workspaces. */
  void *memory;
  uint64_t memory_bytes;
};

static uint64_t align(uint64_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

static uint64_t get_state_bytes(const lowbit_tensor *tensor) {
  uint64_t bytes = tensor->element_bytes;
  for (uint64_t i = 0; i < tensor->rank; ++i)
    bytes *= (uint64_t)tensor->shape[i];
  return bytes;
}

uint64_t lowbit_get_cache_bytes(const lowbit_program *program) {
  uint64_t bytes = 0;
  for (uint64_t i = kFirstState; program->num_states && i < program->num_inputs;
       ++i)
    bytes += get_state_bytes(&program->inputs[i]);
  return bytes;
}

static uint64_t count_result_words(const lowbit_program *program) {
  uint64_t words = 0;
  for (uint64_t i = 0; i < program->num_outputs; ++i)
    words += lowbit_count_descriptor_words(&program->outputs[i]);
  return words;
}

/** Words of a step: results, descriptors of inputs and workspace, and their
    addresses. */
static uint64_t count_step_words(const lowbit_program *program) {
  uint64_t words = count_result_words(program) + 5 + program->num_inputs + 2;
  for (uint64_t i = 0; i < program->num_inputs; ++i)
    words += lowbit_count_descriptor_words(&program->inputs[i]);
  return words;
}

/** Bytes of all states and workspaces, each in lines of its own. */
static uint64_t count_memory(const lowbit_program *program,
                             const lowbit_variant *variant) {
  uint64_t bytes = kLine;
  for (uint64_t i = kFirstState; i < program->num_inputs; ++i)
    bytes += align(get_state_bytes(&program->inputs[i]));
  for (int i = 0; i < 2; ++i)
    if (variant->steps[i].workspace >= 0)
      bytes += align((uint64_t)variant->steps[i].workspace);
  return bytes;
}

/** Writes the arguments of a step to `words`; returns the words behind them.
    Steps share states, which begin at `memory`. */
static int64_t *prepare_step(lowbit_text *text, const lowbit_step *code,
                             char *memory, char *workspace, int64_t *words,
                             step *s) {
  const lowbit_program *program = text->model->program;
  const lowbit_tensor *inputs = program->inputs;
  const int64_t one[] = {1, 1};
  s->code = code;
  s->arguments = (void **)words;
  words += program->num_inputs + 2;
  void **next = s->arguments;
  s->results = words;
  words += count_result_words(program);
  if (program->num_outputs)
    *next++ = s->results;
  s->tokens = words;
  for (uint64_t i = 0; i < program->num_inputs; ++i) {
    const void *data = memory;
    const int64_t *shape = inputs[i].shape;
    if (i == kTokens) {
      data = &text->token;
      shape = one;
    } else if (i == kPosition) {
      data = &text->position;
    } else {
      memory += align(get_state_bytes(&inputs[i]));
    }
    lowbit_describe_elements(&inputs[i], data, shape, words);
    *next++ = words;
    words += lowbit_count_descriptor_words(&inputs[i]);
  }
  if (code->workspace < 0)
    return words;
  const int64_t descriptor[] = {(int64_t)workspace, (int64_t)workspace, 0,
                                code->workspace, 1};
  memcpy(words, descriptor, sizeof(descriptor));
  *next = words;
  return words + 5;
}

/** The system provides memory page by page, as it is written. */
static int allocate(lowbit_text *text, int64_t **words) {
  const lowbit_program *program = text->model->program;
  uint64_t bytes = count_memory(program, text->model->variant);
  text->memory = lowbit_map_memory(bytes);
  text->memory_bytes = bytes;
  text->held = calloc(program->num_outputs + 1 + 2 * count_step_words(program),
                      sizeof(int64_t));
  *words = (int64_t *)(text->held + program->num_outputs + 1);
  return text->memory && text->held;
}

int lowbit_create_text(lowbit_model *model, lowbit_text **text) {
  if (!model || !text)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "a text requires a model and a place for it");
  *text = NULL;
  const lowbit_program *program = model->program;
  lowbit_text *result = calloc(1, sizeof(lowbit_text));
  int64_t *words = NULL;
  if (result)
    result->model = model;
  if (!result || !allocate(result, &words)) {
    lowbit_free_text(result);
    return lowbit_fail(LOWBIT_ERROR_MEMORY,
                       "no memory for a text: its cache has %" PRIu64 " bytes",
                       lowbit_get_cache_bytes(program));
  }
  char *memory = (char *)align((uint64_t)result->memory), *workspace = memory;
  for (uint64_t i = kFirstState; i < program->num_inputs; ++i)
    workspace += align(get_state_bytes(&program->inputs[i]));
  for (int i = 0; i < 2; ++i) {
    const lowbit_step *code = &model->variant->steps[i];
    words = prepare_step(result, code, memory, workspace, words,
                         &result->steps[i]);
    if (code->workspace > 0)
      workspace += align((uint64_t)code->workspace);
  }
  *text = result;
  return LOWBIT_OK;
}

static void drop_outputs(lowbit_text *text) {
  for (uint64_t i = 0; i < text->model->program->num_outputs; ++i) {
    lowbit_deallocate(text->held[i]);
    text->held[i] = NULL;
  }
}

void lowbit_free_text(lowbit_text *text) {
  if (!text)
    return;
  if (text->held)
    drop_outputs(text);
  free(text->held);
  if (text->memory)
    munmap(text->memory, text->memory_bytes);
  free(text);
}

/** Says where outputs are. Those of a run that has allocated them become the
    text's. */
static void deliver(lowbit_text *text, const int64_t *results,
                    lowbit_run_state *r, int64_t *words) {
  const lowbit_program *program = text->model->program;
  for (uint64_t i = 0; i < program->num_outputs; ++i) {
    const lowbit_tensor *tensor = &program->outputs[i];
    words[0] = results[1] + results[2] * (int64_t)tensor->element_bytes;
    memcpy(words + 1, results + 3, 8 * tensor->rank);
    if (r && lowbit_take(r, (void *)results[0]))
      text->held[i] = (void *)results[0];
    results += lowbit_count_descriptor_words(tensor);
    words += 1 + tensor->rank;
  }
}

static int run_step(lowbit_text *text, const step *s, void *outputs) {
  drop_outputs(text);
  if (s->code->workspace >= 0) {
    lowbit_call(text->model, s->code->run, s->arguments);
    deliver(text, s->results, NULL, outputs);
    return LOWBIT_OK;
  }
  int error = LOWBIT_OK;
  lowbit_run_state r;
  lowbit_begin_run(&r, text->model);
  if (setjmp(r.out_of_memory) == 0) {
    lowbit_call(text->model, s->code->run, s->arguments);
    deliver(text, s->results, &r, outputs);
  } else {
    error = lowbit_fail(LOWBIT_ERROR_MEMORY, "no memory for %" PRId64 " tokens",
                        s->tokens[4]);
  }
  lowbit_end_run(&r);
  return error;
}

static int check_room(const lowbit_text *text, int64_t count,
                      int64_t position) {
  int64_t most = text->model->program->max_length;
  if (position < 0 || position > text->length)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "position must be 0 to %" PRId64
                       ", the text's length, found %" PRId64,
                       text->length, position);
  if (count < 1)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "a text requires at least one token, found none");
  if (count > most - position)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "the KV cache has room for %" PRId64
                       " tokens, found %" PRId64 " at position %" PRId64
                       "; compile with a larger --max-length",
                       most, count, position);
  return LOWBIT_OK;
}

/** Extends the text by what the step's descriptor of tokens says. */
static int extend(lowbit_text *text, const step *s, int64_t position,
                  void *outputs) {
  const lowbit_tensor *tensor = &text->model->program->inputs[kTokens];
  int64_t count = s->tokens[4];
  int error = lowbit_check_indices(tensor, (const void *)s->tokens[1],
                                   (uint64_t)count * tensor->element_bytes);
  if (error)
    return error;
  text->position = position;
  text->length = position;
  error = run_step(text, s, outputs);
  if (!error)
    text->length = position + count;
  return error;
}

int lowbit_prefill(lowbit_text *text, const void *tokens, int64_t count,
                   int64_t position, void *outputs) {
  if (!text || !tokens || !outputs)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "a prompt requires a text, tokens and outputs");
  const lowbit_tensor *tensor = &text->model->program->inputs[kTokens];
  if ((uintptr_t)tokens % tensor->element_bytes != 0)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "tokens must be aligned to %" PRIu64 " bytes",
                       tensor->element_bytes);
  int error = check_room(text, count, position);
  if (error)
    return error;
  const step *s = &text->steps[0];
  const int64_t shape[] = {1, count};
  lowbit_describe_elements(tensor, tokens, shape, s->tokens);
  return extend(text, s, position, outputs);
}

int lowbit_decode(lowbit_text *text, int64_t token, int64_t position,
                  void *outputs) {
  if (!text || !outputs)
    return lowbit_fail(LOWBIT_ERROR_ARGUMENT,
                       "a token requires a text and outputs");
  int error = check_room(text, 1, position);
  if (error)
    return error;
  if (text->model->program->inputs[kTokens].element_bytes == 4) {
    int32_t narrow = token < INT32_MIN || token > INT32_MAX ? INT32_MAX
                                                            : (int32_t)token;
    memcpy(&text->token, &narrow, sizeof(narrow));
  } else {
    text->token = token;
  }
  return extend(text, &text->steps[1], position, outputs);
}
