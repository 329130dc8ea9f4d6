// RUN: quant-opt %s --lowbit-import-block-scaled --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-import-tosa --lowbit-raise --split-input-file | FileCheck %s --check-prefix=RAISED

// The example of the pass. Scales are powers of two, which f16 holds.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<float<f4E2M1FN>, group = 32, scale = f16>
// CHECK: lowbit.global @weight : !lowbit.tensor<2x64xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<51> : tensor<64xi8>, scale = dense<{{\[\[}}2.000000e+00, 5.000000e-01], [1.000000e+00, 4.000000e+00]]> : tensor<2x2xf16>}
// CHECK-LABEL: func @constant
// CHECK: %[[D:.*]] = lowbit.dequantize %{{.*}} -> tensor<2x64xf32>
// CHECK-NOT: tosa.cast

// RAISED-LABEL: func @constant
func.func @constant() -> tensor<2x64xf32> {
  %data = "tosa.const"() {values = dense<1.5> : tensor<2x64xf4E2M1FN>} : () -> tensor<2x64xf4E2M1FN>
  %scale = "tosa.const"() {values = dense<[[2.0, 0.5], [1.0, 4.0]]> : tensor<2x2xf8E8M0FNU>} : () -> tensor<2x2xf8E8M0FNU>
  %w = tosa.cast_from_block_scaled %data, %scale {block_size = BLOCK_SIZE_32}
      : (tensor<2x64xf4E2M1FN>, tensor<2x2xf8E8M0FNU>) -> tensor<2x64xf32>
  return %w : tensor<2x64xf32>
}

// -----

// Every element format; the range of E8M0 needs f32.

// CHECK-DAG: lowbit.global {{.*}} !lowbit.tensor<1x32xbf16, #[[E5M2:.*]]> {codes = dense<64> {{.*}} scale = dense<1.17549435E-38> : tensor<1x1xf32>}
// CHECK-DAG: lowbit.global {{.*}} !lowbit.tensor<1x32xbf16, #[[E4M3:.*]]> {codes = dense<64> {{.*}} scale = dense<1.70141183E+38> : tensor<1x1xf32>}
// CHECK-DAG: lowbit.global {{.*}} !lowbit.tensor<1x32xf32, #[[E2M3:.*]]> {{.*}} : tensor<24xi8>, scale = dense<1.000000e+00> : tensor<1x1xf16>}
// CHECK-DAG: lowbit.global {{.*}} !lowbit.tensor<1x32xf32, #[[E3M2:.*]]> {{.*}} : tensor<24xi8>, scale = dense<1.000000e+00> : tensor<1x1xf16>}
// CHECK-LABEL: func @formats
// CHECK-COUNT-4: lowbit.dequantize
// CHECK-NOT: tosa.cast

// RAISED-LABEL: func @formats
func.func @formats() -> (tensor<1x32xbf16>, tensor<1x32xbf16>, tensor<1x32xf32>, tensor<1x32xf32>) {
  %low = "tosa.const"() {values = dense<1.17549435E-38> : tensor<1x1xf8E8M0FNU>} : () -> tensor<1x1xf8E8M0FNU>
  %high = "tosa.const"() {values = dense<1.70141183E+38> : tensor<1x1xf8E8M0FNU>} : () -> tensor<1x1xf8E8M0FNU>
  %one = "tosa.const"() {values = dense<1.0> : tensor<1x1xf8E8M0FNU>} : () -> tensor<1x1xf8E8M0FNU>
  %a = "tosa.const"() {values = dense<2.0> : tensor<1x32xf8E5M2>} : () -> tensor<1x32xf8E5M2>
  %b = "tosa.const"() {values = dense<2.0> : tensor<1x32xf8E4M3FN>} : () -> tensor<1x32xf8E4M3FN>
  %c = "tosa.const"() {values = dense<2.0> : tensor<1x32xf6E2M3FN>} : () -> tensor<1x32xf6E2M3FN>
  %d = "tosa.const"() {values = dense<2.0> : tensor<1x32xf6E3M2FN>} : () -> tensor<1x32xf6E3M2FN>
  %wa = tosa.cast_from_block_scaled %a, %low {block_size = BLOCK_SIZE_32} : (tensor<1x32xf8E5M2>, tensor<1x1xf8E8M0FNU>) -> tensor<1x32xbf16>
  %wb = tosa.cast_from_block_scaled %b, %high {block_size = BLOCK_SIZE_32} : (tensor<1x32xf8E4M3FN>, tensor<1x1xf8E8M0FNU>) -> tensor<1x32xbf16>
  %wc = tosa.cast_from_block_scaled %c, %one {block_size = BLOCK_SIZE_32} : (tensor<1x32xf6E2M3FN>, tensor<1x1xf8E8M0FNU>) -> tensor<1x32xf32>
  %wd = tosa.cast_from_block_scaled %d, %one {block_size = BLOCK_SIZE_32} : (tensor<1x32xf6E3M2FN>, tensor<1x1xf8E8M0FNU>) -> tensor<1x32xf32>
  return %wa, %wb, %wc, %wd : tensor<1x32xbf16>, tensor<1x32xbf16>, tensor<1x32xf32>, tensor<1x32xf32>
}

// -----

