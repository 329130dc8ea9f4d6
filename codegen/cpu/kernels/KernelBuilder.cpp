//===- KernelBuilder.cpp - the few idioms of kernel code ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace lowbit::cpu;

Value KernelBuilder::constant(DenseElementsAttr numbers) {
  auto module = getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  ArrayRef<char> data = numbers.getRawData();
  ArrayRef<uint8_t> raw(reinterpret_cast<const uint8_t *>(data.data()),
                        data.size());
  std::string name;
  llvm::raw_string_ostream(name)
      << "lowbit_table_" << numbers.getElementType() << "_"
      << llvm::utohexstr(llvm::xxh3_64bits(raw), /*LowerCase=*/true);
  auto global = module.lookupSymbol<memref::GlobalOp>(name);
  if (!global) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(module.getBody());
    ShapedType type = numbers.getType();
    global = memref::GlobalOp::create(
        *this, name, getStringAttr("private"),
        MemRefType::get(type.getShape(), type.getElementType()), numbers,
        /*constant=*/true, /*alignment=*/IntegerAttr());
  }
  return memref::GetGlobalOp::create(*this, global.getType(),
                                     global.getSymName());
}
