//===- IndexedTables.cpp - inputs that are rows of tables -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexedTables.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace lowbit;

static std::string getName(mlir::func::FuncOp function, unsigned argument) {
  auto name =
      function.getArgAttrOfType<mlir::StringAttr>(argument, kNameAttrName);
  return name ? name.str() : "input" + std::to_string(argument);
}

IndexedTables::IndexedTables(mlir::ModuleOp packed) {
  for (auto function : packed.getOps<mlir::func::FuncOp>()) {
    if (function.isExternal())
      continue;
    llvm::StringMap<int64_t> &inputs = functions[function.getSymName()];
    for (auto [i, rows] : llvm::enumerate(findIndexedRows(function)))
      if (rows != 0)
        inputs[::getName(function, i)] = rows;
  }
}

void IndexedTables::note(mlir::ModuleOp lowered) const {
  mlir::Builder builder(lowered.getContext());
  for (auto function : lowered.getOps<mlir::func::FuncOp>()) {
    auto inputs = functions.find(function.getSymName());
    if (inputs == functions.end())
      continue;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (auto rows = inputs->second.find(::getName(function, i));
          rows != inputs->second.end())
        function.setArgAttr(i, kGPUTableRowsAttrName,
                            builder.getI64IntegerAttr(rows->second));
  }
}