// mxint8 is int<8> with 2^-6 in the scale.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<int<8>, group = 32, scale = f16>
// CHECK: lowbit.global @mx : !lowbit.tensor<1x32xf32, #[[$ENCODING]]>
// CHECK-SAME: codes = dense<[-64, 64,
// CHECK-SAME: scale = dense<1.562500e-02> : tensor<1x1xf16>

// RAISED-LABEL: func @integers
func.func @integers() -> tensor<1x32xf32> {
  %one = "tosa.const"() {values = dense<1.0> : tensor<1x1xf8E8M0FNU>} : () -> tensor<1x1xf8E8M0FNU>
  %a = "tosa.const"() {values = dense_resource<mx> : tensor<1x32x!tosa.mxint8>} : () -> tensor<1x32x!tosa.mxint8>
  %w = tosa.cast_from_block_scaled %a, %one {block_size = BLOCK_SIZE_32} : (tensor<1x32x!tosa.mxint8>, tensor<1x1xf8E8M0FNU>) -> tensor<1x32xf32>
  return %w : tensor<1x32xf32>
}

{-#
  dialect_resources: {
    builtin: {
      mx: "0x0400000040C00102030405060708090A0B0C0D0E0F1011121314151617181920212223FF"
    }
  }
#-}

// -----

// A product with a constant is a layer. Its other operand is cast to blocks here,
// and stays in f32, rounded: largest magnitude, scale, numbers.

// CHECK-LABEL: func @product
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<2x3x64xf32>
// CHECK: %[[B:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1], [2, 3]] output_shape [2, 3, 2, 32]
// CHECK: %[[LARGEST:.*]] = linalg.generic {{.*}} "reduction"]} ins(%[[B]] : tensor<2x3x2x32xf32>)
// CHECK: math.absf
// CHECK: arith.maximumf
// CHECK: %[[SCALE:.*]] = linalg.generic {{.*}} ins(%[[LARGEST]] : tensor<2x3x2xf32>)
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[B]], %[[SCALE]] :
// CHECK: math.roundeven
// CHECK: %[[A:.*]] = tensor.collapse_shape %[[R]]
// CHECK-NOT: tosa.cast_to_block_scaled
// CHECK: %[[D:.*]] = lowbit.dequantize
// CHECK: linalg.generic {{.*}} ins(%[[A]], %{{.*}} : tensor<2x3x64xf32>, tensor<4x64xf32>)

// RAISED-LABEL: func @product
// RAISED: lowbit.linear %{{.*}}, %{{.*}} : tensor<2x3x64xf32>, !lowbit.tensor<4x64xf32, #{{.*}}> -> tensor<2x3x4xf32>
func.func @product(%x: tensor<2x3x64xf32>) -> tensor<2x3x4xf32> {
  %w = "tosa.const"() {values = dense<1.5> : tensor<1x4x64xf4E2M1FN>} : () -> tensor<1x4x64xf4E2M1FN>
  %ws = "tosa.const"() {values = dense<2.0> : tensor<1x4x2xf8E8M0FNU>} : () -> tensor<1x4x2xf8E8M0FNU>
  %a, %as = tosa.cast_to_block_scaled %x {block_size = BLOCK_SIZE_32} : (tensor<2x3x64xf32>) -> (tensor<2x3x64xf4E2M1FN>, tensor<2x3x2xf8E8M0FNU>)
  %y = tosa.matmul_t_block_scaled %a, %as, %w, %ws {block_size = BLOCK_SIZE_32}
      : (tensor<2x3x64xf4E2M1FN>, tensor<2x3x2xf8E8M0FNU>, tensor<1x4x64xf4E2M1FN>, tensor<1x4x2xf8E8M0FNU>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// One matrix for each batch, both given: arithmetic on small floats.

// CHECK-LABEL: func @batches
// CHECK: linalg.generic
// CHECK: arith.extf %{{.*}} : f8E4M3FN to f32
// CHECK: arith.extf %{{.*}} : f8E8M0FNU to f32
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<?x3x32xf32>, tensor<2x4x32xf32>)

// RAISED-LABEL: func @batches
func.func @batches(%a: tensor<?x3x32xf8E4M3FN>, %as: tensor<?x3x1xf8E8M0FNU>, %b: tensor<2x4x32xf8E4M3FN>, %bs: tensor<2x4x1xf8E8M0FNU>) -> tensor<2x3x4xf32> {
  %y = tosa.matmul_t_block_scaled %a, %as, %b, %bs {block_size = BLOCK_SIZE_32}
      : (tensor<?x3x32xf8E4M3FN>, tensor<?x3x1xf8E8M0FNU>, tensor<2x4x32xf8E4M3FN>, tensor<2x4x1xf8E8M0FNU>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// A cast whose results leave the function.

// CHECK-LABEL: func @cast
// CHECK: arith.truncf %{{.*}} : f32 to f6E3M2FN
// CHECK: arith.truncf %{{.*}} : f32 to f8E8M0FNU
// CHECK-NOT: tosa

// RAISED-LABEL: func @cast
func.func @cast(%x: tensor<?x32xf32>) -> (tensor<?x32xf6E3M2FN>, tensor<?x1xf8E8M0FNU>) {
  %a, %as = tosa.cast_to_block_scaled %x {block_size = BLOCK_SIZE_32} : (tensor<?x32xf32>) -> (tensor<?x32xf6E3M2FN>, tensor<?x1xf8E8M0FNU>)
  return %a, %as : tensor<?x32xf6E3M2FN>, tensor<?x1xf8E8M0FNU>
}
