// RUN: quant-opt %s --split-input-file --verify-diagnostics --lowbit-verify-no-float-weights=max-elements=1

// A weight that is float by request is let through.

lowbit.global @kept : tensor<4x2xf32> {data = dense<1.0> : tensor<4x2xf32>} {lowbit.keep_float}

func.func @kept_float(%ids: tensor<?xi64>) -> tensor<?x2xf32> {
  %w = lowbit.weight @kept : tensor<4x2xf32>
  %0 = lowbit.embedding %ids, %w : tensor<?xi64>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

// expected-note @+1 {{the weight is here}}
lowbit.global @forgotten : tensor<4x2xf32> {data = dense<1.0> : tensor<4x2xf32>}

func.func @forgotten_float(%ids: tensor<?xi64>) -> tensor<?x2xf32> {
  %w = lowbit.weight @forgotten : tensor<4x2xf32>
  // expected-error @+1 {{requires a quantized weight, found @forgotten}}
  %0 = lowbit.embedding %ids, %w : tensor<?xi64>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}
