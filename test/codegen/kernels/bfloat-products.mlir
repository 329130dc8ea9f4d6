// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels=tile-rows=6 | FileCheck %s
// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels=float-activations | FileCheck %s --check-prefix=FLOATS
// RUN: sed s/avx512_bf16/avx512_vbmi/ %s | quant-opt --lowbit-lower-to-cpu-kernels | FileCheck %s --check-prefix=BYTES

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
#id = affine_map<(d0, d1) -> (d0, d1)>

module attributes {lowbit.target = #lowbit.cpu<avx512_bf16>} {
  lowbit.global @q : !lowbit.tensor<32x64xbf16, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}
  lowbit.global @f : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<2> : tensor<1152xi8>}

  // The panel reads the numbers as they were before they were rounded, and
  // rounds them itself. It and its tasks go by how many rows there are: a task
  // of many has 64 rows of weights.

  // CHECK-LABEL: func.func @rounded(
  // CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]]
  // CHECK: lowbit.call_kernel @lowbit_panel_a16_bf16x32_rounded {{.*}} ins(%[[FLAT]], %{{.*}}, %{{.*}} : tensor<?xf32>, index, index)
  // CHECK: arith.cmpi uge, %{{.*}}, %c24
  // CHECK: arith.ceildivui %{{.*}}, %c2
  // CHECK: lowbit.call_kernel @lowbit_linear_int_4_group_32_scale_f16_planes_rows_32_padding_4_a16_bf16x32

  // FLOATS: lowbit.call_kernel @lowbit_panel_f32x32_rounded
  // FLOATS-NOT: x86vector
  // BYTES: lowbit.call_kernel @lowbit_panel_a16x32_rounded
  // BYTES-NOT: x86vector
  func.func @rounded(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %x, %c0 : tensor<?x64xf32>
    %e = tensor.empty(%m) : tensor<?x64xbf16>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %3 = arith.truncf %in : f32 to bf16
      linalg.yield %3 : bf16
    } -> tensor<?x64xbf16>
    %q = lowbit.weight @q : !lowbit.tensor<32x64xbf16, #int4, #planes>
    %1 = lowbit.quantize %0 : tensor<?x64xbf16> -> !lowbit.tensor<?x64xbf16, #a16>
    %2 = lowbit.linear %1, %q : !lowbit.tensor<?x64xbf16, #a16>, !lowbit.tensor<32x64xbf16, #int4, #planes> -> tensor<?x32xf32>
    return %2 : tensor<?x32xf32>
  }

  // Rows may be counted otherwise in between.

  // CHECK-LABEL: func.func @reshaped(
  // CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]]
  // CHECK: lowbit.call_kernel @lowbit_panel_a16_bf16x32_rounded {{.*}} ins(%[[FLAT]], %{{.*}}, %{{.*}} : tensor<?xf32>, index, index)
  func.func @reshaped(%x: tensor<?x64xf32>) -> tensor<1x?x32xf32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %x, %c0 : tensor<?x64xf32>
    %e = tensor.empty(%m) : tensor<?x64xbf16>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %3 = arith.truncf %in : f32 to bf16
      linalg.yield %3 : bf16
    } -> tensor<?x64xbf16>
    %rows = tensor.expand_shape %0 [[0, 1], [2]] output_shape [1, %m, 64] : tensor<?x64xbf16> into tensor<1x?x64xbf16>
    %q = lowbit.weight @q : !lowbit.tensor<32x64xbf16, #int4, #planes>
    %1 = lowbit.quantize %rows : tensor<1x?x64xbf16> -> !lowbit.tensor<1x?x64xbf16, #a16>
    %2 = lowbit.linear %1, %q : !lowbit.tensor<1x?x64xbf16, #a16>, !lowbit.tensor<32x64xbf16, #int4, #planes> -> tensor<1x?x32xf32>
    return %2 : tensor<1x?x32xf32>
  }

  // Rows of another length are others: half a row would be a panel's.

  // CHECK-LABEL: func.func @divided(
  // CHECK: arith.truncf
  // CHECK: lowbit.call_kernel @lowbit_panel_a16_bf16x32 tiles
  func.func @divided(%x: tensor<?x128xf32>) -> tensor<?x2x32xf32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %x, %c0 : tensor<?x128xf32>
    %e = tensor.empty(%m) : tensor<?x128xbf16>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x128xf32>) outs(%e : tensor<?x128xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %3 = arith.truncf %in : f32 to bf16
      linalg.yield %3 : bf16
    } -> tensor<?x128xbf16>
    %rows = tensor.expand_shape %0 [[0], [1, 2]] output_shape [%m, 2, 64] : tensor<?x128xbf16> into tensor<?x2x64xbf16>
    %q = lowbit.weight @q : !lowbit.tensor<32x64xbf16, #int4, #planes>
    %1 = lowbit.quantize %rows : tensor<?x2x64xbf16> -> !lowbit.tensor<?x2x64xbf16, #a16>
    %2 = lowbit.linear %1, %q : !lowbit.tensor<?x2x64xbf16, #a16>, !lowbit.tensor<32x64xbf16, #int4, #planes> -> tensor<?x2x32xf32>
    return %2 : tensor<?x2x32xf32>
  }

  // A weight in f32 is not to be rounded, whatever the input is.

  // CHECK-LABEL: func.func @float_weight
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x32 tiles
  func.func @float_weight(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
    %f = lowbit.weight @f : !lowbit.tensor<32x64xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xbf16> -> !lowbit.tensor<?x64xbf16, #a16>
    %1 = lowbit.linear %0, %f : !lowbit.tensor<?x64xbf16, #a16>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}

// A row of the panel is bf16 numbers, or codes as ever.

// CHECK-LABEL: func.func private @lowbit_panel_a16_bf16x32_rounded
// CHECK: scf.if
// CHECK: arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: } else {
// CHECK: arith.divf

// Weights are decoded by pairs of columns, scaled before they are rounded. The
// loop behind that has six rows of activations and 64 of weights.

// CHECK-LABEL: func.func private @lowbit_linear_int_4
// CHECK: memref.alloc
// CHECK: arith.mulf
// CHECK: x86vector.avx512.cvt.packed.f32_to_bf16 %{{.*}} : vector<16xf32> -> vector<16xbf16>
// CHECK: vector.interleave
// CHECK: scf.for
// CHECK-COUNT-96: x86vector.avx512.dot
// CHECK-NOT: x86vector.avx512.dot
// CHECK: scf.yield
