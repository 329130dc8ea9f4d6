// RUN: quant-opt %s '--lowbit-assign-precision=rules={"default":"int4-g32","layers":{"*.down":"int8","h.1.up":"int5"},"attention":"int6","head":"none","first":"int3"}' | FileCheck %s --check-prefix=RULES
// RUN: quant-opt %s '--lowbit-assign-precision=rules={"default":"int4-g32","blocks":{"1-1":"int2"}}' | FileCheck %s --check-prefix=BLOCKS
// RUN: quant-opt %s '--lowbit-assign-precision=strategy=entropy budget=bpw=9 candidates=int4,int8' | FileCheck %s --check-prefix=BUDGET
// RUN: quant-opt %s '--lowbit-assign-precision=strategy=uniform budget=bpw=8 candidates=int3,int8,int4' | FileCheck %s --check-prefix=UNIFORM
// RUN: quant-opt %s '--lowbit-assign-precision=rules={"default":"int4-g32"}' --lowbit-quantize-weights=method=none | FileCheck %s --check-prefix=QUANTIZED
// RUN: echo '{"embedding": "int8", "layers": {"h.0.up": "int2-g16"}}' > %t.json
// RUN: quant-opt %s '--lowbit-assign-precision=config=%t.json' | FileCheck %s --check-prefix=CONFIG

// The most specific rule wins: a name, a glob, a block, first and last, a
// component, the default. Tables and the head have to be named.

// RULES: lowbit.embedding %{{.*}} : tensor<4xi64>
// RULES: lowbit.linear %{{.*}} {lowbit.encoding = #int3_f16}
// RULES: lowbit.linear %{{.*}} {lowbit.encoding = #int3_f16}
// RULES: lowbit.linear %{{.*}} {lowbit.encoding = #int8_f16}
// RULES: lowbit.linear %{{.*}} {lowbit.encoding = #int5_f16}
// RULES: lowbit.linear %{{.*}} {lowbit.encoding = #int8_f16}
// RULES: lowbit.linear %{{.*}} {lowbit.keep_float}

// BLOCKS-COUNT-3: lowbit.linear %{{.*}} {lowbit.encoding = #int4_g32_f16}
// BLOCKS-COUNT-2: lowbit.linear %{{.*}} {lowbit.encoding = #int2_f16}
// BLOCKS: lowbit.linear %{{.*}} : tensor<1x4x8xf32>, tensor<10x8xf32>

// Weights of few different numbers need fewer bits: those of block 1 are zeros
// alone.

// BUDGET: lowbit.linear %{{.*}} {lowbit.encoding = #int8_f16}
// BUDGET: lowbit.linear %{{.*}} {lowbit.encoding = #int8_f16}
// BUDGET: lowbit.linear %{{.*}} {lowbit.encoding = #int8_f16}
// BUDGET-COUNT-2: lowbit.linear %{{.*}} {lowbit.encoding = #int4_f16}
// BUDGET: lowbit.linear %{{.*}} : tensor<1x4x8xf32>, tensor<10x8xf32>

// One candidate for all layers, the largest that fits.

// UNIFORM-COUNT-5: lowbit.linear %{{.*}} {lowbit.encoding = #int4_f16}
// UNIFORM: lowbit.linear %{{.*}} : tensor<1x4x8xf32>, tensor<10x8xf32>

// QUANTIZED: lowbit.global @h.0.q : !lowbit.tensor<8x8xf32, #int4_g32_f16>
// QUANTIZED: lowbit.global @head : tensor<10x8xf32>
// QUANTIZED-NOT: lowbit.encoding =

// CONFIG: lowbit.embedding %{{.*}} {lowbit.encoding = #int8_f16}
// CONFIG: lowbit.linear %{{.*}} : tensor<4x8xf32>, tensor<8x8xf32>
// CONFIG: lowbit.linear %{{.*}} {lowbit.encoding = #int2_g16_f16}

