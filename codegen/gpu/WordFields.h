//===- WordFields.h - codes of four columns in a layout ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_WORDFIELDS_H
#define LOWBIT_LIB_CODEGEN_GPU_WORDFIELDS_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Layout.h"

namespace lowbit {

/// Bits [`codeBit`, `codeBit` + `width`) of the codes of four neighbouring
/// columns, each in a byte of a word: (word >> shift) & mask of every byte.
struct WordField {
  int64_t word, shift, width, codeBit;
};

/// Where the codes of each four columns of an atom are; empty where the layout
/// isn't of this kind: atoms of one row in whole words, the bits of columns 4s
/// to 4s + 3 at the same place in four bytes. Read off the layout's address
/// function.
llvm::SmallVector<llvm::SmallVector<WordField>>
findWordFields(const numerics::Layout &layout, unsigned codeBits);

/// Why no GPU kernel reads weights of `encoding`, or an empty string.
std::string explainNoGPUKernel(EncodingAttr encoding);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_WORDFIELDS_H
