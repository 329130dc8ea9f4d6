// Each run is one wrong use.

// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"default"}' 2>&1 | FileCheck %s --check-prefix=JSON
// JSON: error: precision rules: {{.*}}
// RUN: not quant-opt %s '--lowbit-assign-precision=rules=[]' 2>&1 | FileCheck %s --check-prefix=OBJECT
// OBJECT: error: precision rules: requires an object
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"defalt":"int4"}' 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: error: precision rules: unknown key 'defalt'; the nearest are 'default', {{.*}}
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"default":4}' 2>&1 | FileCheck %s --check-prefix=METHOD
// METHOD: error: precision rules: 'default' requires the name of a method
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"default":"int9"}' 2>&1 | FileCheck %s --check-prefix=WIDTH
// WIDTH: error: precision rules: 'default': quantization method 'int9': requires
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"default":"int8-a8"}' 2>&1 | FileCheck %s --check-prefix=ALONE
// ALONE: error: precision rules: 'default' requires the encoding of a weight alone: rounding and activations are the same for all layers; found 'int8-a8'
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"layers":"int4"}' 2>&1 | FileCheck %s --check-prefix=LAYERS
// LAYERS: error: precision rules: 'layers' requires an object of methods
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"layers":{"[":"int4"}}' 2>&1 | FileCheck %s --check-prefix=GLOB
// GLOB: error: precision rules: '[' is no glob: {{.+}}
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"layers":{"h.0.upp":"int4"}}' 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: precision rules: no layer matches 'h.0.upp'; the nearest are 'h.0.up' or 'h.1.up'
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"blocks":{"first":"int4"}}' 2>&1 | FileCheck %s --check-prefix=BLOCKS
// BLOCKS: error: precision rules: 'blocks' requires numbers and ranges such as "0-2", found 'first'
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"blocks":{"7":"int4"}}' 2>&1 | FileCheck %s --check-prefix=BLOCK
// BLOCK: error: precision rules: 'blocks' requires numbers from 0 to 1, the blocks that the model has, found '7'
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"blocks":{"1-2":"int4"}}' 2>&1 | FileCheck %s --check-prefix=BEYOND
// BEYOND: error: precision rules: 'blocks' requires numbers from 0 to 1, the blocks that the model has, found '1-2'
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"blocks":{"0":"int4","\u0030":"int8"}}' 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: precision rules: line 1, column {{[0-9]+}}: key '\u0030' occurs twice in one object
// RUN: not quant-opt %s '--lowbit-assign-precision=rules={"default":"int4"} config=none.json' 2>&1 | FileCheck %s --check-prefix=BOTH
// BOTH: error: precision: requires rules or config, found both
// RUN: not quant-opt %s '--lowbit-assign-precision=config=none.json' 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: error: precision: none.json: No such file or directory
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bpw=3 strategy=luck' 2>&1 | FileCheck %s --check-prefix=STRATEGY
// STRATEGY: error: precision: requires the strategy uniform, entropy, hessian or gradient, found 'luck'
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bpw=8 strategy=gradient' 2>&1 | FileCheck %s --check-prefix=GRADIENT
// GRADIENT: error: 'lowbit.linear' op weight 'h.0.up': the strategy gradient requires the mean squares of {{[0-9]+}} columns, found 0; calibrate with gradients
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=3 strategy=entropy' 2>&1 | FileCheck %s --check-prefix=BUDGET
// BUDGET: error: precision: requires a budget of bpw=N bits, bytes=N, reduction=N% or latency=N ms, floors accuracy=SHARE and kl=NATS, or both, each once; found '3'
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bpw=3,bytes=9 strategy=entropy' 2>&1 | FileCheck %s --check-prefix=TWO
// TWO: error: precision: requires one of bpw, bytes, reduction and latency, found 'bpw=3,bytes=9'
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bpw=3,kl=0.1 strategy=entropy' 2>&1 | FileCheck %s --check-prefix=FLOOR
// FLOOR: error: precision: 'bpw=3,kl=0.1' requires running or timing the model, which quant-opt --budget does; a pass takes bpw=N, bytes=N or reduction=N%
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bpw=3 strategy=uniform candidates=int4,int8' 2>&1 | FileCheck %s --check-prefix=UNIFORM
// UNIFORM: error: precision: the budget must be at least
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bytes=3 strategy=entropy' 2>&1 | FileCheck %s --check-prefix=SMALL
// SMALL: error: precision: the budget must be at least 40, which the cheapest options take, found 3
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bpw=3 candidates=none' 2>&1 | FileCheck %s --check-prefix=CANDIDATE
// CANDIDATE: error: precision: a candidate requires the encoding of a weight alone, found 'none'
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bpw=3 candidates=int99' 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: error: precision: quantization method 'int99': requires
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=reduction=70%%' 2>&1 | FileCheck %s --check-prefix=DATA
// DATA: error: 'lowbit.linear' op weight 'h.0.up': the strategy hessian requires the mean squares of its 4 columns, found 0; calibrate, or use the strategy entropy

lowbit.global @h.0.up : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @h.1.up : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = lowbit.weight @h.0.up : tensor<4x4xf32>
  %1 = lowbit.linear %x, %0 : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %2 = lowbit.weight @h.1.up : tensor<4x4xf32>
  %3 = lowbit.linear %1, %2 : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %3 : tensor<?x4xf32>
}
