// RUN: not quant-opt %s --lowbit-quantize-weights="method=kmeans2 keep-sources" 2>&1 | FileCheck %s --check-prefix=LEARNED
// RUN: not quant-opt %s --lowbit-quantize-weights="method=gptq-int4-g4 keep-sources" 2>&1 | FileCheck %s --check-prefix=FEEDBACK
// RUN: not quant-opt %s --lowbit-quantize-weights="method=int4-g4 keep-sources scale-search=importance" 2>&1 | FileCheck %s --check-prefix=IMPORTANCE
// RUN: not quant-opt %s --lowbit-set-scale-factors=factors=fc=2 --lowbit-quantize-weights="method=int4-g4 keep-sources" 2>&1 | FileCheck %s --check-prefix=FACTOR

// What isn't rounded to nearest by the weight alone can't be rounded later.

// LEARNED: error: 'lowbit.linear' op weight 'fc': keeping its floats, to be rounded when the model is loaded, requires rounding to nearest by the weight alone, found an encoding by more (rounding by rows needs a table of the format, found one that is learned from the weight)
// FEEDBACK: error: 'lowbit.linear' op weight 'fc': keeping its floats, {{.*}}, found rounding with feedback
// IMPORTANCE: error: 'lowbit.linear' op weight 'fc': keeping its floats, {{.*}}, found a search of scales by importance
// FACTOR: error: 'lowbit.linear' op weight 'fc': keeping its floats, {{.*}}, found a factor of its scales

lowbit.statistics "fc" layers ["fc"] count 8 {mean_square = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>,
  second_moment = dense<[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]> : tensor<4x4xf32>}
lowbit.global @fc : tensor<2x4xf32> {data = dense<[[1.0, -8.0, 3.0, 7.0], [-14.0, -12.0, 2.0, -4.0]]> : tensor<2x4xf32>}
func.func @linear(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
