// RUN: quant-opt %s --lowbit-count-ranges --verify-diagnostics | FileCheck %s

// What is quantized in a loop can't leave the function.

// CHECK-LABEL: func.func @main
// CHECK-NOT: activation_ranges
#a8 = #lowbit.encoding<int<8>, group = 4, scale = f32>
func.func @main(%x: tensor<2x4xf32>, %c: i1) -> tensor<2x4xf32> {
  %0 = scf.if %c -> tensor<2x4xf32> {
    // expected-remark @+1 {{ranges: an input that is quantized in a region is not counted}}
    %q = lowbit.quantize %x scale 0.5 : tensor<2x4xf32> -> !lowbit.tensor<2x4xf32, #a8>
    %d = lowbit.dequantize %q : !lowbit.tensor<2x4xf32, #a8> -> tensor<2x4xf32>
    scf.yield %d : tensor<2x4xf32>
  } else {
    scf.yield %x : tensor<2x4xf32>
  }
  return %0 : tensor<2x4xf32>
}
