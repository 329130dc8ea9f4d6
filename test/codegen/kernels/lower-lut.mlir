// RUN: quant-opt %s --split-input-file --lowbit-lower-lut | FileCheck %s

// With VBMI, 64 bytes are one permutation. A shorter table is repeated, so that
// the index's upper bits don't matter.
module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  // CHECK-LABEL: @vpermb
  func.func @vpermb(%i: vector<64xi8>) -> vector<64xi8> {
    // CHECK: %[[T:.*]] = arith.constant dense<[-2, 1, 2, 3, -2, 1, 2, 3, {{.*}}]> : vector<64xi8>
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.qi.512"(%[[T]], %arg0)
    %r = lowbit.lut %i, [-2, 1, 2, 3] : vector<64xi8>
    return %r : vector<64xi8>
  }
}

// -----

// vpshufb has 16 bytes, and 32 are two of those. Bit 4 of the index, moved to
// the sign, selects.
module attributes {lowbit.target = #lowbit.cpu<avx2>} {
  // CHECK-LABEL: @vpshufb
  func.func @vpshufb(%i: vector<32xi8>) -> vector<32xi8> {
    // CHECK: %[[N:.*]] = arith.constant dense<3> : vector<16xi16>
    // CHECK: arith.shli %{{.*}}, %[[N]]
    // CHECK: %[[BIT:.*]] = arith.cmpi slt
    // CHECK: arith.andi %arg0
    // CHECK: %[[LOW:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
    // CHECK: arith.andi %arg0
    // CHECK: %[[HIGH:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
    // CHECK: arith.select %[[BIT]], %[[HIGH]], %[[LOW]]
    %r = lowbit.lut %i, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31] : vector<32xi8>
    return %r : vector<32xi8>
  }
}

// -----

// tbl takes up to four registers of 16 bytes.
module attributes {lowbit.target = #lowbit.cpu<neon>} {
  // CHECK-LABEL: @tbl
  func.func @tbl(%i: vector<16xi8>) -> vector<16xi8> {
    // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.tbl2.v16i8"
    %r = lowbit.lut %i, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31] : vector<16xi8>
    return %r : vector<16xi8>
  }
}

// -----

// Elsewhere bytes come from memory. Two look-ups in one table share it.
// CHECK: memref.global "private" constant @[[T:lowbit_bytes_[0-9a-f]+]] : memref<4xi8> = dense<[-2, 1, 2, 3]>
// CHECK-NOT: memref.global
// CHECK-LABEL: @portable
func.func @portable(%i: vector<16xi8>) -> vector<16xi8> {
  // CHECK: memref.get_global @[[T]] : memref<4xi8>
  // CHECK: arith.andi
  // CHECK-COUNT-16: memref.load
  %r = lowbit.lut %i, [-2, 1, 2, 3] : vector<16xi8>
  %s = lowbit.lut %r, [-2, 1, 2, 3] : vector<16xi8>
  return %s : vector<16xi8>
}

// -----

// Eight bits from anywhere in a stream: vpermb collects the bytes of two lanes,
// vpmultishiftqb takes the bits.
module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  // CHECK-LABEL: @windows
  func.func @windows(%s: vector<64xi8>) -> vector<64xi8> {
    // Rows 0 and 1 share the bytes 0 and 1 of each stream, rows 2 and 3 as well, and so on.
    // CHECK: %[[P:.*]] = arith.constant dense<[0, 4, 1, 5, 2, 6, 3, 7, 0, 4, 1, 5, 2, 6, 3, 7, 4, 8, 5, 9, {{.*}}]> : vector<64xi8>
    // CHECK: %[[BYTES:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.qi.512"(%arg0, %[[P]])
    // CHECK: %[[S:.*]] = arith.constant dense<[2, 18, 34, 50, 4, 20, 36, 52, 6, 22, 38, 54, 8, 24, 40, 56, {{.*}}]> : vector<64xi8>
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.pmultishift.qb.512"(%[[S]], %[[BYTES]])
    %w = lowbit.windows %s, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32] : vector<64xi8> -> vector<64xi8>
    return %w : vector<64xi8>
  }
}

// -----

