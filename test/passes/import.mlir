// RUN: quant-opt %s --lowbit-import --split-input-file --verify-diagnostics | FileCheck %s

// Nothing of quant and TOSA is left.

// CHECK-NOT: quant.
// CHECK-NOT: tosa.
// CHECK: lowbit.global @weight
// CHECK-LABEL: func @both
// CHECK-NOT: quant.
// CHECK-NOT: tosa.
func.func @both(%x: tensor<1x2x4xf32>) -> tensor<1x2x2xf32> {
  %c = arith.constant dense<[[[1, -2], [3, -4], [5, -6], [7, -8]]]> : tensor<1x4x2xi4>
  %q = quant.scast %c : tensor<1x4x2xi4> to tensor<1x4x2x!quant.uniform<i4:f32, 0.5>>
  %w = quant.dcast %q : tensor<1x4x2x!quant.uniform<i4:f32, 0.5>> to tensor<1x4x2xf32>
  %zero = "tosa.const"() {values = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %y = tosa.matmul %x, %w, %zero, %zero : (tensor<1x2x4xf32>, tensor<1x4x2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x2x2xf32>
  %r = tosa.sigmoid %y : (tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  return %r : tensor<1x2x2xf32>
}

// -----

// The example of the pass: what is left of quant is lowered by upstream; functions
// lose its types.

// CHECK-LABEL: func @argument
// CHECK-SAME: (%[[Q:.*]]: tensor<2x4xi8>) -> tensor<2x4xf32>
// CHECK: %[[N:.*]] = arith.sitofp %[[Q]] : tensor<2x4xi8> to tensor<2x4xf32>
// CHECK: arith.mulf %[[N]], %{{.*}} : tensor<2x4xf32>
// CHECK-NOT: quant.
func.func @argument(%q: tensor<2x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x4xf32> {
  // expected-remark @+1 {{dequantization stays as it is: its codes are argument #0 of @argument, not a constant}}
  %w = quant.dcast %q : tensor<2x4x!quant.uniform<i8:f32, 0.5>> to tensor<2x4xf32>
  return %w : tensor<2x4xf32>
}

// -----

// A module of linalg stays as it is, unused operations too.

// CHECK-LABEL: func @linalg
// CHECK-NEXT: arith.constant 0.000000e+00 : f32
// CHECK-NEXT: arith.addf
func.func @linalg(%x: tensor<2xf32>) -> tensor<2xf32> {
  %zero = arith.constant 0.0 : f32
  %y = arith.addf %x, %x : tensor<2xf32>
  return %y : tensor<2xf32>
}
