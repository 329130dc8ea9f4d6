// RUN: quant-opt %s '--lowbit-set-scale-factors=factors=*=2,mlp.*=0.5' | FileCheck %s
// RUN: quant-opt %s '--lowbit-set-scale-factors=factors=mlp.*=0.5' '--lowbit-quantize-weights=method=#lowbit.encoding<int<4>,scale=f32> scale-search=absmax' | FileCheck %s --check-prefix=QUANTIZED
// RUN: not quant-opt %s '--lowbit-set-scale-factors=factors=mlp.up=-1' 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not quant-opt %s '--lowbit-set-scale-factors=factors=nlp.*=1.5' 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %s '--lowbit-set-scale-factors=factors=*=1.5' '--lowbit-quantize-weights=method=gptq-int4' 2>&1 | FileCheck %s --check-prefix=FEEDBACK

// RUN: not quant-opt %s '--lowbit-set-scale-factors=factors=*=1.5' '--lowbit-quantize-weights=method=int4-g4-dq' 2>&1 | FileCheck %s --check-prefix=STORED
// RUN: not quant-opt %s '--lowbit-set-scale-factors=factors=*=1.5' '--lowbit-quantize-weights=method=kmeans2' 2>&1 | FileCheck %s --check-prefix=TABLE

// NUMBER: error: scale factors: requires GLOB=F with a positive number F, found 'mlp.up=-1'
// NAME: error: scale factors: no layer matches 'nlp.*'; the nearest are 'mlp.up' or 'attn.q'
// FEEDBACK: error: {{.*}}a factor of its scales requires rounding to nearest, found rounding with feedback
// STORED: error: {{.*}}a factor of its scales requires plain scales, found quantized ones
// TABLE: error: {{.*}}parameters beside a matrix' own table are found with it, found a request for them alone

// The last glob that matches a layer decides.

// CHECK: lowbit.linear {{.*}} {lowbit.scale_factor = 2.000000e+00 : f32}
// CHECK: lowbit.linear {{.*}} {lowbit.scale_factor = 5.000000e-01 : f32}

// The largest number, -8, has the smallest code, -8, so that the scale is 1; half
// of it clips half the range.

// QUANTIZED: lowbit.global @attn.q {{.*}} scale = dense<1.000000e+00>
// QUANTIZED: lowbit.global @mlp.up {{.*}} scale = dense<5.000000e-01>
// QUANTIZED-NOT: lowbit.scale_factor
lowbit.global @attn.q : tensor<1x4xf32> {data = dense<[[1.0, 2.0, 3.0, -8.0]]> : tensor<1x4xf32>}
lowbit.global @mlp.up : tensor<1x4xf32> {data = dense<[[1.0, 2.0, 3.0, -8.0]]> : tensor<1x4xf32>}
lowbit.statistics "in" layers ["attn.q", "mlp.up"] count 8 {second_moment = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>) {
  %q = lowbit.weight @attn.q : tensor<1x4xf32>
  %u = lowbit.weight @mlp.up : tensor<1x4xf32>
  %0 = lowbit.linear %x, %q : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  %1 = lowbit.linear %x, %u : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0, %1 : tensor<?x1xf32>, tensor<?x1xf32>
}
