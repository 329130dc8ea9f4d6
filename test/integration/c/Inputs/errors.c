/* Everything that a program can do wrong with a compiled model, and what the
 * model says to that:
 *
 *   errors WEIGHTS
 */

#include "mlp.h"
#include <stdio.h>
#include <string.h>

enum { ROWS = 3 };

static float x[ROWS * 64], r[ROWS * 32];
static int failed;

static void expect(const char *what, int expected, int found) {
  int is_right = expected == found;
  printf("%s: %s: %s\n", is_right ? "ok" : "WRONG", what, mlp_error(found));
  if (found)
    printf("    %s\n", mlp_message());
  failed |= !is_right;
}

static void expect_true(const char *what, int condition) {
  printf("%s: %s\n", condition ? "ok" : "WRONG", what);
  failed |= !condition;
}

static mlp_inputs make_inputs(void) {
  mlp_inputs inputs = {{x, {ROWS, 64}}, {r, {ROWS, 32}}};
  return inputs;
}

static void check_loading(const char *path) {
  mlp_model *model;
  char bytes[1 << 16];
  expect("no file", mlp_ERROR_FILE, mlp_load("does/not/exist", &model));
  expect_true("no model after an error", model == NULL);
  expect("a folder", mlp_ERROR_FILE, mlp_load("/", &model));
  expect("no path", mlp_ERROR_ARGUMENT, mlp_load(NULL, &model));
  expect("no weights inside", mlp_ERROR_ARGUMENT,
         mlp_load_memory(NULL, 0, &model));
  memset(bytes, 0, sizeof(bytes));
  expect("zeros", mlp_ERROR_FORMAT, mlp_load_memory(bytes, 64, &model));

  FILE *file = fopen(path, "rb");
  size_t size = fread(bytes, 1, sizeof(bytes), file);
  fclose(file);
  /* A foreign file need not be aligned. */
  memmove(bytes + 1, bytes, size);
  expect("misaligned", mlp_OK, mlp_load_memory(bytes + 1, size, &model));
  mlp_free(model);
  memmove(bytes, bytes + 1, size);
  expect("cut short", mlp_ERROR_FORMAT,
         mlp_load_memory(bytes, size - 1, &model));
  bytes[size - 1] ^= 1;
  expect("damaged", mlp_ERROR_CHECKSUM, mlp_load_memory(bytes, size, &model));
  bytes[size - 1] ^= 1;
  char *name = bytes;
  while (memcmp(name, "\"fc.blob\"", 9) != 0)
    ++name;
  name[1] = 'g';
  expect("another model's", mlp_ERROR_WEIGHTS,
         mlp_load_memory(bytes, size, &model));
}

static void check_arguments(mlp_model *model) {
  mlp_inputs inputs = make_inputs();
  mlp_outputs outputs;
  memset(&outputs, 0, sizeof(outputs));
  expect("no inputs", mlp_ERROR_ARGUMENT, mlp_run(model, NULL, &outputs));
  expect("no outputs", mlp_ERROR_ARGUMENT, mlp_run(model, &inputs, NULL));
  expect("no model", mlp_ERROR_ARGUMENT, mlp_run(NULL, &inputs, &outputs));
  inputs.x.shape[1] = 63;
  expect("a wrong extent", mlp_ERROR_ARGUMENT,
         mlp_run(model, &inputs, &outputs));
  inputs.x.shape[1] = 64;
  inputs.the_residual.shape[0] = ROWS - 1;
  expect("extents that differ", mlp_ERROR_ARGUMENT,
         mlp_run(model, &inputs, &outputs));
  inputs.x.shape[0] = -1;
  expect("a negative extent", mlp_ERROR_ARGUMENT,
         mlp_run(model, &inputs, &outputs));
  inputs = make_inputs();
  inputs.x.data = NULL;
  expect("no data", mlp_ERROR_ARGUMENT, mlp_run(model, &inputs, &outputs));
  inputs.x.data = (const float *)((const char *)x + 1);
  expect("misaligned data", mlp_ERROR_ARGUMENT,
         mlp_run(model, &inputs, &outputs));
  expect_true("outputs untouched", outputs.y.data == NULL);
}

static void check_buffers(mlp_model *model) {
  mlp_inputs inputs = make_inputs();
  mlp_outputs outputs;
  float y[ROWS * 32];
  memset(&outputs, 0, sizeof(outputs));
  expect("shapes", mlp_OK, mlp_infer_shapes(&inputs, &outputs));
  expect_true("inferred", outputs.y.shape[0] == ROWS &&
                              outputs.y.shape[1] == 32 && !outputs.y.data);
  outputs.y.data = y;
  outputs.y.capacity = sizeof(y) - 1;
  expect("a small buffer", mlp_ERROR_CAPACITY,
         mlp_run(model, &inputs, &outputs));
  outputs.y.capacity = sizeof(y);
  expect("buffers", mlp_OK, mlp_run(model, &inputs, &outputs));
  expect_true("the caller's buffer", outputs.y.data == y && !outputs.y.owned);
  expect_true("the model's buffer",
              outputs.class_.owned && (size_t)outputs.class_.data % 64 == 0 &&
                  outputs.class_.capacity == sizeof(r));
  expect_true("not the input's", outputs.class_.data != r &&
                                     memcmp(outputs.class_.data, r,
                                            sizeof(r)) == 0);
  expect_true("y = x W + r", y[33] > 34.9f && y[33] < 35.1f);
  expect("again", mlp_OK, mlp_run(model, &inputs, &outputs));
  mlp_release(&outputs);
  expect_true("released", !outputs.class_.data && !outputs.class_.owned);
  inputs.x.shape[0] = inputs.the_residual.shape[0] = 0;
  outputs.y.data = NULL;
  expect("no rows", mlp_OK, mlp_run(model, &inputs, &outputs));
  expect_true("none either", outputs.y.shape[0] == 0);
  mlp_release(&outputs);
  inputs.x.shape[0] = inputs.the_residual.shape[0] = (int64_t)1 << 46;
  expect("too many rows", mlp_ERROR_MEMORY, mlp_run(model, &inputs, &outputs));
}

int main(int argc, char **argv) {
  mlp_model *model;
  if (argc != 2)
    return 1;
  for (int i = 0; i < ROWS * 64; ++i)
    x[i] = 1;
  for (int i = 0; i < ROWS * 32; ++i)
    r[i] = 3;
  check_loading(argv[1]);
  expect("load", mlp_OK, mlp_load(argv[1], &model));
  if (!model)
    return 1;
  check_arguments(model);
  check_buffers(model);
  mlp_free(model);
  mlp_free(NULL);
  return failed;
}
