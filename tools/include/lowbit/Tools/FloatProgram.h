//===- FloatProgram.h - the float model, run here ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_FLOATPROGRAM_H
#define LOWBIT_TOOLS_FLOATPROGRAM_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/WidenTensor.h"

namespace lowbit {

/// How to compile a raised module as it is, for this machine, whatever
/// `options` say of quantizing and of the machine that the result is for. Data
/// that other modules share stay.
CompileOptions compileAsItIs(CompileOptions options);

/// Lowers `raised` and links it.
llvm::Expected<std::unique_ptr<Executable>>
linkRaised(mlir::ModuleOp raised, const CompileOptions &options);

/// Moves a tensor to a file that is gone once nobody maps it: what is kept
/// leaves memory to what is computed.
llvm::Expected<HostTensor> moveToFile(const HostTensor &tensor);

} // namespace lowbit

#endif // LOWBIT_TOOLS_FLOATPROGRAM_H
