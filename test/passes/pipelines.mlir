// Each phase by name equals its passes spelled out.
// RUN: quant-opt %s --lowbit-raise -o %t.a
// RUN: quant-opt %s --lowbit-raise-linear --canonicalize --cse -o %t.b
// RUN: diff %t.a %t.b
// RUN: quant-opt %t.a --lowbit-quantize=method=int4-g4 -o %t.c
// RUN: quant-opt %t.a --lowbit-quantize-weights=method=int4-g4 --cse -o %t.d
// RUN: diff %t.c %t.d
// RUN: quant-opt %t.c --lowbit-fuse -o %t.e
// RUN: quant-opt %t.c --lowbit-fuse-epilogue --canonicalize --cse -o %t.f
// RUN: diff %t.e %t.f
// RUN: quant-opt %t.e --lowbit-pack -o %t.g
// RUN: quant-opt %t.e --lowbit-pack-weights --cse -o %t.h
// RUN: diff %t.g %t.h

// A strict quantize phase ends with the check that no float weight is left.
// RUN: quant-opt %t.a --lowbit-quantize="method=int4-g4 strict" -o %t.j
// RUN: diff %t.c %t.j
// RUN: quant-opt %t.a --lowbit-quantize="method=int4-g4 strict" --dump-pass-pipeline -o %t.j 2>&1 | FileCheck %s --check-prefix=STRICT
// STRICT: lowbit-quantize-weights
// STRICT: lowbit-verify-no-float-weights

// Phases stopped at and resumed give what one run gives.
// RUN: quant-opt %s --lowbit-raise --lowbit-quantize=method=int4-g4 --lowbit-fuse --lowbit-pack -o %t.i
// RUN: diff %t.g %t.i
// RUN: FileCheck %s --input-file=%t.i

// CHECK: lowbit.global @fc : !lowbit.tensor<2x4xf32, #{{.*}}, #{{.*}}>
// CHECK: lowbit.linear {{.*}} bias %{{.*}} activation relu

module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : tensor<4x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>}

  func.func @main(%x: tensor<?x4xf32>, %b: tensor<2xf32>) -> tensor<?x2xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %m = tensor.dim %x, %c0 : tensor<?x4xf32>
    %w = lowbit.weight @fc : tensor<4x2xf32>
    %e = tensor.empty(%m) : tensor<?x2xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
    %y = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x2xf32>) outs(%f : tensor<?x2xf32>) -> tensor<?x2xf32>
    %r = linalg.generic {
        indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
        iterator_types = ["parallel", "parallel"]}
        ins(%y, %b : tensor<?x2xf32>, tensor<2xf32>) outs(%e : tensor<?x2xf32>) {
    ^bb0(%in: f32, %bias: f32, %out: f32):
      %sum = arith.addf %in, %bias : f32
      %relu = arith.maximumf %sum, %zero : f32
      linalg.yield %relu : f32
    } -> tensor<?x2xf32>
    return %r : tensor<?x2xf32>
  }
}
