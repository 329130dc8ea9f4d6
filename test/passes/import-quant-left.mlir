// RUN: quant-opt %s --lowbit-import-quant --split-input-file --verify-diagnostics

// Each quant.dcast that stays is named, with the reason.

func.func @argument(%c: tensor<2x4xi4>) -> tensor<2x4xf32> {
  %q = quant.scast %c : tensor<2x4xi4> to tensor<2x4x!quant.uniform<i4:f32, 0.5>>
  // expected-remark @+1 {{dequantization stays as it is: its codes are argument #0 of @argument, not a constant}}
  %w = quant.dcast %q : tensor<2x4x!quant.uniform<i4:f32, 0.5>> to tensor<2x4xf32>
  return %w : tensor<2x4xf32>
}

// -----

func.func @wide() -> tensor<2xf32> {
  %c = arith.constant dense<[1000, 2000]> : tensor<2xi32>
  %q = quant.scast %c : tensor<2xi32> to tensor<2x!quant.uniform<i32:f32, 0.5>>
  // expected-remark @+1 {{storage of at most 8 bits is required, found 32}}
  %w = quant.dcast %q : tensor<2x!quant.uniform<i32:f32, 0.5>> to tensor<2xf32>
  return %w : tensor<2xf32>
}

// -----

func.func @range() -> tensor<2xf32> {
  %c = arith.constant dense<[1, 100]> : tensor<2xi8>
  %q = quant.scast %c : tensor<2xi8> to tensor<2x!quant.uniform<i8<-8:7>:f32, 0.5>>
  // expected-remark @+1 {{codes of -8 to 7 are required, found 100}}
  %w = quant.dcast %q : tensor<2x!quant.uniform<i8<-8:7>:f32, 0.5>> to tensor<2xf32>
  return %w : tensor<2xf32>
}

// -----

func.func @scalar(%c: i8) -> f32 {
  %q = quant.scast %c : i8 to !quant.uniform<i8:f32, 0.5>
  // expected-remark @+1 {{a ranked tensor is required}}
  %w = quant.dcast %q : !quant.uniform<i8:f32, 0.5> to f32
  return %w : f32
}

// -----

// Blocks of an activation have no arithmetic here.
func.func @blocks(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %q = quant.qcast %x : tensor<2x4xf32> to tensor<2x4x!quant.uniform<i8:f32:{0:1, 1:2}, {{1.0, 2.0}, {3.0, 4.0}}>>
  // expected-remark @+1 {{its codes are argument #0 of @blocks, not a constant}}
  %y = quant.dcast %q : tensor<2x4x!quant.uniform<i8:f32:{0:1, 1:2}, {{1.0, 2.0}, {3.0, 4.0}}>> to tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

func.func @no_dimensions() -> tensor<f32> {
  %c = arith.constant dense<3> : tensor<i8>
  %q = quant.scast %c : tensor<i8> to tensor<!quant.uniform<i8:f32, 0.5>>
  // expected-remark @+1 {{a tensor is required, found a scalar}}
  %w = quant.dcast %q : tensor<!quant.uniform<i8:f32, 0.5>> to tensor<f32>
  return %w : tensor<f32>
}

// -----

func.func @any() -> tensor<2xf32> {
  %c = arith.constant dense<[1, 2]> : tensor<2xi8>
  %q = quant.scast %c : tensor<2xi8> to tensor<2x!quant.any<i8:f32>>
  // expected-remark @+1 {{a quant.uniform type is required}}
  %w = quant.dcast %q : tensor<2x!quant.any<i8:f32>> to tensor<2xf32>
  return %w : tensor<2xf32>
}
