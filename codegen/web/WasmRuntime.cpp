//===- WasmRuntime.cpp - the script beside WebAssembly --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/Web/WasmRuntime.h"
#include "WasmRuntime.inc"

llvm::StringRef lowbit::getWasmRuntime() { return kRuntime; }
llvm::StringRef lowbit::getWasmDeclarations() { return kDeclarations; }
