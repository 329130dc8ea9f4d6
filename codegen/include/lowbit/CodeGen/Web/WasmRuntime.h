//===- WasmRuntime.h - the script beside WebAssembly ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_WASMRUNTIME_H
#define LOWBIT_CODEGEN_WEB_WASMRUNTIME_H

#include "llvm/ADT/StringRef.h"

namespace lowbit {

/// The text of `codegen/web/wasm`: JavaScript that loads and runs the modules
/// that a constant MANIFEST in front of it describes, and its types.
llvm::StringRef getWasmRuntime();
llvm::StringRef getWasmDeclarations();

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_WASMRUNTIME_H
