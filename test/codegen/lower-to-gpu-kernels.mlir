// Packed layers become dispatches. One row of activations: threads go over
// the weight once and a tree adds what they found. Many rows: tiles in workgroup
// memory. Layers that agree in everything share a kernel.

// RUN: quant-opt %s -lowbit-lower-to-gpu-kernels -canonicalize -cse | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#table = #lowbit.encoding<codebook<dense<[-1.0, 0.0, 0.5, 1.0]> : tensor<4xf32>>, group = 32, scale = f32>
#words = #lowbit.tiles<1 by 32, 128, [(k4 : 8, k2 : 4, k4 : 32, b4 : 1)], pad_row_end>
#words2 = #lowbit.tiles<1 by 32, 64, [(k4 : 8, k4 : 2, k2 : 32, b2 : 1)], pad_row_end>

// Buffers have names, and what is in them, for readers of shaders.
// CHECK:      gpu.func @linear_int_4_group_32_scale_f16_bias_relu_1x4x64
// CHECK-SAME:   (%[[CODES:[a-z0-9]+]]: memref<32xi32> {lowbit.description = "#lowbit.encoding<int<4>, group = 32, scale = f16> in #lowbit.tiles<{{.*}}>", lowbit.name = "codes"}
// CHECK-SAME:    %[[SCALES:[a-z0-9]+]]: memref<4xi32> {{{.*}}lowbit.name = "scales"}, %[[X:[a-z0-9]+]]: memref<16xvector<4xf32>> {lowbit.name = "x"}
// CHECK-SAME:    %[[BIAS:[a-z0-9]+]]: memref<4xf32> {lowbit.name = "bias"}, %[[Y:[a-z0-9]+]]: memref<4xf32> {lowbit.name = "result"}) kernel
// CHECK-SAME:    lowbit.description = "result[1 x 4] = relu(x[1 x 64] weight[4 x 64] transposed + bias)"
// CHECK:        scf.for
// CHECK:          memref.load %[[CODES]]
// CHECK:          arith.shrui
// CHECK:          arith.andi
// CHECK:          arith.uitofp
// CHECK:          memref.load %[[X]]
// CHECK:          vector.fma
// CHECK:        lowbit.reduce_lanes %{{.*}} of {{[0-9]+}} : f32
// CHECK:        arith.maximumf
// CHECK:        memref.store %{{.*}}, %[[Y]]

// The same for processors: threads share nothing.
// CHECK:      gpu.func @linear_int_4_group_32_scale_f16_bias_relu_1x4x64_software
// CHECK-SAME:   lowbit.features = ["software"], lowbit.invocations = 8 : i64, lowbit.variant_of = @linear_int_4_group_32_scale_f16_bias_relu_1x4x64}
// CHECK-NOT:    {{barrier|alloc|reduce_lanes}}
// CHECK:        arith.maximumf
// CHECK-NOT:    {{barrier|alloc|reduce_lanes}}

// CHECK:      gpu.func @linear_int_4_group_32_scale_f16_40x4x64
// CHECK-DAG:    memref.alloc() : memref<256xvector<4xf32>, #gpu.address_space<workgroup>>
// CHECK:        gpu.barrier
// CHECK-COUNT-16: vector.fma
// CHECK:        gpu.barrier

// CHECK:      gpu.func @linear_int_4_group_32_scale_f16_40x4x64_software
// CHECK-NOT:    {{barrier|alloc}}
// CHECK-COUNT-16: vector.fma
// CHECK-NOT:    {{barrier|alloc}}

// The same in f16, for devices that are asked for it (half-activations.mlir): tiles of half the size, half a
// row by the power of two that its largest number asks for; sums of 16 products go to
// f32. With one row there is none.
// CHECK:      gpu.func @linear_int_4_group_32_scale_f16_40x4x64_f16
// CHECK-SAME:   lowbit.features = ["f16"], lowbit.variant_of = @linear_int_4_group_32_scale_f16_40x4x64}
// CHECK-DAG:    memref.alloc() : memref<256xvector<4xf16>, #gpu.address_space<workgroup>>
// CHECK-DAG:    memref.alloc() : memref<64xf32, #gpu.address_space<workgroup>>
// CHECK:        vector.reduction <maxui>
// CHECK-COUNT-4: arith.truncf %{{.*}} : vector<4xf32> to vector<4xf16>
// CHECK:        vector.reduction <maxui>
// CHECK-COUNT-4: arith.truncf %{{.*}} : vector<4xf32> to vector<4xf16>
// CHECK:        gpu.barrier
// CHECK:        scf.for
// CHECK-COUNT-16: vector.fma %{{.*}} : vector<4xf16>
// CHECK-COUNT-16: vector.reduction <add>, %{{.*}} : vector<4xf16> into f16
// CHECK:        gpu.barrier
// CHECK-NOT:    lowbit.features = ["f16"]

