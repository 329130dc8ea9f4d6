/* What a model requires of the extents of its inputs:
 *
 *   requirements WEIGHTS SEQ PAST
 */

#include "cache.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  static float x[64], cache[64];
  cache_model *model;
  if (argc != 4 || cache_load(argv[1], &model))
    return 2;
  cache_inputs inputs = {{x, {atoll(argv[2])}}, {cache, {atoll(argv[3])}}};
  cache_outputs outputs = {{NULL, {0}, 0, NULL}};
  int error = cache_infer_shapes(&inputs, &outputs);
  if (!error)
    error = cache_run(model, &inputs, &outputs);
  puts(error ? cache_message() : "runs");
  cache_release(&outputs);
  cache_free(model);
  return error;
}
