/* Continues a text with a language model that quant-opt has compiled with a KV
 * cache:
 *
 *   decoder WEIGHTS COUNT TOKEN...
 *
 * prints the tokens, and COUNT likeliest ones behind them. */

#include "llama.h"
#include <stdio.h>
#include <stdlib.h>

static int fail(int error) {
  fprintf(stderr, "error: %s (%s)\n", llama_error(error), llama_message());
  return EXIT_FAILURE;
}

/* The likeliest token behind the last one. */
static int64_t find_likeliest(const llama_output_logits *logits) {
  const int64_t *shape = logits->shape;
  const float *row = logits->data + (shape[1] - 1) * shape[2];
  int64_t best = 0;
  for (int64_t i = 1; i < shape[2]; ++i)
    if (row[i] > row[best])
      best = i;
  return best;
}

/* Extends the text by the prompt, and then by its own tokens. */
static int generate(llama_text *text, const int64_t *prompt, int64_t length,
                    int count) {
  llama_outputs outputs;
  int error = llama_prefill(text, prompt, length, 0, &outputs);
  for (int i = 0; !error && i < count; ++i) {
    int64_t token = find_likeliest(&outputs.logits);
    printf(" %d", (int)token);
    error = llama_decode(text, token, length + i, &outputs);
  }
  return error;
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 3 + llama_MAX_LENGTH) {
    fprintf(stderr, "usage: decoder WEIGHTS COUNT TOKEN...\n");
    return EXIT_FAILURE;
  }
  int64_t prompt[llama_MAX_LENGTH];
  int64_t length = argc - 3;
  for (int i = 0; i < length; ++i) {
    prompt[i] = atoi(argv[3 + i]);
    printf("%s%s", i ? " " : "", argv[3 + i]);
  }
  llama_model *model;
  int error = llama_load_resident(argv[1], &model);
  if (error)
    return fail(error);
  llama_text *text;
  error = llama_create_text(model, &text);
  if (!error)
    error = generate(text, prompt, length, atoi(argv[2]));
  printf("\n");
  llama_free_text(text);
  llama_free(model);
  return error ? fail(error) : EXIT_SUCCESS;
}
