//===- Cache.h - what a model with a KV cache is called --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names that `lowbit-add-cache` gives and others look for.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_CACHE_H
#define LOWBIT_TRANSFORMS_CACHE_H

#include "llvm/ADT/StringRef.h"

namespace lowbit {

/// Argument attribute: the argument is a state of the model, and the result of
/// this number (i64) is its new value.
inline constexpr llvm::StringLiteral kStateAttrName = "lowbit.state";

/// Functions of a model with a cache: some tokens more, and one token more.
inline constexpr llvm::StringLiteral kPrefillFunction = "prefill";
inline constexpr llvm::StringLiteral kDecodeFunction = "decode";

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_CACHE_H
