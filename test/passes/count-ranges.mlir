// RUN: quant-opt %s --lowbit-count-ranges --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-count-ranges --lowbit-count-ranges --split-input-file | FileCheck %s

// What a scale from calibration reaches is fixed; what data reach is not. The
// function yields for each such input its least and largest number, the mean of
// squares, how many numbers codes don't reach, and how many there are: by rows,
// and then over the rows. Doing it twice changes nothing.

#a8 = #lowbit.encoding<int<8>, group = 4, scale = f32>
#w = #lowbit.encoding<int<4>, group = 4, scale = f32>
lowbit.global @fc : !lowbit.tensor<2x4xf32, #w> {codes = dense<-120> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf32>}

// CHECK-LABEL: func.func @main
// CHECK-SAME: (tensor<?x2xf32>, tensor<1x5xf32> {lowbit.name = "activation_ranges", lowbit.ranges = [{high = 6.350000e+01 : f64, layers = ["fc"], low = -6.400000e+01 : f64}]})
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #w>
  %q = lowbit.quantize %x scale 0.5 : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #a8>
  %0 = lowbit.linear %q, %w : !lowbit.tensor<?x4xf32, #a8>, !lowbit.tensor<2x4xf32, #w> -> tensor<?x2xf32>
  // CHECK: %[[Y:.*]] = lowbit.linear
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
  // CHECK: arith.minimumf
  // CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]
  // CHECK: arith.minimumf
  // CHECK: arith.maximumf
  // CHECK: arith.mulf
  // CHECK: %[[LOW:.*]] = arith.constant -6.400000e+01 : f32
  // CHECK: arith.cmpf olt, %{{.*}}, %[[LOW]]
  // CHECK: %[[HIGH:.*]] = arith.constant 6.350000e+01 : f32
  // CHECK: arith.cmpf ogt, %{{.*}}, %[[HIGH]]
  // CHECK: %[[COUNTS:.*]] = tensor.from_elements
  // CHECK: return %[[Y]], %[[COUNTS]] : tensor<?x2xf32>, tensor<1x5xf32>
  return %0 : tensor<?x2xf32>
}

// -----

// Scales that are taken from the numbers themselves reach all of them: there is
// nothing to count.

#a8 = #lowbit.encoding<int<8>, group = 4, scale = f32>
// CHECK-LABEL: func.func @dynamic(%{{.*}}: tensor<?x4xf32>) -> !lowbit.tensor<?x4xf32, {{.*}}> {
func.func @dynamic(%x: tensor<?x4xf32>) -> !lowbit.tensor<?x4xf32, #a8> {
  %q = lowbit.quantize %x : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #a8>
  return %q : !lowbit.tensor<?x4xf32, #a8>
}

// -----

// FP8 reaches as far as its largest number.

#f8 = #lowbit.encoding<float<f8E4M3FN>, group = 4, scale = f32>
// CHECK-LABEL: func.func @float8
// CHECK-SAME: lowbit.ranges = [{high = 4.480000e+02 : f64, layers = [], low = -4.480000e+02 : f64}]
func.func @float8(%x: tensor<4xf16>) -> !lowbit.tensor<4xf16, #f8> {
  %q = lowbit.quantize %x scale 1.0 : tensor<4xf16> -> !lowbit.tensor<4xf16, #f8>
  return %q : !lowbit.tensor<4xf16, #f8>
}
