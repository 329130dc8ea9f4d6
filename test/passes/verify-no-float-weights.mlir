// RUN: quant-opt %s --lowbit-verify-no-float-weights=max-elements=0 --split-input-file --verify-diagnostics

// A layer whose weight is quantized is fine; a float weight is an error that
// says how to allow it, with a note at its data.

#int4 = #lowbit.encoding<int<4>, channel, scale = f32>
lowbit.global @fc1 : !lowbit.tensor<2x4xf32, #int4> {
  codes = dense<[16, 50, 84, 118]> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf32>}
// expected-note @below {{the weight is here}}
lowbit.global @fc2 : tensor<2x2xf32> {data = dense<0.5> : tensor<2x2xf32>}

func.func @layers(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %0 = lowbit.weight @fc1 : !lowbit.tensor<2x4xf32, #int4>
  %1 = lowbit.linear %x, %0 : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
  %2 = lowbit.weight @fc2 : tensor<2x2xf32>
  // expected-error @below {{'lowbit.linear' op requires a quantized weight, found @fc2 of type 'tensor<2x2xf32>'; quantize it, or allow it with 'lowbit-verify-no-float-weights=allow=fc2'}}
  %3 = lowbit.linear %1, %2 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// -----

// Nor does a transpose hide it.

// expected-note @below {{the weight is here}}
lowbit.global @stored_by_columns : tensor<4x2xf16> {data = dense<0.5> : tensor<4x2xf16>}

func.func @transposed(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @stored_by_columns : tensor<4x2xf16>
  %e = tensor.empty() : tensor<2x4xf16>
  %t = linalg.transpose ins(%w : tensor<4x2xf16>) outs(%e : tensor<2x4xf16>) permutation = [1, 0]
  // expected-error @below {{requires a quantized weight, found @stored_by_columns of type 'tensor<2x4xf16>'}}
  %0 = lowbit.linear %x, %t : tensor<?x4xf32>, tensor<2x4xf16> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

// A constant has no name to allow it by.

func.func @nameless(%ids: tensor<?xi64>) -> tensor<?x2xf32> {
  // expected-note @below {{the weight is here}}
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  // expected-error @below {{'lowbit.embedding' op requires a quantized weight, found a constant of type 'tensor<2x2xf32>'; make it a lowbit.global and quantize it}}
  %0 = lowbit.embedding %ids, %w : tensor<?xi64>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

// A product of two activations has no weight.

func.func @activations(%x: tensor<?x4xf32>, %y: tensor<2x4xf32>) -> tensor<?x2xf32> {
  %0 = lowbit.linear %x, %y : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

// A product that is no layer has a weight all the same.

// expected-note @below {{the weight is here}}
lowbit.global @experts : tensor<3x4x8xf32> {data = dense<0.5> : tensor<3x4x8xf32>}

func.func @product(%x: tensor<3x?x4xf32>, %y: tensor<3x?x8xf32>) -> tensor<3x?x8xf32> {
  %w = lowbit.weight @experts : tensor<3x4x8xf32>
  // expected-error @below {{'linalg.batch_matmul' op requires a quantized weight, found @experts of type 'tensor<3x4x8xf32>'; quantize it, or allow it with 'lowbit-verify-no-float-weights=allow=experts'}}
  %0 = linalg.batch_matmul ins(%x, %w : tensor<3x?x4xf32>, tensor<3x4x8xf32>)
                           outs(%y : tensor<3x?x8xf32>) -> tensor<3x?x8xf32>
  return %0 : tensor<3x?x8xf32>
}
