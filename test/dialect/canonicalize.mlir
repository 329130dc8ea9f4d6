// RUN: quant-opt --canonicalize --cse %s | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#one = #lowbit.planes<rows = 16, padding = 32>
#two = #lowbit.planes<rows = 32, padding = 32>
!w = !lowbit.tensor<8x64xf32, #int4>
!w1 = !lowbit.tensor<8x64xf32, #int4, #one>
!w2 = !lowbit.tensor<8x64xf32, #int4, #two>
!q = !lowbit.tensor<?x64xf32, #a8>

// CHECK-LABEL: func.func @pack_to_same_layout
// CHECK-NOT: lowbit.pack
func.func @pack_to_same_layout(%w: !w1) -> !w1 {
  %0 = lowbit.pack %w : !w1 -> !w1
  return %0 : !w1
}

// CHECK-LABEL: func.func @pack_there_and_back
// CHECK-SAME: (%[[W:.*]]: !lowbit
// CHECK-NEXT: return %[[W]]
func.func @pack_there_and_back(%w: !w) -> !w {
  %0 = lowbit.pack %w : !w -> !w1
  %1 = lowbit.pack %0 : !w1 -> !w
  return %1 : !w
}

// CHECK-LABEL: func.func @pack_twice
// CHECK-SAME: (%[[W:.*]]: !lowbit
// CHECK-NEXT: %[[P:.*]] = lowbit.pack %[[W]] : {{.*}} -> !lowbit.tensor<8x64xf32, {{.*}}, #planes32{{.*}}>
// CHECK-NEXT: return %[[P]]
func.func @pack_twice(%w: !w) -> !w2 {
  %0 = lowbit.pack %w : !w -> !w1
  %1 = lowbit.pack %0 : !w1 -> !w2
  return %1 : !w2
}

// CHECK-LABEL: func.func @zero_bias
// CHECK: lowbit.linear
// CHECK-NOT: bias
// CHECK: return
func.func @zero_bias(%x: tensor<?x64xf32>, %w: !w) -> tensor<?x8xf32> {
  %b = arith.constant dense<0.0> : tensor<8xf32>
  %0 = lowbit.linear %x, %w bias %b : tensor<?x64xf32>, !w -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @other_bias
// CHECK: lowbit.linear {{.*}} bias
func.func @other_bias(%x: tensor<?x64xf32>, %w: !w) -> tensor<?x8xf32> {
  %b = arith.constant dense<1.0> : tensor<8xf32>
  %0 = lowbit.linear %x, %w bias %b : tensor<?x64xf32>, !w -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Layers that read one activation share its quantization and its weight.
// CHECK-LABEL: func.func @shared_quantization
// CHECK-COUNT-1: lowbit.quantize
// CHECK-NOT: lowbit.quantize
func.func @shared_quantization(%x: tensor<?x64xf32>, %w: !w)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = lowbit.quantize %x : tensor<?x64xf32> -> !q
  %1 = lowbit.linear %0, %w : !q, !w -> tensor<?x8xf32>
  %2 = lowbit.quantize %x : tensor<?x64xf32> -> !q
  %3 = lowbit.linear %2, %w activation relu : !q, !w -> tensor<?x8xf32>
  return %1, %3 : tensor<?x8xf32>, tensor<?x8xf32>
}
