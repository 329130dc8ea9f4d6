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

/// A function of a variant, and the bytes of its workspace.
struct EntryCode {
  std::string name;
  std::optional<uint64_t> workspace;
};

/// A compiled variant: its entries alone are public.
struct VariantCode {
  std::string cpu, features;
  std::vector<EntryCode> entries;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
};

/// Compiles one variant, whose entries are called by `getName`.
llvm::Expected<VariantCode>
compileVariant(const ProgramVariant &variant, const ProgramInterface &program,
               llvm::LLVMContext &context,
               llvm::function_ref<std::string(llvm::StringRef)> getName);

/// Code takes its memory from the run time, which survives when there is none
/// left. Optimizations are over, so nobody needs to know malloc any more.
void redirectAllocation(llvm::Module &module);

/// Compiles a variant for WebAssembly. Its public names are the entries,
/// `program_run` or `program_prefill` and `program_decode`, and
/// `program_holds_i` for each requirement: the host does what the interface of
/// other programs does. Adds the variant's CPU to those of `program`, and sets
/// its platform.
llvm::Expected<ProgramCode> generateWasmCode(ProgramInterface &program,
                                             const ProgramVariant &variant,
                                             std::vector<EntryCode> &entries);

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
