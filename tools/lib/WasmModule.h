//===- WasmModule.h - modules of WebAssembly and their script ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_WASMMODULE_H
#define LOWBIT_TOOLS_LIB_WASMMODULE_H

#include "ProgramCode.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lowbit {

/// A variant's module, as the script finds it.
struct WasmVariant {
  /// What the engine must have, in the order in which variants are tried.
  std::string cpu;
  std::string file;
  std::vector<EntryCode> entries;
};

/// How scripts call element types: as MLIR does, but for truth values and for
/// unsigned integers.
std::string getScriptTypeName(ElementType type);

/// Prints the C header of an object.
void printWasmHeader(const ProgramInterface &program,
                     llvm::ArrayRef<EntryCode> entries, llvm::raw_ostream &os);

/// Appends a custom section to a linked module.
void appendWasmSection(llvm::StringRef name, uint64_t size,
                       llvm::raw_ostream &os);

/// Prints the module of JavaScript that loads and runs the variants: the run
/// time with the program's interface in front.
void printWasmScript(const ProgramInterface &program,
                     llvm::ArrayRef<WasmVariant> variants,
                     llvm::raw_ostream &os);

/// Prints its types.
void printWasmTypes(llvm::raw_ostream &os);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_WASMMODULE_H
