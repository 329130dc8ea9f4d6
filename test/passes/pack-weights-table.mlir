// A table that is a layer's weight, too, takes the layer's packed form where rows
// lie one behind the other, so that it is stored once; on a CPU, where tiles hold
// several rows, it stays dense, and becomes so again when the layer moves there.

// RUN: quant-opt %s -lowbit-set-gpu-target -lowbit-pack-weights | FileCheck %s --check-prefix=GPU
// RUN: quant-opt %s -lowbit-set-cpu-target=cpu=portable -lowbit-pack-weights | FileCheck %s --check-prefix=CPU
// RUN: quant-opt %s -lowbit-set-gpu-target -lowbit-pack-weights -o %t.mlir
// RUN: sed -e 's/lowbit.target = #spirv.target_env<.*resource_limits<>>/lowbit.target = #lowbit.cpu<portable>/' %t.mlir | quant-opt -lowbit-pack-weights=repack | FileCheck %s --check-prefix=CPU

#int4 = #lowbit.encoding<int<4>, group = 4, scale = f16>

// GPU:     lowbit.global @w : !lowbit.tensor<2x4xf32, #{{.*}}, #tiles>
// GPU-NOT: lowbit.global
// GPU:     lowbit.embedding {{.*}}, #tiles> ->
// GPU:     lowbit.linear {{.*}}, #tiles> ->

// CPU-DAG: lowbit.global @w.packed : !lowbit.tensor<2x4xf32, #{{.*}}, #planes32>
// CPU-DAG: lowbit.global @w{{.*}} : !lowbit.tensor<2x4xf32, #[[INT4:[a-z0-9_]*]]> {codes
// CPU:     lowbit.embedding {{.*}} !lowbit.tensor<2x4xf32, #[[INT4]]>
lowbit.global @w : !lowbit.tensor<2x4xf32, #int4> {codes = dense<[16, 50, 84, 118]> : tensor<4xi8>, scale = dense<[[1.0], [2.0]]> : tensor<2x1xf16>}
func.func @main(%ids: tensor<1xi64>) -> tensor<1x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x4xf32, #int4>
  %x = lowbit.embedding %ids, %w : tensor<1xi64>, !lowbit.tensor<2x4xf32, #int4> -> tensor<1x4xf32>
  %y = lowbit.linear %x, %w : tensor<1x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