// Elsewhere all streams of a lane are shifted alike, and the next byte follows.
module attributes {lowbit.target = #lowbit.cpu<neon>} {
  // CHECK-LABEL: @shifted
  func.func @shifted(%s: vector<16xi8>) -> vector<16xi8> {
    // CHECK: %[[WORDS:.*]] = vector.bitcast %arg0 : vector<16xi8> to vector<4xi32>
    // CHECK: %[[HERE:.*]] = vector.shuffle %[[WORDS]], %[[WORDS]] [0, 0, 0, 1]
    // CHECK: %[[DOWN:.*]] = arith.constant dense<[0, 3, 6, 1]>
    // CHECK: arith.shrui %[[HERE]], %[[DOWN]]
    // CHECK: arith.andi
    // CHECK: %[[NEXT:.*]] = vector.shuffle %[[WORDS]], %[[WORDS]] [1, 1, 1, 2]
    // CHECK: %[[UP:.*]] = arith.constant dense<[8, 5, 2, 7]>
    // CHECK: arith.shli %[[NEXT]], %[[UP]]
    // CHECK: arith.ori
    %w = lowbit.windows %s, [0, 3, 6, 9] : vector<16xi8> -> vector<16xi8>
    return %w : vector<16xi8>
  }
}

// -----

// A table that repeats itself is a hash and a short table. Bits of two bytes are
// summed by multiplications of bits; four numbers are left.
module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  // CHECK-LABEL: @hashed
  func.func @hashed(%i: vector<64xi8>, %u: vector<64xi8>) -> vector<64xi8> {
    // CHECK: %[[LOW:.*]] = llvm.call_intrinsic "llvm.x86.vgf2p8affineqb.512"(%arg0,
    // CHECK: %[[HIGH:.*]] = llvm.call_intrinsic "llvm.x86.vgf2p8affineqb.512"(%arg1,
    // CHECK: %[[HASH:.*]] = arith.xori %[[LOW]], %[[HIGH]]
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.qi.512"(%{{.*}}, %[[HASH]])
    // CHECK-NOT: call_intrinsic
    %r = lowbit.lut %i upper %u : vector<64xi8>, [10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5] : vector<64xi8>
    return %r : vector<64xi8>
  }
}

// -----

// Elsewhere four bits at a time give their part of the hash.
module attributes {lowbit.target = #lowbit.cpu<avx2>} {
  // CHECK-LABEL: @nibbles
  func.func @nibbles(%i: vector<32xi8>, %u: vector<32xi8>) -> vector<32xi8> {
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
    // CHECK: arith.xori
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
    // CHECK-NOT: call_intrinsic
    %r = lowbit.lut %i upper %u : vector<32xi8>, [10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 10, 20, -5, 7, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5, 20, 10, 7, -5] : vector<32xi8>
    return %r : vector<32xi8>
  }
}

// -----

// A hash by itself: with VBMI's companions a multiplication of bits for each byte.
module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  // CHECK-LABEL: @hash
  func.func @hash(%i: vector<64xi8>, %u: vector<64xi8>) -> vector<64xi8> {
    // Rows of the matrix are sums, the top one first: bits 0 and 2, bit 1.
    // CHECK: %[[M:.*]] = arith.constant dense<[0, 0, 0, 0, 0, 0, 2, 5, {{.*}}]> : vector<64xi8>
    // CHECK: %[[A:.*]] = llvm.call_intrinsic "llvm.x86.vgf2p8affineqb.512"(%arg0, %[[M]]
    // CHECK: %[[B:.*]] = llvm.call_intrinsic "llvm.x86.vgf2p8affineqb.512"(%arg1,
    // CHECK: arith.xori %[[A]], %[[B]]
    %r = lowbit.hash %i upper %u : vector<64xi8>, [1, 2, 1, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0] : vector<64xi8>
    return %r : vector<64xi8>
  }
}

// -----

// Elsewhere, bit by bit.
// CHECK-LABEL: @bits
func.func @bits(%i: vector<16xi8>) -> vector<16xi8> {
  // CHECK: %[[BIT:.*]] = arith.andi %arg0
  // CHECK: %[[SET:.*]] = arith.cmpi ne, %[[BIT]]
  // CHECK: arith.select %[[SET]]
  // CHECK: arith.xori
  %r = lowbit.hash %i, [1, 2, 1, 0, 0, 0, 0, 0] : vector<16xi8>
  return %r : vector<16xi8>
}

