//===- MethodErrors.h - what is wrong with a method's name ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_METHODERRORS_H
#define LOWBIT_QUANTIZE_METHODERRORS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// The error that method `name` requires something else than what was found.
llvm::Error methodError(llvm::StringRef name, const llvm::Twine &required,
                        const llvm::Twine &found);

/// The error that `rest`, what prefixes leave of `name`, begins with no known
/// method; it names the nearest.
llvm::Error unknownMethodError(llvm::StringRef name, llvm::StringRef rest);

/// Cuts `text` before its dash number `count`.
llvm::StringRef takeWords(llvm::StringRef text, size_t count);

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_METHODERRORS_H
