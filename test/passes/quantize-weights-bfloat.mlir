// RUN: quant-opt %s --lowbit-quantize-weights=method=int4-g4-abf16 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights="method=int4-g4-abf16 include-embeddings" | FileCheck %s --check-prefix=TABLE
// RUN: quant-opt %s --lowbit-quantize-weights=method=int4-g4-abf16 --lowbit-lower-to-linalg | FileCheck %s --check-prefix=LINALG
// RUN: quant-opt %s --lowbit-quantize-weights=method=lattice2-abf16 | FileCheck %s --check-prefix=LATTICE
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-g4-abf16-token 2>&1 | FileCheck %s --check-prefix=SUFFIX
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-a8-abf16 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not quant-opt %s --lowbit-quantize-weights=method=trellis2-abf16-token 2>&1 | FileCheck %s --check-prefix=TRELLIS
// RUN: not quant-opt %s --quantize=int4-abf16-a8-static --calibrate=%S/../models/llama-5m/tokens_calib.bin -o %t.mlir 2>&1 | FileCheck %s --check-prefix=STATIC

// SUFFIX: requires no suffixes but {{.*}} -a8[-token], -afp8[-e5m2][-token] or -abf16, each at most once and in this order, found '-token' at the end
// BOTH: found '-abf16' at the end
// TRELLIS: requires no suffixes of trellises but -s<bits> and -a8[-token], -afp8[-e5m2][-token] or -abf16, in this order, found '-token' at the end
// STATIC: quantization method 'int4-abf16-a8-static': requires one form of activations, found another in front of static ones, 'int4-abf16'

lowbit.global @fc : tensor<2x8xf32> {data = dense<1.0> : tensor<2x8xf32>}
lowbit.global @other : tensor<2x8xf32> {data = dense<2.0> : tensor<2x8xf32>}
lowbit.global @table : tensor<3x8xf32> {data = dense<3.0> : tensor<3x8xf32>}

// Layers that share an input share its rounding. Codes and scales are what they
// are without the suffix; results keep their type.

// CHECK-DAG: #[[E:.*]] = #lowbit.encoding<int<4>, group = 4, scale = f16>
// CHECK-DAG: lowbit.global @fc : !lowbit.tensor<2x8xbf16, #[[E]]> {codes = dense<{{.*}}> : tensor<8xi8>
// CHECK-LABEL: func.func @shared
// CHECK: %[[X:.*]] = linalg.generic {{.*}} ins(%arg0 : tensor<?x8xf32>) outs(%{{.*}} : tensor<?x8xbf16>)
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NOT: arith.truncf
// CHECK: lowbit.linear %[[X]], %{{.*}} : tensor<?x8xbf16>, !lowbit.tensor<2x8xbf16, #[[E]]> -> tensor<?x2xf32>
// CHECK: lowbit.linear %[[X]], %{{.*}} : tensor<?x8xbf16>, !lowbit.tensor<2x8xbf16, #[[E]]> -> tensor<?x2xf32>
// CHECK: return

// LATTICE: lowbit.linear {{.*}} : tensor<?x8xbf16>, !lowbit.tensor<2x8xbf16,

// What linear means is computed from rounded numbers.

// LINALG-LABEL: func.func @shared
// LINALG: linalg.generic {{.*}} outs(%{{.*}} : tensor<2x8xbf16>)
// LINALG: arith.truncf %{{.*}} : f32 to bf16

func.func @shared(%x: tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = lowbit.weight @fc : tensor<2x8xf32>
  %v = lowbit.weight @other : tensor<2x8xf32>
  %y = lowbit.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
  %z = lowbit.linear %x, %v : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
  return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
}

// Half precision has numbers that bf16 has not, and is rounded from f32; what is
// bf16 already stays.

// CHECK-LABEL: func.func @halves
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NOT: arith
// CHECK: lowbit.linear %arg1, %{{.*}} : tensor<3x8xbf16>
// CHECK: return
func.func @halves(%x: tensor<3x8xf16>, %b: tensor<3x8xbf16>) -> (tensor<3x2xf16>, tensor<3x2xbf16>) {
  %w = lowbit.weight @fc : tensor<2x8xf32>
  %y = lowbit.linear %x, %w : tensor<3x8xf16>, tensor<2x8xf32> -> tensor<3x2xf16>
  %z = lowbit.linear %b, %w : tensor<3x8xbf16>, tensor<2x8xf32> -> tensor<3x2xbf16>
  return %y, %z : tensor<3x2xf16>, tensor<3x2xbf16>
}

// A table that is also a head's weight yields what it did: the head has a
// global of its own, with the same data.

// TABLE-DAG: lowbit.global @table : !lowbit.tensor<3x8xf32, #[[E:.*]]> {codes
// TABLE-DAG: lowbit.global @table.bf16 : !lowbit.tensor<3x8xbf16, #{{.*}}> {codes
// TABLE-LABEL: func.func @head
// TABLE: lowbit.embedding %{{.*}}, %{{.*}} : tensor<?xi64>, !lowbit.tensor<3x8xf32
// TABLE: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x8xbf16>, !lowbit.tensor<3x8xbf16
func.func @head(%i: tensor<?xi64>) -> tensor<?x3xf32> {
  %w = lowbit.weight @table : tensor<3x8xf32>
  %x = lowbit.embedding %i, %w : tensor<?xi64>, tensor<3x8xf32> -> tensor<?x8xf32>
  %y = lowbit.linear %x, %w : tensor<?x8xf32>, tensor<3x8xf32> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
