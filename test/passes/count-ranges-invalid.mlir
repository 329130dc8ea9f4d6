// RUN: quant-opt %s --lowbit-count-ranges --verify-diagnostics

// What callers know the counts by is a name that no other output has.

#a8 = #lowbit.encoding<int<8>, group = 4, scale = f32>
#w = #lowbit.encoding<int<4>, group = 4, scale = f32>
lowbit.global @fc : !lowbit.tensor<2x4xf32, #w> {codes = dense<-120> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf32>}

// expected-error @+1 {{counting ranges requires the name 'activation_ranges' for an output of its own, found it for output 1; rename that in the model}}
func.func @main(%x: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x4xf32> {lowbit.name = "activation_ranges"}) {
  %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #w>
  %q = lowbit.quantize %x scale 0.5 : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #a8>
  %0 = lowbit.linear %q, %w : !lowbit.tensor<?x4xf32, #a8>, !lowbit.tensor<2x4xf32, #w> -> tensor<?x2xf32>
  return %0, %x : tensor<?x2xf32>, tensor<?x4xf32>
}
