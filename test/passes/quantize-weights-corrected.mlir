// RUN: quant-opt %s '--lowbit-quantize-weights=method=gptq-#lowbit.encoding<int<8>,scale=f32> scale-search=absmax layers=fc residual-share=0' | FileCheck %s
// RUN: quant-opt %s '--lowbit-quantize-weights=method=gptq-#lowbit.encoding<int<8>,scale=f32> scale-search=absmax layers=fc residual-share=0.5' | FileCheck %s --check-prefix=RESIDUAL
// RUN: quant-opt %s '--lowbit-quantize-weights=method=#lowbit.encoding<int<8>,scale=f32> scale-search=absmax layers=fc' | FileCheck %s --check-prefix=NEAREST

// What the layer reads has come out at half of what it is in the float model,
// y = x / 2: with E[y^T y] = 1 and E[x^T y] = 2, weights of 0.5 and 1 aim at
// twice that, 1 and 2, but for damping. (Codes are stored from 0 on.)

// CHECK: lowbit.global @fc : !lowbit.tensor<1x2xf32, #int8_f32> {codes = dense<[64, 0]> : tensor<2xi8>, scale = dense<-0.0155{{[0-9]*}}> : tensor<1x1xf32>}

// What the layer is added to has drifted, too, by 2 in the direction of the
// first column, of which a half makes the first weight 2.

// RESIDUAL: lowbit.global @fc : !lowbit.tensor<1x2xf32, #int8_f32> {codes = dense<0> : tensor<2xi8>, scale = dense<-0.0155{{[0-9]*}}> : tensor<1x1xf32>}

// Rounding to nearest keeps to the weights, and other layers are not touched.

// NEAREST: lowbit.global @fc : !lowbit.tensor<1x2xf32, #int8_f32> {codes = dense<[64, 0]> : tensor<2xi8>, scale = dense<-7.812500e-03> : tensor<1x1xf32>}
// NEAREST: lowbit.global @other : tensor<1x2xf32>
lowbit.global @fc : tensor<1x2xf32> {data = dense<[[0.5, 1.0]]> : tensor<1x2xf32>}
lowbit.global @other : tensor<1x2xf32> {data = dense<[[0.5, 1.0]]> : tensor<1x2xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {
  second_moment = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>,
  cross_moment = dense<[[2.0, 0.0], [0.0, 2.0]]> : tensor<2x2xf32>}
lowbit.statistics "fc.residual" layers ["fc"] count 8 {
  residual_moment = dense<[[2.0, 0.0]]> : tensor<1x2xf32>}
func.func @main(%x: tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>) {
  %w = lowbit.weight @fc : tensor<1x2xf32>
  %0 = lowbit.linear %x, %w : tensor<?x2xf32>, tensor<1x2xf32> -> tensor<?x1xf32>
  %v = lowbit.weight @other : tensor<1x2xf32>
  %1 = lowbit.linear %x, %v : tensor<?x2xf32>, tensor<1x2xf32> -> tensor<?x1xf32>
  return %0, %1 : tensor<?x1xf32>, tensor<?x1xf32>
}
