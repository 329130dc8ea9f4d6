// RUN: quant-opt %s --lowbit-return-observed --split-input-file --verify-diagnostics

// expected-error @+1 {{observers: requires a function @main, found none}}
module {
}

// -----

func.func @main(%x: tensor<2x4xf32>) {
  return
}
func.func @other(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{requires to be in the body of @main: what is observed in a region or another function cannot be returned}}
  lowbit.observe %x as "fc" layers ["fc"] with columns : tensor<2x4xf32>
  return
}
