// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels | FileCheck %s
// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels="tile-rows=4 unpacked-rows=32" | FileCheck %s --check-prefix=TUNED
// RUN: not quant-opt %s --lowbit-lower-to-cpu-kernels=tile-rows=17 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %s --lowbit-lower-to-cpu-kernels=unpacked-rows=48 2>&1 | FileCheck %s --check-prefix=UNPACKED
// ROWS: error: tile-rows requires an integer from 1 to 16, found 17
// UNPACKED: error: unpacked-rows requires a power of two from 32 to 1024, found 48

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#uint8 = #lowbit.encoding<uint<8>, zero_point = integer, group = 128, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#a16 = #lowbit.encoding<int<16>, group = 128, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_amx>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}
  lowbit.global @u : !lowbit.tensor<32x128xf32, #uint8, #planes> {blob = dense<1> : tensor<4192xi8>}

  // Of 16 rows, 12 are worth a tile where groups have 32 columns: so many rows
  // have a place in the panel. A task has panels of 128 rows of weights, if so.

  // CHECK-LABEL: func.func @short
  // CHECK: %[[M:.*]] = tensor.dim
  // CHECK: %[[MORE:.*]] = arith.addi %{{.*}}, %c4
  // CHECK: %[[TILES:.*]] = arith.divui %[[MORE]], %c16
  // CHECK: %[[TILED:.*]] = arith.muli %[[TILES]], %c16
  // CHECK: %[[COUNT:.*]] = arith.maxui %{{.*}}, %[[TILED]]
  // CHECK: lowbit.call_kernel @lowbit_panel_a8x32 tiles(%[[COUNT]])
  // CHECK: arith.ceildivui %{{.*}}, %c4
  // CHECK: lowbit.call_kernel @lowbit_linear_int_4

  // TUNED-LABEL: func.func @short
  // TUNED: arith.addi %{{.*}}, %c10
  // TUNED: arith.ceildivui %{{.*}}, %c1
  func.func @short(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // CHECK-LABEL: func.func @long
  // CHECK: arith.addi %{{.*}}, %c8
  func.func @long(%x: tensor<?x128xf32>) -> tensor<?x32xf32> {
    %u = lowbit.weight @u : !lowbit.tensor<32x128xf32, #uint8, #planes>
    %0 = lowbit.quantize %x : tensor<?x128xf32> -> !lowbit.tensor<?x128xf32, #a16>
    %1 = lowbit.linear %0, %u : !lowbit.tensor<?x128xf32, #a16>, !lowbit.tensor<32x128xf32, #uint8, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}

// Two tiles of each side, of half as many columns as there is room for; then one
// tile of rows where there are no two.

// CHECK-LABEL: func.func private @lowbit_linear_int_4
// CHECK-COUNT-4: amx.tile_zero : !amx.tile<16x16xi32>
// CHECK-COUNT-2: amx.tile_load %{{.*}} into !amx.tile<8x64xi8>
// CHECK: amx.tile_load %{{.*}} into !amx.tile<16x32xi8>
// CHECK-COUNT-2: amx.tile_muli {{.*}} : !amx.tile<16x32xi8>, !amx.tile<8x64xi8>, !amx.tile<16x16xi32>
// CHECK: amx.tile_load %{{.*}} into !amx.tile<16x32xi8>
// CHECK-COUNT-2: amx.tile_muli
// CHECK-NOT: amx.tile_muli
// CHECK-COUNT-4: amx.tile_store
// CHECK-COUNT-2: amx.tile_zero
// CHECK-COUNT-2: amx.tile_muli
// CHECK-COUNT-2: amx.tile_store

// Codes without a sign are multiplied so. Both bytes of activations have sums.

// CHECK-LABEL: func.func private @lowbit_linear_uint_8
// CHECK-COUNT-8: amx.tile_muli {{.*}}, {{.*}} zext,
// CHECK-NOT: amx.tile_muli
// CHECK-COUNT-4: amx.tile_store
// CHECK-COUNT-8: amx.tile_muli {{.*}}, {{.*}} zext,
// CHECK-COUNT-4: amx.tile_store

