/* What a text of a decoder refuses, and what stays the same when it does. */

#include "llama.h"
#include <stdio.h>
#include <string.h>

/* Allocations by anyone in the process, counted; see the wrapped malloc. */
static int counts;
static unsigned long allocated;

#define COUNTED(NAME, PARAMETERS, ARGUMENTS)                                   \
  void *__real_##NAME PARAMETERS;                                              \
  void *__wrap_##NAME PARAMETERS;                                              \
  void *__wrap_##NAME PARAMETERS {                                             \
    allocated += counts;                                                       \
    return __real_##NAME ARGUMENTS;                                            \
  }
COUNTED(malloc, (size_t size), (size))
COUNTED(calloc, (size_t count, size_t size), (count, size))
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size) {
  allocated += counts;
  return __real_posix_memalign(memory, alignment, size);
}

static void expect(const char *what, int found, int wanted) {
  printf("%s: %s: %s\n", found == wanted ? "ok" : "WRONG", what,
         llama_error(found));
  if (found)
    printf("  %s\n", llama_message());
}

int main(int argc, char **argv) {
  enum { TOKENS = 6 };
  static const int64_t tokens[TOKENS] = {500, 12, 7, 300, 41, 8};
  static float first[4096];
  llama_model *model = NULL;
  llama_text *text = NULL;
  llama_outputs outputs;
  expect("load", llama_load(argc > 1 ? argv[1] : "", &model), llama_OK);
  expect("create", llama_create_text(model, &text), llama_OK);
  expect("no text", llama_prefill(NULL, tokens, 1, 0, &outputs),
         llama_ERROR_ARGUMENT);
  expect("a gap", llama_prefill(text, tokens, 1, 1, &outputs),
         llama_ERROR_ARGUMENT);
  expect("no token", llama_prefill(text, tokens, 0, 0, &outputs),
         llama_ERROR_ARGUMENT);
  expect("an unknown token", llama_decode(text, 1 << 20, 0, &outputs),
         llama_ERROR_ARGUMENT);
  expect("a prompt", llama_prefill(text, tokens, TOKENS, 0, &outputs),
         llama_OK);
  const int64_t *shape = outputs.logits.shape;
  size_t size = sizeof(float) * (size_t)shape[2];
  memcpy(first, outputs.logits.data + (shape[1] - 1) * shape[2], size);

  /* Back to the third token, and the rest one by one. */
  int error = 0;
  counts = 1;
  for (int i = 2; !error && i < TOKENS; ++i)
    error = llama_decode(text, tokens[i], i, &outputs);
  counts = 0;
  expect("tokens one by one", error, llama_OK);
  printf("%s: allocations: %lu\n", allocated ? "WRONG" : "ok", allocated);
  float largest = 0;
  for (size_t i = 0; i < size / sizeof(float); ++i) {
    float difference = first[i] - outputs.logits.data[i];
    if (difference < 0)
      difference = -difference;
    if (difference > largest)
      largest = difference;
  }
  printf("%s: as the prompt\n", largest < 0.05f ? "ok" : "WRONG");

  for (int64_t i = TOKENS; !error && i <= llama_MAX_LENGTH; ++i)
    error = llama_decode(text, 1, i, &outputs);
  expect("a full cache", error, llama_ERROR_ARGUMENT);
  llama_free_text(text);
  llama_free(model);
  return 0;
}
