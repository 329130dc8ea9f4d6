//===- Linker.h - objects to shared libraries -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_LINKER_H
#define LOWBIT_TOOLS_LIB_LINKER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace lowbit {

/// The compiler driver that links: `name` if it is not empty, else the first
/// of clang-22, clang, gcc, cc that is found. None is an error.
llvm::Expected<std::string> findLinker(llvm::StringRef name);

/// The linker of WebAssembly: `name` if it is not empty, else the first of
/// wasm-ld-22, wasm-ld that is found. None is an error.
llvm::Expected<std::string> findWasmLinker(llvm::StringRef name);

/// The run-time library: `name` if it is not empty, else the one that was built
/// or installed with the running tool. None is an error.
llvm::Expected<std::string> findRuntime(llvm::StringRef name);

/// The same for WebAssembly.
llvm::Expected<std::string> findWasmRuntime(llvm::StringRef name);

/// What a shared library is made of.
struct LinkJob {
  std::string linker;
  std::string runtime;
  std::string object;
  std::string output;
  /// The name by which programs find the library.
  std::string soname;
  /// Whether it needs OpenMP.
  bool usesThreads = false;
  /// Bytes of stack that the object's code needs, of WebAssembly, if that is
  /// known.
  std::optional<uint64_t> stackBytes = std::nullopt;
};

/// Links a shared library with Lowbit's run time. The linker's messages become
/// the error's text.
llvm::Error linkShared(const LinkJob &job);

/// Links a module of WebAssembly from an object and the run time. It imports
/// nothing and exports its memory, the run time and `functions`. A name that
/// nobody defines is an error.
llvm::Error linkWasm(const LinkJob &job, llvm::ArrayRef<std::string> functions);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_LINKER_H
