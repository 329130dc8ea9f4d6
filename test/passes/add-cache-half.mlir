// RUN: quant-opt %s --lowbit-add-cache="max-length=16 format=f16" | FileCheck %s --check-prefixes=CHECK,HALF
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 format=int8" | FileCheck %s
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 format=int4" | FileCheck %s
// RUN: quant-opt %s --lowbit-add-cache="max-length=16 format=f32" | FileCheck %s --check-prefixes=CHECK,SINGLE

// A decoder in bf16: logits are f32 for whoever picks a token, and what a cache
// keeps is read from the model's numbers by way of f32.

// CHECK-LABEL: func.func @prefill
// CHECK-SAME:    -> (tensor<1x?x8xf32>
// HALF:          %[[WIDE:.*]] = arith.extf %{{.*}} : bf16 to f32
// HALF-NEXT:     arith.truncf %[[WIDE]] : f32 to f16
// SINGLE:        arith.extf %{{.*}} : bf16 to f32
// CHECK:         lowbit.attention %{{.*}} : tensor<1x1x?x8xbf16>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xbf16>
// CHECK:         arith.extf %{{.*}} : bf16 to f32
// CHECK-NEXT:    linalg.yield
// CHECK-NEXT:    } -> tensor<1x?x8xf32>
// CHECK-LABEL: func.func @decode
// CHECK-SAME:    -> (tensor<1x1x8xf32>
module {
  lowbit.global @words : tensor<32x8xbf16> {data = dense<0.5> : tensor<32x8xbf16>}
  func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "ids"}) -> (tensor<1x?x8xbf16> {lowbit.name = "y"}) {
    %c1 = arith.constant 1 : index
    %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
    %words = lowbit.weight @words : tensor<32x8xbf16>
    %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xbf16> -> tensor<1x?x8xbf16>
    %q = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [1, 1, %seq, 8] : tensor<1x?x8xbf16> into tensor<1x1x?x8xbf16>
    %y = lowbit.attention %q, %q, %q scale 1.0 causal : tensor<1x1x?x8xbf16>, tensor<1x1x?x8xbf16>, tensor<1x1x?x8xbf16> -> tensor<1x1x?x8xbf16>
    %r = tensor.collapse_shape %y [[0, 1], [2], [3]] : tensor<1x1x?x8xbf16> into tensor<1x?x8xbf16>
    return %r : tensor<1x?x8xbf16>
  }
}
