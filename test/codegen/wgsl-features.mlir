// Kernels that rely on features of an adapter enable them; where none was
// allowed, the verifier refuses them.

// RUN: lowbit-translate --lowbit-to-wgsl %s | FileCheck %s
// RUN: not quant-opt %s -lowbit-to-wgsl -o /dev/null 2>&1 | FileCheck %s --check-prefix=BASE
// RUN: quant-opt %s -lowbit-to-wgsl=features=f16,subgroups -o /dev/null

// BASE: requires the feature '{{f16|subgroups}}', which not every adapter has

gpu.module @kernels {
// CHECK:      enable f16;
// CHECK-NEXT: enable subgroups;
// CHECK:      var<storage, read> x: array<vec4<f16>, 64>;
// CHECK:      @builtin(subgroup_invocation_id) subgroup_invocation_id: u32
// CHECK:        let [[X:.*]] = x[local_id.x];
// CHECK:        let [[SUM:.*]] = subgroupAdd(dot([[X]], vec4<f16>(1.0h)));
// CHECK:        if (subgroup_invocation_id == 0u) {
// CHECK:          y[local_id.x] = f32([[SUM]]);
gpu.func @sums(%x: memref<64xvector<4xf16>> {lowbit.name = "x"}, %y: memref<64xf32> {lowbit.name = "y"}) kernel
    attributes {known_block_size = array<i32: 64, 1, 1>} {
  %c0 = arith.constant 0 : index
  %i = gpu.thread_id x
  %lane = gpu.lane_id
  %0 = memref.load %x[%i] : memref<64xvector<4xf16>>
  %1 = vector.reduction <add>, %0 : vector<4xf16> into f16
  %2 = gpu.subgroup_reduce add %1 : (f16) -> f16
  %first = arith.cmpi eq, %lane, %c0 : index
  scf.if %first {
    %3 = arith.extf %2 : f16 to f32
    memref.store %3, %y[%i] : memref<64xf32>
  }
  gpu.return
}
}
