// Numbers go with their rows: 16 columns of f32, and codes with their scales.

// RUN: quant-opt %s -lowbit-gpu-split-weights=most-bytes=128 | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 8, scale = f16>

// CHECK-DAG: @d.rows0 : tensor<2x16xf32> {data = dense<{{\[\[}}0.000000e+00, {{.*}}, 3.100000e+01]]> : tensor<2x16xf32>}
// CHECK-DAG: @d.rows2 : tensor<1x16xf32> {data = dense<{{\[\[}}3.200000e+01, {{.*}}, 4.700000e+01]]> : tensor<1x16xf32>}
lowbit.global @d : tensor<3x16xf32> {data = dense<[
  [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.],
  [16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27., 28., 29., 30., 31.],
  [32., 33., 34., 35., 36., 37., 38., 39., 40., 41., 42., 43., 44., 45., 46., 47.]]> : tensor<3x16xf32>}
func.func @plain(%x: tensor<1x16xf32>) -> tensor<1x3xf32> {
  %w = lowbit.weight @d : tensor<3x16xf32>
  %y = lowbit.linear %x, %w : tensor<1x16xf32>, tensor<3x16xf32> -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// The same table serves a layer and an embedding: its parts are there once.
// CHECK-DAG: @e.rows0 : !lowbit.tensor<32x8xf32, #{{.*}}> {codes = dense<"0x00010203{{[0-9A-F]*}}7C7D7E7F"> : tensor<128xi8>, scale = dense<{{.*}}> : tensor<32x1xf16>}
// CHECK-DAG: @e.rows32 : !lowbit.tensor<2x8xf32, #{{.*}}> {codes = dense<[-128, -127, -126, -125, -124, -123, -122, -121]> : tensor<8xi8>, scale = dense<{{\[\[}}1.031250e+00], [1.032230e+00]]> : tensor<2x1xf16>}
// CHECK:     func.func @tied
// CHECK:       %[[T0:.*]] = lowbit.weight @e.rows0 :
// CHECK:       lowbit.embedding %{{.*}}, %[[T0]]
// CHECK:       %[[T1:.*]] = lowbit.weight @e.rows32 :
// CHECK:       lowbit.embedding %{{.*}}, %[[T1]]
// CHECK:       lowbit.weight @e.rows0 :
// CHECK:       lowbit.linear
// CHECK:       lowbit.weight @e.rows32 :
// CHECK:       lowbit.linear
lowbit.global @e : !lowbit.tensor<34x8xf32, #int4> {codes = dense<"0x000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F8081828384858687"> : tensor<136xi8>, scale = dense<"0x003C013C023C033C043C053C063C073C083C093C0A3C0B3C0C3C0D3C0E3C0F3C103C113C123C133C143C153C163C173C183C193C1A3C1B3C1C3C1D3C1E3C1F3C203C213C"> : tensor<34x1xf16>}
func.func @tied(%ids: tensor<1xi32>) -> tensor<1x34xf32> {
  %w = lowbit.weight @e : !lowbit.tensor<34x8xf32, #int4>
  %x = lowbit.embedding %ids, %w : tensor<1xi32>, !lowbit.tensor<34x8xf32, #int4> -> tensor<1x8xf32>
  %y = lowbit.linear %x, %w : tensor<1x8xf32>, !lowbit.tensor<34x8xf32, #int4> -> tensor<1x34xf32>
  return %y : tensor<1x34xf32>
}