// Codes without a formula are looked up in workgroup memory, on processors where
// they are.
// CHECK:      gpu.func @linear_codeboo
// CHECK-SAME:   %[[TABLE:[a-z0-9]+]]: memref<4xf32> {{{.*}}lowbit.name = "table"}
// CHECK:        %[[SHARED:.*]] = memref.alloc() : memref<4xf32, #gpu.address_space<workgroup>>
// CHECK:        memref.load %[[SHARED]]
// CHECK:      gpu.func @linear_codeboo{{.*}}_software(
// CHECK-SAME:   %[[OWNTABLE:[a-z0-9]+]]: memref<4xf32> {{{.*}}lowbit.name = "table"}
// CHECK:        memref.load %[[OWNTABLE]]

lowbit.global @w : !lowbit.tensor<4x64xf32, #int4, #words> {blob = dense<17> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}
lowbit.global @v : !lowbit.tensor<4x64xf32, #int4, #words> {blob = dense<34> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}
lowbit.global @t : !lowbit.tensor<4x64xf32, #table, #words2> {blob = dense<34> : tensor<64xi8>, scale = dense<1.0> : tensor<4x2xf32>}

// CHECK-LABEL: func.func @few
// CHECK-SAME:    (%[[X:.*]]: tensor<1x64xf32>, %[[B:.*]]: tensor<4xf32>)
// CHECK-DAG:     %[[BLOB:.*]] = lowbit.weight @w.blob : tensor<128xi8>
// CHECK-DAG:     %[[SCALE:.*]] = lowbit.weight @w.scale : tensor<4x2xf16>
// CHECK:         lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_bias_relu_1x4x64 [1, 1, 1]
// CHECK-SAME:      ins(%[[BLOB]], %[[SCALE]], %[[X]], %[[B]] : {{.*}}) outs(%{{.*}} : tensor<1x4xf32>) -> tensor<1x4xf32>
func.func @few(%x: tensor<1x64xf32>, %b: tensor<4xf32>) -> tensor<1x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %y = lowbit.linear %x, %w bias %b activation relu
      : tensor<1x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<1x4xf32>, bias tensor<4xf32>
  return %y : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @many
// CHECK:         lowbit.dispatch @kernels::@[[MANY:linear_int_4_group_32_scale_f16_40x4x64]] [1, 2, 1]
// CHECK:         lowbit.dispatch @kernels::@[[MANY]] [1, 2, 1]
func.func @many(%x: tensor<2x20x64xf32>) -> (tensor<2x20x4xf32>, tensor<2x20x4xf32>) {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %v = lowbit.weight @v : !lowbit.tensor<4x64xf32, #int4, #words>
  %y = lowbit.linear %x, %w : tensor<2x20x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<2x20x4xf32>
  %z = lowbit.linear %x, %v : tensor<2x20x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<2x20x4xf32>
  return %y, %z : tensor<2x20x4xf32>, tensor<2x20x4xf32>
}

// CHECK-LABEL: func.func @table
func.func @table(%x: tensor<1x64xf32>) -> tensor<1x4xf32> {
  %w = lowbit.weight @t : !lowbit.tensor<4x64xf32, #table, #words2>
  %y = lowbit.linear %x, %w : tensor<1x64xf32>, !lowbit.tensor<4x64xf32, #table, #words2> -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// Activations of 16 bits are read as f32; the layer yields sums of that.
// CHECK-LABEL: func.func @half
// CHECK-SAME:    (%[[X:.*]]: tensor<1x64xbf16>, %[[B:.*]]: tensor<4xf16>)
// CHECK-DAG:     %[[WIDE:.*]] = arith.extf %[[X]] : tensor<1x64xbf16> to tensor<1x64xf32>
// CHECK-DAG:     %[[BIAS:.*]] = arith.extf %[[B]] : tensor<4xf16> to tensor<4xf32>
// CHECK:         lowbit.dispatch @kernels::@{{.*}}ins({{.*}}%[[WIDE]], %[[BIAS]] :
func.func @half(%x: tensor<1x64xbf16>, %b: tensor<4xf16>) -> tensor<1x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %y = lowbit.linear %x, %w bias %b
      : tensor<1x64xbf16>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<1x4xf32>, bias tensor<4xf16>
  return %y : tensor<1x4xf32>
}
