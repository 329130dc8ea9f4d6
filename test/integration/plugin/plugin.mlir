// The stock mlir-opt with Lowbit loaded into it: dialect, passes, pipelines and
// what they register for bufferization, down to the LLVM dialect.

// RUN: mlir-opt %s --load-dialect-plugin=%plugin | FileCheck %s --check-prefix=DIALECT
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(lowbit-raise,lowbit-quantize{method=int4-g4},lowbit-fuse)' \
// RUN:   | FileCheck %s --check-prefix=PHASES
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(lowbit-raise,lowbit-quantize{method=int4-g4},lowbit-fuse,lowbit-set-cpu-target{cpu=portable},lowbit-pack,lowbit-lower-to-cpu-kernels,lowbit-lower-to-linalg,lowbit-cpu-to-llvm)' \
// RUN:   | FileCheck %s --check-prefix=LLVM --implicit-check-not='= linalg' --implicit-check-not='= lowbit'

// Passes of the host may stand between Lowbit's.
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(lowbit-raise-linear,canonicalize,func.func(linalg-generalize-named-ops))' \
// RUN:   | FileCheck %s --check-prefix=MIXED

// A mistake is the same diagnostic as in quant-opt.
// RUN: not mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(lowbit-raise,lowbit-quantize{method=int12})' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ERROR

// It links the host's library and shows nothing but its entry points.
// RUN: llvm-readelf --dynamic-table %plugin | FileCheck %s --check-prefix=NEEDED
// RUN: llvm-nm -D --defined-only %plugin | count 2

// DIALECT: lowbit.weight @fc
// PHASES: %[[W:.*]] = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4_g4_f16>
// PHASES: lowbit.linear %{{.*}}, %[[W]] activation tanh
// LLVM: llvm.func @main
// MIXED: linalg.generic
// MIXED: lowbit.linear
// ERROR: error: {{.*}}quantization method 'int12': requires
// NEEDED: libMLIR.so

lowbit.global @fc : tensor<4x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, -8.0]]> : tensor<4x2xf32>}
func.func @main(%x: tensor<8x4xf32>, %init: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @fc : tensor<4x2xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%init : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<8x4xf32>, tensor<4x2xf32>) outs(%acc : tensor<8x2xf32>) -> tensor<8x2xf32>
  %act = linalg.map { math.tanh } ins(%y : tensor<8x2xf32>) outs(%init : tensor<8x2xf32>)
  return %act : tensor<8x2xf32>
}
