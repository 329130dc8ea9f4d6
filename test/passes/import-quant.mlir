// RUN: quant-opt %s --lowbit-import-quant --split-input-file | FileCheck %s

// The example of the pass: per axis, signed, no zero point.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<int<4>, channel, scale = f16>
// CHECK: lowbit.global @weight : !lowbit.tensor<2x4xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[105, 75, 45, 15]> : tensor<4xi8>, scale = dense<{{\[\[}}5.000000e-01], [2.500000e-01]]> : tensor<2x1xf16>}
// CHECK-LABEL: func @axis
// CHECK-NEXT: %[[W:.*]] = lowbit.weight @weight
// CHECK-NEXT: %[[D:.*]] = lowbit.dequantize %[[W]]
// CHECK-NEXT: return %[[D]]
func.func @axis() -> tensor<2x4xf32> {
  %c = arith.constant dense<[[1, -2, 3, -4], [5, -6, 7, -8]]> : tensor<2x4xi4>
  %q = quant.scast %c : tensor<2x4xi4> to tensor<2x4x!quant.uniform<i4:f32:0, {0.5, 0.25}>>
  %w = quant.dcast %q : tensor<2x4x!quant.uniform<i4:f32:0, {0.5, 0.25}>> to tensor<2x4xf32>
  return %w : tensor<2x4xf32>
}

// -----

// Per tensor, with a zero point; the storage range says that codes have 3 bits.
// f32 keeps a scale that f16 can't hold.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<3>, zero_point = integer, tensor, scale = f32>
// CHECK: lowbit.global @fc : !lowbit.tensor<1x4xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[-96, 14]> : tensor<2xi8>, scale = dense<1.000000e-01> : tensor<1x1xf32>, zero_point = dense<5> : tensor<1x1xi8>}
// CHECK-LABEL: func @tensor
// CHECK: %[[D:.*]] = lowbit.dequantize
// CHECK: tensor.collapse_shape %[[D]] {{\[\[}}0, 1]] : tensor<1x4xf32> into tensor<4xf32>
ml_program.global private @fc(dense<[-4, 0, -2, 3]> : tensor<4xi8>) : tensor<4xi8>
func.func @tensor() -> tensor<4xf32> {
  %c = ml_program.global_load_const @fc : tensor<4xi8>
  %q = quant.scast %c : tensor<4xi8> to tensor<4x!quant.uniform<i8<-4:3>:f32, 0.1:1>>
  %w = quant.dcast %q : tensor<4x!quant.uniform<i8<-4:3>:f32, 0.1:1>> to tensor<4xf32>
  return %w : tensor<4xf32>
}

// -----

// In blocks of a row and two columns, unsigned. What quant calls -8 is, in four
// unsigned bits, 8.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<4>, zero_point = integer, group = 2, scale = f16>
// CHECK: lowbit.global @weight : !lowbit.tensor<2x4xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[33, 67, 101, -121]> : tensor<4xi8>,
// CHECK-SAME: scale = dense<{{\[\[}}5.000000e-01, 2.500000e-01], [1.000000e+00, 2.000000e+00]]> : tensor<2x2xf16>
// CHECK-SAME: zero_point = dense<{{\[\[}}8, 7], [0, 1]]> : tensor<2x2xi8>
// CHECK-LABEL: func @blocks
func.func @blocks() -> tensor<2x4xf32> {
  %c = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, -8]]> : tensor<2x4xi4>
  %q = quant.scast %c : tensor<2x4xi4> to tensor<2x4x!quant.uniform<u4:f32:{0:1, 1:2}, {{0.5:-8, 0.25:7}, {1.0, 2.0:1}}>>
  %w = quant.dcast %q : tensor<2x4x!quant.uniform<u4:f32:{0:1, 1:2}, {{0.5:-8, 0.25:7}, {1.0, 2.0:1}}>> to tensor<2x4xf32>
  return %w : tensor<2x4xf32>
}

// -----

// Blocks of two rows and one column, [K, N]: the matrix is [N, K].

