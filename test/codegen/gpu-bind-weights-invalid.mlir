// Quantized weights are lowered before their data are bound.

// RUN: quant-opt %s -verify-diagnostics -lowbit-gpu-bind-weights

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
lowbit.global @w : !lowbit.tensor<4x64xf32, #int4> {codes = dense<17> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}
func.func @main() -> !lowbit.tensor<4x64xf32, #int4> {
  // expected-error @+1 {{GPU code requires weights that are plain static tensors of the module, found '!lowbit.tensor<4x64xf32, #lowbit.encoding<int<4>, group = 32, scale = f16>>': lower quantized ops first}}
  %0 = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4>
  return %0 : !lowbit.tensor<4x64xf32, #int4>
}
