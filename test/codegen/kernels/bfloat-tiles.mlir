// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels 2>%t.txt | FileCheck %s
// RUN: FileCheck %s --input-file=%t.txt --check-prefix=NARROW
// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels=float-activations | FileCheck %s --check-prefix=FLOATS

// FLOATS-NOT: amx.tile

#short = #lowbit.encoding<int<4>, group = 32, scale = f16>
#long = #lowbit.encoding<int<8>, group = 64, scale = f16>
#a32 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#a64 = #lowbit.encoding<int<16>, group = 64, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
#narrow = #lowbit.planes<rows = 16, padding = 8>

module attributes {lowbit.target = #lowbit.cpu<avx512_amx>} {
  lowbit.global @q : !lowbit.tensor<32x64xbf16, #short, #planes> {blob = dense<1> : tensor<1152xi8>}
  lowbit.global @l : !lowbit.tensor<32x64xbf16, #long, #planes> {blob = dense<1> : tensor<2112xi8>}
  lowbit.global @n : !lowbit.tensor<16x64xbf16, #short, #narrow> {blob = dense<1> : tensor<576xi8>}

  // From 16 rows on, all are bf16 numbers, whole blocks of 16: tiles of bytes
  // would have another shape. A task has panels of 128 rows of weights, if so.

  // CHECK-LABEL: func.func @short
  // CHECK: %[[MANY:.*]] = arith.cmpi uge, %[[M:.*]], %c16
  // CHECK: %[[BLOCKS:.*]] = arith.ceildivui %[[M]], %c16
  // CHECK: %[[ROWS:.*]] = arith.muli %[[BLOCKS]], %c16
  // CHECK: arith.select %[[MANY]], %[[ROWS]], %c0
  // CHECK: lowbit.call_kernel @lowbit_panel_a16_bf16x32 tiles(
  // CHECK: arith.ceildivui %{{.*}}, %c4
  // CHECK: lowbit.call_kernel @lowbit_linear_int_4_group_32_scale_f16_planes_rows_32_padding_4_a16_bf16x32
  func.func @short(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xbf16, #short, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xbf16> -> !lowbit.tensor<?x64xbf16, #a32>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x64xbf16, #a32>, !lowbit.tensor<32x64xbf16, #short, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // Bytes of a group that fills a tile take as many products: bf16 from 128 rows
  // on, and fewer in tiles of bytes.

  // CHECK-LABEL: func.func @long
  // CHECK: arith.cmpi uge, %{{.*}}, %c128
  // CHECK: %[[ROWS:.*]] = arith.select
  // CHECK: arith.addi %{{.*}}, %c8
  // CHECK: %[[BYTES:.*]] = arith.muli
  // CHECK: %[[MANY:.*]] = arith.cmpi uge, %{{.*}}, %c128
  // CHECK: %[[TILED:.*]] = arith.select %[[MANY]], %c0{{.*}}, %[[BYTES]]
  // CHECK: arith.maxui %[[ROWS]], %[[TILED]]
  func.func @long(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
    %l = lowbit.weight @l : !lowbit.tensor<32x64xbf16, #long, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xbf16> -> !lowbit.tensor<?x64xbf16, #a64>
    %1 = lowbit.linear %0, %l : !lowbit.tensor<?x64xbf16, #a64>, !lowbit.tensor<32x64xbf16, #long, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // Tiles of weights come in pairs: blocks of 16 rows have no kernel.

  // NARROW: remark: has no CPU kernel and is left to the reference lowering: no kernel reads the weight's layout
  // CHECK-LABEL: func.func @narrow
  // CHECK: lowbit.linear
  func.func @narrow(%x: tensor<?x64xbf16>) -> tensor<?x16xf32> {
    %n = lowbit.weight @n : !lowbit.tensor<16x64xbf16, #short, #narrow>
    %0 = lowbit.quantize %x : tensor<?x64xbf16> -> !lowbit.tensor<?x64xbf16, #a32>
    %1 = lowbit.linear %0, %n : !lowbit.tensor<?x64xbf16, #a32>, !lowbit.tensor<16x64xbf16, #short, #narrow> -> tensor<?x16xf32>
    return %1 : tensor<?x16xf32>
  }
}

// Weights are decoded as for vectors. Then two tiles of each side are
// multiplied, for two steps of 32 columns, then one; the same for one tile of
// rows of activations.

// CHECK-LABEL: func.func private @lowbit_linear_int_4_group_32_scale_f16_planes_rows_32
// CHECK-NOT: amx.
// CHECK: x86vector.avx512.cvt.packed.f32_to_bf16 %{{.*}} : vector<16xf32> -> vector<16xbf16>
// CHECK-NOT: amx.
// CHECK-COUNT-4: amx.tile_load %{{.*}} into !amx.tile<16x16xf32>
// CHECK-COUNT-3: amx.tile_load %{{.*}} into !amx.tile<16x32xbf16>
// CHECK-COUNT-2: amx.tile_mulf
// CHECK: amx.tile_load %{{.*}} into !amx.tile<16x32xbf16>
// CHECK-COUNT-2: amx.tile_mulf
// CHECK-COUNT-3: amx.tile_load
// CHECK-COUNT-2: amx.tile_mulf
// CHECK: amx.tile_load
// CHECK-COUNT-2: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK-COUNT-4: amx.tile_store
// CHECK-COUNT-2: amx.tile_load %{{.*}} into !amx.tile<16x16xf32>
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK-COUNT-2: amx.tile_store
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK-COUNT-4: amx.tile_store
// CHECK-COUNT-2: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK-COUNT-2: amx.tile_store

// A kernel with both kinds.

// CHECK-LABEL: func.func private @lowbit_linear_int_8_group_64
// CHECK: amx.tile_muli
// CHECK: amx.tile_mulf
