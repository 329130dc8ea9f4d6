// RUN: not quant-opt %s '--lowbit-quantize-weights=method=gptq-int4 damping=0' 2>&1 | FileCheck %s
// RUN: not quant-opt %s '--lowbit-quantize-weights=method=gptq-int4 residual-share=-1' 2>&1 | FileCheck %s --check-prefix=SHARE

// CHECK: error: quantizing requires a positive damping and a residual share of at least 0, found 0.000000e+00 and 5.000000e-01
// SHARE: error: quantizing requires a positive damping and a residual share of at least 0, found 1.000000e-02 and -1.000000e+00
module {}
