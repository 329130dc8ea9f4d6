//===- WeightBytes.cpp - data of a schedule's weights ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferBytes.h"
#include "KernelModule.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/Pipelines.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace lowbit;

/// The numbers of `data`, integers of one bit or of 64.
static FailureOr<SmallVector<int64_t>> getIntegers(Operation *op,
                                                   ElementsAttr data) {
  bool isBoolean = data.getElementType().isInteger(1);
  SmallVector<int64_t> numbers;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return op->emitError("a weight has no data"), failure();
    if (!isBoolean)
      return llvm::to_vector(blob->getDataAs<int64_t>());
    for (char byte : blob->getData())
      numbers.push_back(byte != 0);
    return numbers;
  }
  for (const APInt &value : cast<DenseElementsAttr>(data).getValues<APInt>())
    numbers.push_back(isBoolean ? value.getZExtValue() : value.getSExtValue());
  return numbers;
}

/// `data` in words where its elements are booleans or of 64 bits.
static FailureOr<ElementsAttr> asWords(Operation *op, ElementsAttr data) {
  Type element = data.getElementType();
  if (!element.isInteger(1) && !element.isInteger(64) && !element.isIndex())
    return data;
  FailureOr<SmallVector<int64_t>> numbers = getIntegers(op, data);
  if (failed(numbers))
    return failure();
  if (!llvm::all_of(*numbers, [](int64_t n) { return llvm::isInt<32>(n); }))
    return op->emitError("GPU kernels require integers of 32 bits, found a "
                         "constant beyond them of type ")
               << data.getType(),
           failure();
  auto type = RankedTensorType::get(data.getShapedType().getShape(),
                                    IntegerType::get(op->getContext(), 32));
  return ElementsAttr(DenseElementsAttr::get(
      type, ArrayRef(llvm::to_vector_of<int32_t>(*numbers))));
}

LogicalResult lowbit::convertGlobals(ModuleOp module) {
  NamedAttrList data;
  if (auto weights = module->getAttrOfType<DictionaryAttr>(kGPUWeightsAttrName))
    data.append(weights.getValue());
  Builder builder(module.getContext());
  for (auto global :
       llvm::make_early_inc_range(module.getOps<memref::GlobalOp>())) {
    if (SymbolTable::symbolKnownUseEmpty(global, module)) {
      data.erase(global.getSymName());
      global.erase();
      continue;
    }
    auto elements = dyn_cast_or_null<ElementsAttr>(
        global.isExternal() ? data.get(global.getSymName())
                            : *global.getInitialValue());
    if (!elements)
      return global.emitError("a weight's buffer requires data");
    FailureOr<ElementsAttr> words = asWords(global, elements);
    if (failed(words))
      return failure();
    data.set(global.getSymName(), *words);
    global.setType(MemRefType::get({getBufferBytes(global.getType(), true)},
                                   builder.getI8Type()));
    global.removeInitialValueAttr();
  }
  module->setAttr(kGPUWeightsAttrName, data.getDictionary(module.getContext()));
  return success();
}
