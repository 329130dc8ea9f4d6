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

Value KernelBuilder::table(ArrayRef<float> numbers) {
  auto module = getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  ArrayRef<uint8_t> raw(reinterpret_cast<const uint8_t *>(numbers.data()),
                        numbers.size() * sizeof(float));
  std::string name = "lowbit_table_" + llvm::utohexstr(llvm::xxh3_64bits(raw),
                                                       /*LowerCase=*/true);
  auto global = module.lookupSymbol<memref::GlobalOp>(name);
  if (!global) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(module.getBody());
    auto type = RankedTensorType::get({int64_t(numbers.size())}, getF32Type());
    global = memref::GlobalOp::create(
        *this, name, getStringAttr("private"),
        MemRefType::get(type.getShape(), type.getElementType()),
        DenseElementsAttr::get(type, numbers), /*constant=*/true,
        /*alignment=*/IntegerAttr());
  }
  return memref::GetGlobalOp::create(*this, global.getType(),
                                     global.getSymName());
}
