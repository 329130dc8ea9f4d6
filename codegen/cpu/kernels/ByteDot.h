//===- ByteDot.h - the four-way dot product of a target ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel's inner loop adds many dot products to one sum. Where the machine
// adds them to 32-bit lanes at once, that is all there is to say. Others
// multiply in 16 bits; as codes of few bits leave room there, several products
// are added before they are widened. So lowering works on runs of products.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_BYTEDOT_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_BYTEDOT_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/PatternMatch.h"

namespace lowbit {

class ByteDot {
public:
  virtual ~ByteDot() = default;
  /// Whether the machine multiplies these operands; others are rewritten.
  virtual bool multiplies(Dot4Op op) const = 0;
  /// What the largest codes of a run's ops may add up to. An op that exceeds
  /// it is a run of its own.
  virtual unsigned getRunCapacity() const { return 0; }
  /// The run's sum. `run` is in program order, each op adding to the one
  /// before; products are built at the place of their op, so that their
  /// operands needn't live longer.
  virtual mlir::Value lower(mlir::RewriterBase &rewriter,
                            llvm::ArrayRef<Dot4Op> run) const = 0;
  /// Whether one instruction multiplies 32-bit lanes and adds the products.
  virtual bool multipliesLanes() const { return false; }
  /// Whether `multiplyWords` has an instruction.
  virtual bool multipliesWords() const { return false; }
  /// Products of signed 16-bit lanes, of which neighbours are added in 32 bits;
  /// null where the target has no instruction for it, or none that LLVM doesn't
  /// find by itself.
  virtual mlir::Value multiplyWords(mlir::RewriterBase &rewriter,
                                    mlir::Operation *at, mlir::Value a,
                                    mlir::Value b) const {
    return {};
  }
};

/// vpdpbusd, in the register width of the operands.
const ByteDot &getVNNIByteDot();
/// vpmaddubsw, vpaddw, and vpmaddwd at the end of a run.
const ByteDot &getAVX2ByteDot();
/// usdot of i8mm.
const ByteDot &getUSDotByteDot();
/// sdot.
const ByteDot &getSDotByteDot();
/// smull, smlal, and sadalp at the end of a run.
const ByteDot &getNeonByteDot();
/// i16x8.mul on bytes 0, 2, ... and 1, 3, ..., and i32x4.extadd_pairwise at the
/// end of a run; i32x4.dot_i16x8_s where runs hold too little, and of words.
const ByteDot &getWasmByteDot();
/// i32x4.relaxed_dot_i8x16_i7x16_add_s.
const ByteDot &getWasmRelaxedByteDot();
/// Arithmetic on vectors of 16-bit integers, which every vector unit has.
const ByteDot &getPortableByteDot();

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_BYTEDOT_H
