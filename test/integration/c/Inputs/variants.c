/* Which code a program with several variants runs here:
 *
 *   variants WEIGHTS
 */

#include "mlp.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  float x[64], r[32];
  mlp_model *model;
  mlp_inputs inputs = {{x, {1, 64}}, {r, {1, 32}}};
  mlp_outputs outputs = {{0, {0}, 0, 0}, {0, {0}, 0, 0}};
  int i, error = argc == 2 ? mlp_load(argv[1], &model) : mlp_ERROR_ARGUMENT;
  if (error) {
    printf("%s\n", mlp_message());
    return error == mlp_ERROR_PROCESSOR ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  for (i = 0; i < 64; ++i)
    x[i] = 1;
  for (i = 0; i < 32; ++i)
    r[i] = 3;
  error = mlp_run(model, &inputs, &outputs);
  if (!error)
    printf("%s: %.2f\n", mlp_cpu(model), outputs.y.data[31]);
  mlp_release(&outputs);
  mlp_free(model);
  return error;
}
