/*===- run-model.c - compiles, writes, loads and runs a model -------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include <lowbit-c/Compiler.h>

#include <stdio.h>
#include <stdlib.h>

/* Ends the program if a call failed. */
static void check(LowbitError *error) {
  if (!error)
    return;
  fprintf(stderr, "run-model-c: %s\n", lowbitErrorGetMessage(error));
  lowbitErrorDestroy(error);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  LowbitCompileOptions options = LOWBIT_COMPILE_OPTIONS_INIT;
  options.method = "int4-g4";
  check(lowbitCompile(argv[1], argv[2], &options));

  LowbitModel *model = NULL;
  check(lowbitModelLoad(argv[2], NULL, &model));
  const LowbitTensor *y = lowbitModelGetOutputs(model);
  printf("%zu input, output '%s' of rank %zu\n", lowbitModelGetNumInputs(model),
         y->name, y->rank);

  int64_t shape[] = {1, 4};
  float data[] = {0.0f, 0.0f, 0.1f, 0.0f};
  LowbitTensor x = {NULL, LowbitElementTypeF32, 2, shape, data};
  LowbitResults *results = NULL;
  check(lowbitRun(model, &x, 1, &results));
  const float *values = lowbitResultsGetOutputs(results)->data;
  printf("%.4f %.4f\n", values[0], values[1]);
  lowbitResultsDestroy(results);

  /* A mistake is a message, and the model goes on. */
  shape[1] = 3;
  LowbitError *error = lowbitRun(model, &x, 1, &results);
  printf("%s\n", lowbitErrorGetMessage(error));
  lowbitErrorDestroy(error);
  lowbitModelDestroy(model);
  return 0;
}