// CHECK: lowbit.global @weight : !lowbit.tensor<3x4xf32, #{{[a-z0-9_]+}}>
// CHECK-SAME: scale = dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]>
// CHECK-LABEL: func @rows
// CHECK: %[[D:.*]] = lowbit.dequantize
// CHECK: %[[G:.*]] = tensor.expand_shape %[[D]] {{\[\[}}0], [1, 2]] output_shape [3, 2, 2]
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[G]] {{.*}} permutation = [1, 2, 0]
// CHECK: tensor.collapse_shape %[[T]] {{\[\[}}0, 1], [2]]
func.func @rows() -> tensor<4x3xf32> {
  %c = arith.constant dense<[[1, 2, 3], [4, 5, 6], [-1, -2, -3], [-4, -5, -6]]> : tensor<4x3xi8>
  %q = quant.scast %c : tensor<4x3xi8> to tensor<4x3x!quant.uniform<i8:f32:{0:2, 1:1}, {{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}>>
  %w = quant.dcast %q : tensor<4x3x!quant.uniform<i8:f32:{0:2, 1:1}, {{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}>> to tensor<4x3xf32>
  return %w : tensor<4x3xf32>
}

// -----

// A float constant that is quantized: rounded half to even and clamped.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<int<4>, tensor, scale = f16>
// CHECK: lowbit.global @weight : !lowbit.tensor<1x4xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[-120, -6]> : tensor<2xi8>
// CHECK-LABEL: func @numbers
func.func @numbers() -> tensor<1x4xf32> {
  %c = arith.constant dense<[[0.1, 0.25, 0.75, 9.0]]> : tensor<1x4xf32>
  %q = quant.qcast %c : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i4:f32, 0.5>>
  %w = quant.dcast %q : tensor<1x4x!quant.uniform<i4:f32, 0.5>> to tensor<1x4xf32>
  return %w : tensor<1x4xf32>
}

// -----

// One signed bit is 0 or -1, not the -1 or 1 of int<1>. A zero point outside of
// the storage range is no code.

// CHECK-DAG: #[[$BIT:.*]] = #lowbit.encoding<uint<1>, zero_point = integer, tensor, scale = f16>
// CHECK-DAG: #[[$FAR:.*]] = #lowbit.encoding<int<8>, zero_point = fractional, tensor, scale = f16>
// CHECK: lowbit.global @weight : !lowbit.tensor<1x2xf32, #[[$BIT]]> {codes = dense<1> : tensor<1xi8>, {{.*}}, zero_point = dense<1> : tensor<1x1xi8>}
// CHECK: lowbit.global @weight.imported.0 : !lowbit.tensor<1x2xf32, #[[$FAR]]> {{.*}} zero_point = dense<3.000000e+02> : tensor<1x1xf16>}
// CHECK-LABEL: func @edges
func.func @edges() -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %b = arith.constant dense<[[0, 1]]> : tensor<1x2xi1>
  %qb = quant.scast %b : tensor<1x2xi1> to tensor<1x2x!quant.uniform<i1:f32, 0.5>>
  %wb = quant.dcast %qb : tensor<1x2x!quant.uniform<i1:f32, 0.5>> to tensor<1x2xf32>
  %c = arith.constant dense<[[5, -5]]> : tensor<1x2xi8>
  %q = quant.scast %c : tensor<1x2xi8> to tensor<1x2x!quant.uniform<i8:f32, 0.5:300>>
  %w = quant.dcast %q : tensor<1x2x!quant.uniform<i8:f32, 0.5:300>> to tensor<1x2xf32>
  return %wb, %w : tensor<1x2xf32>, tensor<1x2xf32>
}

// -----

// A computed value that is quantized and back: what upstream's folder would drop.

// CHECK: #[[$COLUMN:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @activation
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x2xf32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<[3.000000e+00, 0.000000e+00]> : tensor<2xf32>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$COLUMN]], #[[$COLUMN]], #{{.*}}]
// CHECK-SAME: ins(%[[X]], %[[S]], %[[Z]] :
// CHECK: ^bb0(%[[V:.*]]: f32, %[[SCALE:.*]]: f32, %[[POINT:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[A:.*]] = arith.divf %[[V]], %[[SCALE]]
// CHECK: %[[B:.*]] = arith.addf %[[A]], %[[POINT]]
// CHECK: %[[C:.*]] = math.roundeven %[[B]]
// CHECK: %[[LOW:.*]] = arith.constant -1.280000e+02 : f32
// CHECK: %[[D:.*]] = arith.maximumf %[[C]], %[[LOW]]
// CHECK: %[[HIGH:.*]] = arith.constant 1.270000e+02 : f32
// CHECK: %[[E:.*]] = arith.minimumf %[[D]], %[[HIGH]]
// CHECK: %[[F:.*]] = arith.subf %[[E]], %[[POINT]]
// CHECK: arith.mulf %[[F]], %[[SCALE]]
// CHECK-NOT: quant.
func.func @activation(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %q = quant.qcast %x : tensor<?x2xf32> to tensor<?x2x!quant.uniform<i8:f32:1, {0.5:3, 0.25}>>
  %y = quant.dcast %q : tensor<?x2x!quant.uniform<i8:f32:1, {0.5:3, 0.25}>> to tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