// -----

// Eight numbers for each of sixteen rows are 128 bytes, of which each lane's
// indices mean its own eight.
module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  // CHECK-LABEL: @rows
  func.func @rows(%i: vector<64xi8>, %t: vector<128xi8>) -> vector<64xi8> {
    // CHECK: %[[SEVEN:.*]] = arith.constant dense<7> : vector<64xi8>
    // CHECK: %[[CODE:.*]] = arith.andi %arg0, %[[SEVEN]]
    // CHECK: %[[ROW:.*]] = arith.constant dense<[0, 0, 0, 0, 8, 8, 8, 8, 16, {{.*}}]> : vector<64xi8>
    // CHECK: %[[INDEX:.*]] = arith.ori %[[CODE]], %[[ROW]]
    // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[INDEX]], %{{.*}})
    // CHECK-NOT: call_intrinsic
    %r = lowbit.learned_lut %i, %t rows : vector<64xi8>, vector<128xi8>
    return %r : vector<64xi8>
  }
}

// -----

// vpshufb sees the four rows of 128 bits; they take turns.
module attributes {lowbit.target = #lowbit.cpu<avx2>} {
  // CHECK-LABEL: @turns
  func.func @turns(%i: vector<32xi8>, %t: vector<128xi8>) -> vector<32xi8> {
    // CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
    // CHECK-NOT: call_intrinsic
    %r = lowbit.learned_lut %i, %t rows : vector<32xi8>, vector<128xi8>
    return %r : vector<32xi8>
  }
}

// -----

// One table for all: 32 bytes are two registers of tbl.
module attributes {lowbit.target = #lowbit.cpu<neon>} {
  // CHECK-LABEL: @shared
  func.func @shared(%i: vector<16xi8>, %t: vector<32xi8>) -> vector<16xi8> {
    // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.tbl2.v16i8"
    %r = lowbit.learned_lut %i, %t : vector<16xi8>, vector<32xi8>
    return %r : vector<16xi8>
  }
}

// -----

// WebAssembly swizzles 16 bytes; a bit of the index chooses between two. What
// the relaxed form gives for indices beyond is nobody's business.
module attributes {lowbit.target = #lowbit.cpu<wasm_relaxed>} {
  // CHECK-LABEL: @relaxed
  func.func @relaxed(%i: vector<16xi8>) -> vector<16xi8> {
    // CHECK: %[[MASK:.*]] = arith.constant dense<15>
    // CHECK: %[[INDEX:.*]] = arith.andi %arg0, %[[MASK]]
    // CHECK: llvm.call_intrinsic "llvm.wasm.relaxed.swizzle"({{.*}}, %[[INDEX]])
    %r = lowbit.lut %i, [1, 2, 3, 5, 8, 13, 21, 34, 0, 9, 7, 6, 4, 55, 89, -1] : vector<16xi8>
    return %r : vector<16xi8>
  }
}

// -----

module attributes {lowbit.target = #lowbit.cpu<wasm>} {
  // CHECK-LABEL: @learned
  func.func @learned(%i: vector<16xi8>, %t: vector<32xi8>) -> vector<16xi8> {
    // CHECK: llvm.call_intrinsic "llvm.wasm.swizzle"
    // CHECK: llvm.call_intrinsic "llvm.wasm.swizzle"
    // CHECK: arith.select
    // CHECK-NOT: memref
    %r = lowbit.learned_lut %i, %t : vector<16xi8>, vector<32xi8>
    return %r : vector<16xi8>
  }
}

// -----

// Elsewhere the tables are in memory, once for all look-ups.
// CHECK-LABEL: @stored
func.func @stored(%i: vector<16xi8>, %t: vector<32xi8>) -> vector<16xi8> {
  // CHECK: %[[M:.*]] = memref.alloca() : memref<32xi8>
  // CHECK: vector.store %arg1, %[[M]]
  // CHECK-NOT: vector.store
  // CHECK-COUNT-32: memref.load %[[M]]
  %r = lowbit.learned_lut %i, %t rows : vector<16xi8>, vector<32xi8>
  %s = lowbit.learned_lut %r, %t : vector<16xi8>, vector<32xi8>
  return %s : vector<16xi8>
}
