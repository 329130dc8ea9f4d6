// RUN: quant-opt %s --split-input-file --lowbit-quantize-weights="method=int4-g4 keep-sources" | FileCheck %s
// RUN: quant-opt %s --split-input-file --lowbit-quantize-weights="method=int4-g4 keep-sources scale-search=absmax release-data" --lowbit-merge-linears=release-data \
// RUN:   | FileCheck %s --check-prefix=MERGED
// RUN: quant-opt %s --split-input-file --lowbit-quantize-weights=method=int4-g4 | FileCheck %s --check-prefix=NONE

// Who rounds weights later finds the floats beside the codes: which, where a
// part of them begins, and how they lie.

// NONE-NOT: float_source

// CHECK: lowbit.global @q : !lowbit.tensor<2x4xf32
// CHECK-SAME: lowbit.float_source = {encoding = #[[INT4:[a-z0-9_]+]], parts = [{columns = 4 : i64, data = dense<{{.*}}> : tensor<2x4xf32>, offset = 0 : i64, rows = 2 : i64}], search = "mse"}

// Layers that are one have the rows of all.
// MERGED: lowbit.global @q_k : !lowbit.tensor<3x4xf32
// MERGED-SAME: lowbit.float_source = {encoding = #{{[a-z0-9_]+}}, parts = [{columns = 4 : i64, data = dense<{{.*}}> : tensor<2x4xf32>, offset = 0 : i64, rows = 2 : i64}, {columns = 4 : i64, data = dense<{{.*}}> : tensor<1x4xf16>, offset = 0 : i64, rows = 1 : i64}], search = "absmax"}

lowbit.global @q : tensor<2x4xf32> {data = dense<[[1.0, -8.0, 3.0, 7.0], [-14.0, -12.0, 2.0, -4.0]]> : tensor<2x4xf32>}
lowbit.global @k : tensor<1x4xf16> {data = dense<[[1.0, -8.0, 3.0, 7.0]]> : tensor<1x4xf16>}

func.func @siblings(%x: tensor<?x4xf32>, %e: tensor<1x4xf32>) -> (tensor<?x2xf32>, tensor<?x1xf32>) {
  %q = lowbit.weight @q : tensor<2x4xf32>
  %k = lowbit.weight @k : tensor<1x4xf16>
  %wide = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%k : tensor<1x4xf16>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%in: f16, %out: f32):
    %v = arith.extf %in : f16 to f32
    linalg.yield %v : f32
  } -> tensor<1x4xf32>
  %y = lowbit.linear %x, %q : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  %z = lowbit.linear %x, %wide : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %y, %z : tensor<?x2xf32>, tensor<?x1xf32>
}

// -----

// A gate's rows and those beside it come in turn; a matrix stored as [K, N] is
// read through its transposition.

// CHECK: lowbit.global @weight
// CHECK-SAME: lowbit.float_source = {{.*}} rows = 2 : i64, transposed}], search = "mse"}
// CHECK: lowbit.global @gate
// MERGED: lowbit.float_source = {alternating, encoding = #{{[a-z0-9_]+}}, parts = [{columns = 4 : i64, data = {{.*}}, offset = 0 : i64, rows = 2 : i64}, {columns = 4 : i64, data = {{.*}}, offset = 0 : i64, rows = 2 : i64, transposed}]

lowbit.global @gate : tensor<2x4xf32> {data = dense<[[1.0, -8.0, 3.0, 7.0], [-14.0, -12.0, 2.0, -4.0]]> : tensor<2x4xf32>}

func.func @gated(%x: tensor<?x4xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %gate = lowbit.weight @gate : tensor<2x4xf32>
  %c = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [-8.0, 7.0]]> : tensor<4x2xf32>
  %i = tensor.empty() : tensor<2x4xf32>
  %up = linalg.transpose ins(%c : tensor<4x2xf32>) outs(%i : tensor<2x4xf32>) permutation = [1, 0]
  %u = lowbit.linear %x, %up : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  %g = lowbit.linear %x, %gate activation silu : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  %y = linalg.mul ins(%u, %g : tensor<?x2xf32>, tensor<?x2xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
