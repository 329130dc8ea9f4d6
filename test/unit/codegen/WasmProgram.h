//===- WasmProgram.h - a compiled module as WebAssembly ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The module is linked and written as users get it, and its script runs it in
// node.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_WASMPROGRAM_H
#define LOWBIT_TEST_UNIT_CODEGEN_WASMPROGRAM_H

#include "ForeignProgram.h"
#include "lowbit/Tools/Compiler.h"
#include "mlir/IR/BuiltinOps.h"
#include <memory>

namespace lowbit::test {

inline constexpr const char *kWasmTriple = "wasm32";

class WasmProgram : public ForeignProgram {
public:
  /// What is missing here to link and run modules for `cpu`: the linker, node,
  /// or the instructions in node's engine. Empty where nothing is.
  static std::string findMissing(llvm::StringRef cpu);

  /// Writes `module`, which is packed, for `options.cpu`.
  static llvm::Expected<std::unique_ptr<WasmProgram>>
  create(mlir::ModuleOp module, const CompileOptions &options,
         llvm::ArrayRef<int64_t> resultRanks);

private:
  using ForeignProgram::ForeignProgram;
  llvm::Error start() override;
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_WASMPROGRAM_H
