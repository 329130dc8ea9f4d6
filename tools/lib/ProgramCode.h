//===- ProgramCode.h - LLVM IR of a compiled model --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_PROGRAMCODE_H
#define LOWBIT_TOOLS_LIB_PROGRAMCODE_H

#include "ProgramInterface.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace lowbit {

/// Code of a model with its interface, ready to be printed or assembled.
struct ProgramCode {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
};

/// The symbol of embedded weights, which whoever writes the object defines.
std::string getEmbeddedSymbol(llvm::StringRef program);

/// Compiles the variants and adds what the header declares: the only public
/// names are those functions. The run time is called by its own names. Sets
/// `program`'s CPUs and platform.
llvm::Expected<ProgramCode>
generateCode(ProgramInterface &program,
             llvm::ArrayRef<ProgramVariant> variants);

/// Writes code as an object or as assembly.
llvm::Error assemble(ProgramCode &code, llvm::CodeGenFileType type,
                     llvm::SmallVectorImpl<char> &output);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_PROGRAMCODE_H
