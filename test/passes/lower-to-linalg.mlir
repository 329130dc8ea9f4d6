// RUN: quant-opt --lowbit-lower-to-linalg --canonicalize --cse --split-input-file %s | FileCheck %s
// RUN: quant-opt --lowbit-lower-to-linalg=inline-weights --split-input-file %s | FileCheck %s --check-prefix=INLINE

// The example of the pass's description. A dense value is its codes and scales.

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>

// CHECK-LABEL: func.func @dequantize
// CHECK-SAME: (%[[CODES:.*]]: tensor<256xi8>, %[[SCALE:.*]]: tensor<8x2xf16>) -> tensor<8x64xf32>
// CHECK: %[[INIT:.*]] = tensor.empty() : tensor<8x64xf32>
// CHECK: linalg.generic {{.*}} outs(%[[INIT]]
// CHECK:   %[[N:.*]] = linalg.index 0
// CHECK:   %[[K:.*]] = linalg.index 1
// CHECK:   %[[ROW:.*]] = arith.muli %[[N]], %c256
// CHECK:   %[[COLUMN:.*]] = arith.muli %[[K]], %c4
// CHECK:   %[[BIT:.*]] = arith.addi %[[ROW]], %[[COLUMN]]
// CHECK:   %[[BYTE:.*]] = arith.divui %[[BIT]], %c8
// CHECK:   %[[WORD:.*]] = tensor.extract %[[CODES]][%[[BYTE]]]
// CHECK:   %[[SHIFT:.*]] = arith.remui %[[BIT]], %c8
// CHECK:   arith.shrui
// CHECK:   arith.andi %{{.*}}, %c15_i32
// CHECK:   arith.subi %{{.*}}, %c8_i32
// CHECK:   %[[NUMBER:.*]] = arith.sitofp
// CHECK:   %[[GROUP:.*]] = arith.divui %[[K]], %c32
// CHECK:   tensor.extract %[[SCALE]][%[[N]], %[[GROUP]]]
// CHECK:   %[[S:.*]] = arith.extf
// CHECK:   %[[VALUE:.*]] = arith.mulf %[[NUMBER]], %[[S]]
// CHECK:   linalg.yield %[[VALUE]]
func.func @dequantize(%w: !lowbit.tensor<8x64xf32, #int4>) -> tensor<8x64xf32> {
  %0 = lowbit.dequantize %w : !lowbit.tensor<8x64xf32, #int4> -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// Globals and weights go by component; with inline-weights they are constants.

#u4 = #lowbit.encoding<uint<4>, minimum, channel, scale = f16>

// CHECK-DAG: lowbit.global @fc1.codes : tensor<4xi8> {data = dense<35> : tensor<4xi8>}
// CHECK-DAG: lowbit.global @fc1.scale : tensor<2x1xf16> {data = dense<1.000000e+00> : tensor<2x1xf16>}
// CHECK-DAG: lowbit.global @fc1.minimum : tensor<2x1xf16> {data = dense<-1.000000e+00> : tensor<2x1xf16>}
// INLINE-NOT: lowbit
lowbit.global @fc1 : !lowbit.tensor<2x4xf32, #u4> {
  codes = dense<35> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>,
  minimum = dense<-1.0> : tensor<2x1xf16>}

// CHECK-LABEL: func.func @linear
// CHECK-DAG: lowbit.weight @fc1.codes : tensor<4xi8>
// CHECK-DAG: lowbit.weight @fc1.scale : tensor<2x1xf16>
// CHECK-DAG: lowbit.weight @fc1.minimum : tensor<2x1xf16>
// CHECK: %[[W:.*]] = linalg.generic
// CHECK: %[[SUM:.*]] = linalg.contract {{.*}} ins(%{{.*}}, %[[W]] : tensor<1x?x4xf16>, tensor<2x4xf32>) outs(%{{.*}} : tensor<1x?x2xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %{{.*}}, %{{.*}} : tensor<1x?x2xf32>, tensor<2xf16>, tensor<1x?x2xf16>)
// CHECK:   arith.addf
// CHECK:   math.exp
// CHECK:   arith.addf
// CHECK:   arith.truncf
// INLINE-LABEL: func.func @linear
// INLINE-DAG: arith.constant dense<35> : tensor<4xi8>
// INLINE-DAG: arith.constant dense<-1.000000e+00> : tensor<2x1xf16>
func.func @linear(%x: tensor<1x?x4xf16>, %b: tensor<2xf16>, %r: tensor<1x?x2xf16>)
    -> tensor<1x?x2xf16> {
  %w = lowbit.weight @fc1 : !lowbit.tensor<2x4xf32, #u4>
  %0 = lowbit.linear %x, %w bias %b activation silu residual %r
      : tensor<1x?x4xf16>, !lowbit.tensor<2x4xf32, #u4> -> tensor<1x?x2xf16>
  return %0 : tensor<1x?x2xf16>
}

// -----

// A float weight stored as [K, N] is read as it lies.

