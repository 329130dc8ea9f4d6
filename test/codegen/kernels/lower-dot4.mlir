// RUN: quant-opt %s --split-input-file --lowbit-lower-dot4 | FileCheck %s

// AVX-512 VNNI and AVX-VNNI have the op as one instruction.
module attributes {lowbit.target = #lowbit.cpu<avx512_vnni>} {
  // CHECK-LABEL: @vnni
  func.func @vnni(%a: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%arg0, %arg1, %arg2)
    %r = lowbit.dot4 %a, %u, %s : vector<16xi32>, vector<64xi8>
    return %r : vector<16xi32>
  }

  // Products of words whose neighbours are added: LLVM makes one instruction of
  // this and an addition.
  // CHECK-LABEL: @words
  func.func @words(%a: vector<16xi32>, %x: vector<32xi16>, %y: vector<32xi16>) -> vector<16xi32> {
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"(%arg1, %arg2)
    // CHECK-NOT: arith.muli
    // CHECK: return
    %0 = arith.extsi %x : vector<32xi16> to vector<32xi32>
    %1 = arith.extsi %y : vector<32xi16> to vector<32xi32>
    %2 = arith.muli %0, %1 : vector<32xi32>
    %even, %odd = vector.deinterleave %2 : vector<32xi32> -> vector<16xi32>
    %3 = arith.addi %even, %odd : vector<16xi32>
    %4 = arith.addi %a, %3 : vector<16xi32>
    return %4 : vector<16xi32>
  }
}

// -----

module attributes {lowbit.target = #lowbit.cpu<avx_vnni>} {
  // CHECK-LABEL: @avx_vnni
  func.func @avx_vnni(%a: vector<8xi32>, %u: vector<32xi8>, %s: vector<32xi8>) -> vector<8xi32> {
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"(%arg0, %arg1, %arg2)
    %r = lowbit.dot4 %a, %u, %s : vector<8xi32>, vector<32xi8>
    return %r : vector<8xi32>
  }
}

// -----

// So has i8mm. Codes that are signed are made unsigned, 128 more; what that
// adds, 128 times the values' sum, is subtracted.
module attributes {lowbit.target = #lowbit.cpu<neon_i8mm>} {
  // CHECK-LABEL: @usdot
  func.func @usdot(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK-DAG: %[[TOP:.*]] = arith.constant dense<-128> : vector<16xi8>
    // CHECK-DAG: %[[HALF:.*]] = arith.constant dense<64> : vector<16xi8>
    // CHECK: %[[CODES:.*]] = arith.xori %arg1, %[[TOP]]
    // CHECK: %[[DOT:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.usdot.v4i32.v16i8"(%arg0, %[[CODES]], %arg2)
    // CHECK: %[[SUM:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.usdot.v4i32.v16i8"({{.*}}, %[[HALF]], %arg2)
    // CHECK: %[[TWICE:.*]] = arith.addi %[[SUM]], %[[SUM]]
    // CHECK: arith.subi %[[DOT]], %[[TWICE]]
    %r = lowbit.dot4 %a, %u, %s signed : vector<4xi32>, vector<16xi8>
    return %r : vector<4xi32>
  }
}

// -----

// sdot takes signed numbers alone, which codes up to 127 are.
module attributes {lowbit.target = #lowbit.cpu<neon_dotprod>} {
  // CHECK-LABEL: @sdot
  func.func @sdot(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK-NOT: arith
    // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"(%arg0, %arg1, %arg2)
    %r = lowbit.dot4 %a, %u, %s upto 127 : vector<4xi32>, vector<16xi8>
    return %r : vector<4xi32>
  }
  // CHECK-LABEL: @larger
  func.func @larger(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK: arith.xori
    // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"
    // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"
    // CHECK: arith.addi
    // CHECK: arith.addi
    %r = lowbit.dot4 %a, %u, %s : vector<4xi32>, vector<16xi8>
    return %r : vector<4xi32>
  }
}

// -----

