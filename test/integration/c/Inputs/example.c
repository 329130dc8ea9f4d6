/* Runs a language model that quant-opt has compiled:
 *
 *   example WEIGHTS TOKENS LOGITS
 *
 * reads 64-bit token ids from TOKENS and writes the logits to LOGITS. */

#include "llama.h"
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TOKENS = 256 };

static int fail(int error) {
  fprintf(stderr, "error: %s (%s)\n", llama_error(error), llama_message());
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: example WEIGHTS TOKENS LOGITS\n");
    return EXIT_FAILURE;
  }
  int64_t tokens[MAX_TOKENS];
  FILE *file = fopen(argv[2], "rb");
  size_t count = file ? fread(tokens, sizeof(int64_t), MAX_TOKENS, file) : 0;
  if (file)
    fclose(file);

  llama_model *model;
  int error = llama_load(argv[1], &model);
  if (error)
    return fail(error);

  llama_inputs inputs = {{tokens, {1, (int64_t)count}}};
  llama_outputs outputs = {{0, {0}, 0, 0}};
  error = llama_run(model, &inputs, &outputs);
  llama_free(model);
  if (error)
    return fail(error);

  const int64_t *shape = outputs.logits.shape;
  size_t size = (size_t)(shape[0] * shape[1] * shape[2]);
  printf("%d x %d logits\n", (int)shape[1], (int)shape[2]);
  file = fopen(argv[3], "wb");
  int failed = !file ||
               fwrite(outputs.logits.data, sizeof(float), size, file) != size ||
               fclose(file) != 0;
  llama_release(&outputs);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