// CHECK-LABEL: func.func @transposed
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor<64x8xf32>
// CHECK-NOT: linalg.transpose
// CHECK: linalg.contract {{.*}} ins(%[[X]], %[[W]] : tensor<?x64xf32>, tensor<64x8xf32>)
// CHECK-NOT: linalg.transpose
func.func @transposed(%x: tensor<?x64xf32>, %w: tensor<64x8xf32>) -> tensor<?x8xf32> {
  %e = tensor.empty() : tensor<8x64xf32>
  %t = linalg.transpose ins(%w : tensor<64x8xf32>) outs(%e : tensor<8x64xf32>)
      permutation = [1, 0]
  %0 = lowbit.linear %x, %t : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// A packed value is one blob; its scales are read from the blob.

#int3 = #lowbit.encoding<int<3>, group = 32, scale = f16>
#planes = #lowbit.planes<rows = 16, padding = 32>
!w = !lowbit.tensor<8x64xf32, #int3, #planes>

// CHECK-LABEL: func.func @packed
// CHECK-SAME: (%[[BLOB:.*]]: tensor<448xi8>)
// CHECK: linalg.generic
// CHECK: tensor.extract %[[BLOB]]
// CHECK: arith.andi %{{.*}}, %c3_i32
// CHECK: tensor.extract %[[BLOB]]
// CHECK: arith.andi %{{.*}}, %c1_i32
// CHECK: arith.shli %{{.*}}, %c2_i32
// CHECK: tensor.extract %[[BLOB]]
// CHECK: arith.bitcast %{{.*}} : i16 to f16
func.func @packed(%w: !w) -> tensor<8x64xf32> {
  %0 = lowbit.dequantize %w : !w -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// Only the rows that are asked for are dequantized.

#int8 = #lowbit.encoding<int<8>>

// CHECK-LABEL: func.func @embedding
// CHECK-SAME: %[[IDS:.*]]: tensor<1x?xi64>, %[[CODES:.*]]: tensor<512xi8>
// CHECK: linalg.generic {{.*}} ins(%[[IDS]] : tensor<1x?xi64>) outs(%{{.*}} : tensor<1x?x64xf32>)
// CHECK:   arith.cmpi slt
// CHECK:   arith.maxsi %{{.*}}, %c0
// CHECK:   arith.minsi %{{.*}}, %c7
// CHECK:   tensor.extract %[[CODES]]
func.func @embedding(%ids: tensor<1x?xi64>, %w: !lowbit.tensor<8x64xf32, #int8>)
    -> tensor<1x?x64xf32> {
  %0 = lowbit.embedding %ids, %w
      : tensor<1x?xi64>, !lowbit.tensor<8x64xf32, #int8> -> tensor<1x?x64xf32>
  return %0 : tensor<1x?x64xf32>
}

// -----

// A value with dynamic dimensions also carries their extents. The last group is
// short, so the maximum is taken over padding zeros too.

#a8 = #lowbit.encoding<int<8>, group = 48, scale = f32>
!q = !lowbit.tensor<?x?x64xf32, #a8>

// CHECK-LABEL: func.func @quantize
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x64xf32>) -> (tensor<?xi8>, tensor<?x2xf32>, index, index)
// CHECK: tensor.pad
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:   math.absf
// CHECK:   arith.maximumf
// CHECK: %[[SCALE:.*]] = linalg.generic
// CHECK:   arith.divf %{{.*}}, %cst
// CHECK: %[[CODES:.*]] = linalg.generic
// CHECK:   math.roundeven
// CHECK:   arith.trunci %{{.*}} : i32 to i8
// CHECK: %[[BYTES:.*]] = tensor.collapse_shape %[[CODES]]
// CHECK-DAG: %[[D0:.*]] = tensor.dim %[[X]], %c0
// CHECK-DAG: %[[D1:.*]] = tensor.dim %[[X]], %c1
// CHECK: return %[[BYTES]], %[[SCALE]], %[[D0]], %[[D1]]
func.func @quantize(%x: tensor<?x?x64xf32>) -> !q {
  %0 = lowbit.quantize %x : tensor<?x?x64xf32> -> !q
  return %0 : !q
}

// A given scale is that of every group.

// CHECK-LABEL: func.func @quantize_scale
// CHECK-NOT: math.absf
// CHECK: %[[S:.*]] = arith.constant 1.250000e-01 : f32
// CHECK: %[[SCALE:.*]] = linalg.fill ins(%[[S]] : f32) outs(%{{.*}} : tensor<?x2xf32>)
// CHECK: arith.divf %{{.*}}, %[[S]]
// CHECK: math.roundeven
func.func @quantize_scale(%x: tensor<?x?x64xf32>) -> !q {
  %0 = lowbit.quantize %x scale 1.250000e-01 : tensor<?x?x64xf32> -> !q
  return %0 : !q
}

// CHECK-LABEL: func.func @use
// CHECK: call @quantize(%{{.*}}) : (tensor<?x?x64xf32>) -> (tensor<?xi8>, tensor<?x2xf32>, index, index)
func.func @use(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> {
  %0 = func.call @quantize(%x) : (tensor<?x?x64xf32>) -> !q
  %1 = lowbit.dequantize %0 : !q -> tensor<?x?x64xf32>
  return %1 : tensor<?x?x64xf32>
}

// -----

// What calibration leaves has no meaning when the model runs.
// CHECK-NOT: lowbit.statistics
// CHECK-LABEL: func.func @observe
// CHECK-SAME: (%[[X:.*]]: tensor<2xf32>)
// CHECK-NEXT: return %[[X]]
lowbit.statistics "fc" layers ["fc"] count 1 {mean = dense<1.0> : tensor<2xf32>}
func.func @observe(%x: tensor<2xf32>) -> tensor<2xf32> {
  lowbit.observe %x as "fc" layers ["fc"] with columns : tensor<2xf32>
  return %x : tensor<2xf32>
}