// vpmaddubsw adds two products in 16 bits. With codes up to 63, so do two ops
// (4 * 63 * 128 < 2^15), but not three: their sums are widened in between.
module attributes {lowbit.target = #lowbit.cpu<avx2>} {
  // CHECK-LABEL: @runs
  func.func @runs(%a: vector<8xi32>, %u: vector<32xi8>, %s: vector<32xi8>) -> vector<8xi32> {
    // CHECK: %[[ONE:.*]] = arith.constant dense<1> : vector<16xi16>
    // CHECK: %[[P0:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%arg1, %arg2)
    // CHECK: %[[P1:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%arg1, %arg2)
    // CHECK: %[[P:.*]] = arith.addi %[[P0]], %[[P1]]
    // CHECK: %[[W:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[P]], %[[ONE]])
    // CHECK: arith.addi %arg0, %[[W]]
    // CHECK: %[[P2:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%arg1, %arg2)
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[P2]], %[[ONE]])
    %0 = lowbit.dot4 %a, %u, %s upto 63 : vector<8xi32>, vector<32xi8>
    %1 = lowbit.dot4 %0, %u, %s upto 63 : vector<8xi32>, vector<32xi8>
    %2 = lowbit.dot4 %1, %u, %s upto 63 : vector<8xi32>, vector<32xi8>
    return %2 : vector<8xi32>
  }

  // Two products of codes up to 255 don't fit: bytes 0 and 2, then 1 and 3 are
  // multiplied as numbers of 16 bits.
  // CHECK-LABEL: @wide
  func.func @wide(%a: vector<8xi32>, %u: vector<32xi8>, %s: vector<32xi8>) -> vector<8xi32> {
    // CHECK-NOT: pmadd.ub.sw
    // CHECK: arith.andi
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
    // CHECK: arith.shrui
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
    %r = lowbit.dot4 %a, %u, %s : vector<8xi32>, vector<32xi8>
    return %r : vector<8xi32>
  }
}

// -----

module attributes {lowbit.target = #lowbit.cpu<neon>} {
  // CHECK-LABEL: @neon
  func.func @neon(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK-COUNT-2: arith.muli {{.*}} : vector<8xi16>
    // CHECK-COUNT-2: arith.muli {{.*}} : vector<8xi16>
    // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.addp.v8i16"
    // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.saddlp.v4i32.v8i16"
    %0 = lowbit.dot4 %a, %u, %s upto 15 : vector<4xi32>, vector<16xi8>
    %1 = lowbit.dot4 %0, %u, %s upto 15 : vector<4xi32>, vector<16xi8>
    return %1 : vector<4xi32>
  }
}

// -----

// Two products of codes up to 127 fit in 16 bits, and the operand that has 7
// bits is the codes: nothing is left to the engine.
module attributes {lowbit.target = #lowbit.cpu<wasm_relaxed>} {
  // CHECK-LABEL: @relaxed
  func.func @relaxed(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK-NOT: arith
    // CHECK: llvm.call_intrinsic "llvm.wasm.relaxed.dot.i8x16.i7x16.add.signed"(%arg2, %arg1, %arg0)
    %r = lowbit.dot4 %a, %u, %s upto 127 : vector<4xi32>, vector<16xi8>
    return %r : vector<4xi32>
  }

  // CHECK-LABEL: @eighth_bit
  func.func @eighth_bit(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK-NOT: relaxed
    // CHECK: llvm.call_intrinsic "llvm.wasm.dot"
    // CHECK: llvm.call_intrinsic "llvm.wasm.dot"
    // CHECK-NOT: relaxed
    // CHECK: return
    %r = lowbit.dot4 %a, %u, %s upto 128 : vector<4xi32>, vector<16xi8>
    return %r : vector<4xi32>
  }
}

// -----

// Without it, products are added in 16 bits as long as they fit.
module attributes {lowbit.target = #lowbit.cpu<wasm>} {
  // CHECK-LABEL: @wasm
  func.func @wasm(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK-COUNT-4: arith.muli {{.*}} : vector<8xi16>
    // CHECK: llvm.call_intrinsic "llvm.wasm.extadd.pairwise.signed.v4i32"
    // CHECK-NOT: llvm.call_intrinsic
    // CHECK: return
    %0 = lowbit.dot4 %a, %u, %s upto 63 : vector<4xi32>, vector<16xi8>
    %1 = lowbit.dot4 %0, %u, %s upto 64 : vector<4xi32>, vector<16xi8>
    return %1 : vector<4xi32>
  }

  // CHECK-LABEL: @wasm_wide
  func.func @wasm_wide(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
    // CHECK-NOT: arith.muli
    // CHECK-COUNT-2: llvm.call_intrinsic "llvm.wasm.dot"
    // CHECK-NOT: arith.muli
    // CHECK: return
    %r = lowbit.dot4 %a, %u, %s : vector<4xi32>, vector<16xi8>
    return %r : vector<4xi32>
  }

  // Sums of neighbouring products of words are one instruction, which LLVM would
  // not find behind a mask.
  // CHECK-LABEL: @pairs
  func.func @pairs(%x: vector<8xi16>, %y: vector<8xi16>) -> vector<4xi32> {
    // CHECK-NEXT: %[[SUM:.*]] = llvm.call_intrinsic "llvm.wasm.dot"(%arg0, %arg1)
    // CHECK-NEXT: return %[[SUM]]
    %0 = arith.extsi %x : vector<8xi16> to vector<8xi32>
    %1 = arith.extsi %y : vector<8xi16> to vector<8xi32>
    %2 = arith.muli %0, %1 : vector<8xi32>
    %even, %odd = vector.deinterleave %2 : vector<8xi32> -> vector<4xi32>
    %3 = arith.addi %even, %odd : vector<4xi32>
    return %3 : vector<4xi32>
  }

