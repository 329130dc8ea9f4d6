//===- IndexedTables.h - inputs that are rows of tables ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A GPU reads something, or nothing, where an index is beyond a table. So hosts
// are told how many rows there are, and refuse such an index.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_INDEXEDTABLES_H
#define LOWBIT_TOOLS_LIB_INDEXEDTABLES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace lowbit {

/// Which inputs of each function index embedding tables, and how many rows
/// these have.
class IndexedTables {
public:
  /// Of a module that still has its embeddings.
  explicit IndexedTables(mlir::ModuleOp packed);

  /// Notes it at the arguments of the host functions that these have become.
  void note(mlir::ModuleOp lowered) const;

private:
  llvm::StringMap<llvm::StringMap<int64_t>> functions;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_INDEXEDTABLES_H
