// RUN: quant-opt %s --split-input-file --lowbit-lower-dot4 | FileCheck %s

// With AVX-512 VNNI the op is one instruction, in the width of its operands.
module attributes {lowbit.target = #lowbit.cpu<avx512_vnni>} {
  // CHECK-LABEL: @vnni
  func.func @vnni(%a: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%arg0, %arg1, %arg2)
    %r = lowbit.dot4 %a, %u, %s : vector<16xi32>, vector<64xi8>
    return %r : vector<16xi32>
  }
}

// -----

// Everywhere else it is four products of bytes, unsigned times signed.
// CHECK-LABEL: @portable
func.func @portable(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
  // CHECK-DAG: %[[U:.*]] = vector.bitcast %arg1 : vector<16xi8> to vector<4xi32>
  // CHECK-DAG: %[[S:.*]] = vector.bitcast %arg2 : vector<16xi8> to vector<4xi32>
  // CHECK-COUNT-4: arith.muli
  // CHECK-NOT: lowbit.dot4
  %r = lowbit.dot4 %a, %u, %s : vector<4xi32>, vector<16xi8>
  return %r : vector<4xi32>
}