  // Halves of two vectors are no neighbours, and numbers without a sign, or of 8
  // bits, no words.
  // CHECK-LABEL: @no_pairs
  func.func @no_pairs(%x: vector<8xi16>, %y: vector<8xi16>, %b: vector<8xi8>) -> vector<4xi32> {
    // CHECK-NOT: llvm.call_intrinsic
    // CHECK: return
    %0 = arith.extsi %x : vector<8xi16> to vector<8xi32>
    %1 = arith.extsi %y : vector<8xi16> to vector<8xi32>
    %2 = arith.extui %y : vector<8xi16> to vector<8xi32>
    %3 = arith.extsi %b : vector<8xi8> to vector<8xi32>
    %4 = arith.muli %0, %1 : vector<8xi32>
    %5 = arith.muli %0, %2 : vector<8xi32>
    %6 = arith.muli %0, %3 : vector<8xi32>
    %e4, %o4 = vector.deinterleave %4 : vector<8xi32> -> vector<4xi32>
    %e5, %o5 = vector.deinterleave %5 : vector<8xi32> -> vector<4xi32>
    %e6, %o6 = vector.deinterleave %6 : vector<8xi32> -> vector<4xi32>
    %s0 = arith.addi %e4, %o5 : vector<4xi32>
    %s1 = arith.addi %e5, %o5 : vector<4xi32>
    %s2 = arith.addi %e6, %o6 : vector<4xi32>
    %s3 = arith.addi %s0, %s1 : vector<4xi32>
    %s4 = arith.addi %s2, %s3 : vector<4xi32>
    return %s4 : vector<4xi32>
  }
}

// -----

// Two registers that are converted to bf16 to alternate are converted at once;
// those of half the size, and others, aren't.
module attributes {lowbit.target = #lowbit.cpu<avx512_bf16>} {
  // CHECK-LABEL: @pairs
  func.func @pairs(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<32xbf16> {
    // CHECK: %[[BOTH:.*]] = llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"(%arg1, %arg0) : (vector<16xf32>, vector<16xf32>) -> vector<32xbf16>
    // CHECK: vector.shuffle %[[BOTH]], %[[BOTH]] [0, 16, 1, 17, 2, 18, {{.*}}, 15, 31]
    // CHECK-NOT: cvt.packed
    %0 = x86vector.avx512.cvt.packed.f32_to_bf16 %a : vector<16xf32> -> vector<16xbf16>
    %1 = x86vector.avx512.cvt.packed.f32_to_bf16 %b : vector<16xf32> -> vector<16xbf16>
    %2 = vector.interleave %0, %1 : vector<16xbf16> -> vector<32xbf16>
    return %2 : vector<32xbf16>
  }
  // CHECK-LABEL: @others
  func.func @others(%a: vector<8xf32>, %d: vector<8xf32>, %b: vector<16xf32>, %c: vector<16xbf16>) -> (vector<16xbf16>, vector<32xbf16>) {
    // CHECK-COUNT-2: x86vector.avx512.cvt.packed.f32_to_bf16
    // CHECK: vector.interleave
    // CHECK: x86vector.avx512.cvt.packed.f32_to_bf16
    // CHECK: vector.interleave
    %0 = x86vector.avx512.cvt.packed.f32_to_bf16 %a : vector<8xf32> -> vector<8xbf16>
    %1 = x86vector.avx512.cvt.packed.f32_to_bf16 %d : vector<8xf32> -> vector<8xbf16>
    %2 = vector.interleave %0, %1 : vector<8xbf16> -> vector<16xbf16>
    %3 = x86vector.avx512.cvt.packed.f32_to_bf16 %b : vector<16xf32> -> vector<16xbf16>
    %4 = vector.interleave %3, %c : vector<16xbf16> -> vector<32xbf16>
    return %2, %4 : vector<16xbf16>, vector<32xbf16>
  }
}

// -----

// Everywhere else, products of 16 bits.
// CHECK-LABEL: @portable
func.func @portable(%a: vector<4xi32>, %u: vector<16xi8>, %s: vector<16xi8>) -> vector<4xi32> {
  // CHECK-DAG: vector.bitcast %arg1 : vector<16xi8> to vector<8xi16>
  // CHECK-DAG: vector.bitcast %arg2 : vector<16xi8> to vector<8xi16>
  // CHECK-COUNT-2: arith.muli {{.*}} : vector<8xi16>
  // CHECK-NOT: lowbit.dot4
  %r = lowbit.dot4 %a, %u, %s : vector<4xi32>, vector<16xi8>
  return %r : vector<4xi32>
}
