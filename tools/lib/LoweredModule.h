//===- LoweredModule.h - what compiled code needs to run --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module in the LLVM dialect is pointers and extents. What else its loader
// needs, the lowering has left in attributes; they are read here, for the
// just-in-time compiler and for objects alike.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_LOWEREDMODULE_H
#define LOWBIT_TOOLS_LIB_LOWEREDMODULE_H

#include "lowbit/Tools/Safetensors.h"
#include "lowbit/Tools/Signature.h"

namespace lowbit {

/// The signature of `@main` before it became pointers. A module that does not
/// come from `lowbit-cpu-to-llvm` is an error.
llvm::Expected<Signature>
getLoweredSignature(mlir::ModuleOp module,
                    llvm::StringRef function = kMainFunction);

/// The name that people gave to the weight behind a symbol.
llvm::StringRef getWeightName(llvm::StringRef symbol);

/// Memory of weights that the IR keeps in fewer bytes, as one repeated element.
using WeightStorage = std::vector<std::vector<char>>;

/// The weight behind `symbol`; its bytes stay the module's, or go to `storage`.
/// A weight without data is an error.
llvm::Expected<SafetensorsEntry> getBoundWeight(mlir::ModuleOp module,
                                                llvm::StringRef symbol,
                                                WeightStorage &storage);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_LOWEREDMODULE_H
