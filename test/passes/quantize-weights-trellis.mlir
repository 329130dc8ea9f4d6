// RUN: quant-opt %s --lowbit-quantize-weights=method=trellis2-s8 | FileCheck %s
// RUN: quant-opt %s '--lowbit-quantize-weights=method=trellis2.5-s8 sweeps=1' | FileCheck %s --check-prefix=MIXED
// RUN: quant-opt %s --mlir-disable-threading --lowbit-quantize-weights=method=trellis2.5-s8 > %t.1
// RUN: quant-opt %s --lowbit-quantize-weights=method=trellis2.5-s8 | diff - %t.1
// RUN: quant-opt %s --lowbit-quantize-weights=method=trellis2.5-s8 --lowbit-lower-to-linalg

// Codes of 2 bits that choose, with those above them in their column, among the
// numbers of a table that is stored nowhere; a scale of 8 bits for each row, and one of 5
// for each column.

// CHECK-DAG: #[[T:.*]] = #lowbit.encoding<trellis<state = 8, rate = 2>, channel, scale = f8E4M3FN, tensor_scale, column_scale = <log<width = 5, octave = 8>, tensor, scale = f16>>
// CHECK: lowbit.global @fc : !lowbit.tensor<4x4xf32, #[[T]]> {codes = dense<{{.*}}> : tensor<4xi8>, column_scale = dense<{{.*}}> : tensor<3xi8>, column_scale.scale = dense<{{.*}}> : tensor<1x1xf16>, outer_scale = dense<{{.*}}> : tensor<1xf32>, scale = dense<{{.*}}> : tensor<4x1xf8E4M3FN>}

// An average of 2.5 bits: the columns whose input is large get more of them.

// MIXED-DAG: #[[T:.*]] = #lowbit.encoding<mixed<1 trellis<state = 8, rate = 5>, 1 trellis<state = 8, rate = 3>, 2 trellis<state = 8, rate = 1>>, channel
// MIXED: lowbit.global @fc : !lowbit.tensor<4x4xf32, #[[T]]> {codes = dense<{{.*}}> : tensor<6xi8>, column_part = dense<-92> : tensor<1xi8>, column_scale
// MIXED-NOT: lowbit.rates
lowbit.global @fc : tensor<4x4xf32> {data = dense<[[0.4, 0.4, 0.4, 2.0], [-0.4, 0.6, 0.1, -1.0], [1.4, -0.1, 0.2, 0.3], [0.1, 0.2, -0.7, 0.1]]> : tensor<4x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<[
  [64.0, 0.0, 0.0, 0.0],
  [0.0, 16.0, 0.0, 0.0],
  [0.0, 0.0, 4.0, 0.0],
  [0.0, 0.0, 0.0, 0.25]]> : tensor<4x4xf32>}
lowbit.statistics "fc.gradient" layers ["fc"] count 8 {gradient_mean_square = dense<[1.0, 2.0, 1.0, 0.0]> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