lowbit.global @embed : tensor<10x8xf32> {data = dense<1.0> : tensor<10x8xf32>}
lowbit.global @h.0.q : tensor<8x8xf32> {data = dense<[[-1.5, -0.25, 1.0, -1.0, 0.25, 1.5, -0.5, 0.75], [0.25, 1.5, -0.5, 0.75, -1.25, 0.0, 1.25, -0.75], [-1.25, 0.0, 1.25, -0.75, 0.5, -1.5, -0.25, 1.0], [0.5, -1.5, -0.25, 1.0, -1.0, 0.25, 1.5, -0.5], [-1.0, 0.25, 1.5, -0.5, 0.75, -1.25, 0.0, 1.25], [0.75, -1.25, 0.0, 1.25, -0.75, 0.5, -1.5, -0.25], [-0.75, 0.5, -1.5, -0.25, 1.0, -1.0, 0.25, 1.5], [1.0, -1.0, 0.25, 1.5, -0.5, 0.75, -1.25, 0.0]]> : tensor<8x8xf32>}
lowbit.global @h.0.up : tensor<8x8xf32> {data = dense<[[-1.5, -0.25, 1.0, -1.0, 0.25, 1.5, -0.5, 0.75], [0.25, 1.5, -0.5, 0.75, -1.25, 0.0, 1.25, -0.75], [-1.25, 0.0, 1.25, -0.75, 0.5, -1.5, -0.25, 1.0], [0.5, -1.5, -0.25, 1.0, -1.0, 0.25, 1.5, -0.5], [-1.0, 0.25, 1.5, -0.5, 0.75, -1.25, 0.0, 1.25], [0.75, -1.25, 0.0, 1.25, -0.75, 0.5, -1.5, -0.25], [-0.75, 0.5, -1.5, -0.25, 1.0, -1.0, 0.25, 1.5], [1.0, -1.0, 0.25, 1.5, -0.5, 0.75, -1.25, 0.0]]> : tensor<8x8xf32>}
lowbit.global @h.0.down : tensor<8x8xf32> {data = dense<[[-1.5, -0.25, 1.0, -1.0, 0.25, 1.5, -0.5, 0.75], [0.25, 1.5, -0.5, 0.75, -1.25, 0.0, 1.25, -0.75], [-1.25, 0.0, 1.25, -0.75, 0.5, -1.5, -0.25, 1.0], [0.5, -1.5, -0.25, 1.0, -1.0, 0.25, 1.5, -0.5], [-1.0, 0.25, 1.5, -0.5, 0.75, -1.25, 0.0, 1.25], [0.75, -1.25, 0.0, 1.25, -0.75, 0.5, -1.5, -0.25], [-0.75, 0.5, -1.5, -0.25, 1.0, -1.0, 0.25, 1.5], [1.0, -1.0, 0.25, 1.5, -0.5, 0.75, -1.25, 0.0]]> : tensor<8x8xf32>}
lowbit.global @h.1.up : tensor<8x8xf32> {data = dense<0.0> : tensor<8x8xf32>}
lowbit.global @h.1.down : tensor<8x8xf32> {data = dense<0.0> : tensor<8x8xf32>}
lowbit.global @head : tensor<10x8xf32> {data = dense<1.0> : tensor<10x8xf32>}

func.func @main(%ids: tensor<4xi64>, %k: tensor<1x4x8xf32>) -> tensor<1x4x10xf32> {
  %we = lowbit.weight @embed : tensor<10x8xf32>
  %0 = lowbit.embedding %ids, %we : tensor<4xi64>, tensor<10x8xf32> -> tensor<4x8xf32>
  %wq = lowbit.weight @h.0.q : tensor<8x8xf32>
  %1 = lowbit.linear %0, %wq : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
  %q = tensor.expand_shape %1 [[0, 1], [2]] output_shape [1, 4, 8] : tensor<4x8xf32> into tensor<1x4x8xf32>
  %a = lowbit.attention %q, %k, %k scale 1.0 : tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<1x4x8xf32> -> tensor<1x4x8xf32>
  %b = linalg.add ins(%a, %k : tensor<1x4x8xf32>, tensor<1x4x8xf32>) outs(%q : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %w0 = lowbit.weight @h.0.up : tensor<8x8xf32>
  %y0 = lowbit.linear %b, %w0 : tensor<1x4x8xf32>, tensor<8x8xf32> -> tensor<1x4x8xf32>
  %w1 = lowbit.weight @h.0.down : tensor<8x8xf32>
  %y1 = lowbit.linear %y0, %w1 : tensor<1x4x8xf32>, tensor<8x8xf32> -> tensor<1x4x8xf32>
  %w2 = lowbit.weight @h.1.up : tensor<8x8xf32>
  %y2 = lowbit.linear %y1, %w2 : tensor<1x4x8xf32>, tensor<8x8xf32> -> tensor<1x4x8xf32>
  %w3 = lowbit.weight @h.1.down : tensor<8x8xf32>
  %y3 = lowbit.linear %y2, %w3 : tensor<1x4x8xf32>, tensor<8x8xf32> -> tensor<1x4x8xf32>
  %wh = lowbit.weight @head : tensor<10x8xf32>
  %h = lowbit.linear %y3, %wh : tensor<1x4x8xf32>, tensor<10x8xf32> -> tensor<1x4x10xf32>
  return %h : tensor<1x4x10xf32>
}
