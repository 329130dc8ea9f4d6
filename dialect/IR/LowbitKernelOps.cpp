//===- LowbitKernelOps.cpp - operations of generated kernels --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constraints are numbered as in SPEC.md.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/LowbitTableOps.h"
#include "lowbit/IR/LowbitWordOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace lowbit;

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitTableOps.cpp.inc"

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitWordOps.cpp.inc"

void CallKernelOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : (*this)->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

LogicalResult CallKernelOp::verify() {
  // K1
  unsigned tensors =
      llvm::count_if(getOutputs().getTypes(), llvm::IsaPred<RankedTensorType>);
  if (tensors == getNumResults())
    return success();
  return emitOpError() << "requires one result for each of " << tensors
                       << " output tensors (K1), found " << getNumResults();
}

LogicalResult CallKernelOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // K2
  Operation *symbol = symbols.lookupNearestSymbolFrom(*this, getKernelAttr());
  auto kernel = dyn_cast_or_null<FunctionOpInterface>(symbol);
  if (!kernel) {
    InFlightDiagnostic diagnostic = emitOpError()
                                    << "requires a function called '"
                                    << getKernel() << "' (K2), found ";
    if (symbol)
      return diagnostic << symbol->getName();
    return diagnostic << "none";
  }
  // K3
  ArrayRef<Type> types = kernel.getArgumentTypes();
  size_t buffers = getInputs().size() + getOutputs().size();
  if (types.size() == buffers + 2 &&
      llvm::all_of(types.take_back(2), llvm::IsaPred<IndexType>))
    return success();
  return emitOpError() << "requires a kernel that takes " << buffers
                       << " inputs and outputs and two indices (K3), found "
                       << kernel.getFunctionType();
}

LogicalResult Dot4Op::verify() {
  // V1
  int64_t lanes = getAccumulator().getType().getNumElements();
  int64_t bytes = getCodes().getType().getNumElements();
  if (bytes != 4 * lanes)
    return emitOpError() << "requires four bytes for each of " << lanes
                         << " lanes (V1), found " << bytes << " bytes";
  // V2
  int32_t greatest = getSignedCodes() ? 128 : 255;
  if (auto bound = getLargest();
      bound && (int32_t(*bound) < 1 || int32_t(*bound) > greatest))
    return emitOpError() << "requires a bound of 1 to " << greatest
                         << " (V2), found " << int32_t(*bound);
  return success();
}

LogicalResult LutOp::verify() {
  // V3
  size_t size = getTable().size(), most = getUpper() ? 65536 : 256;
  if (size < 2 || size > most || !llvm::isPowerOf2_64(size))
    return emitOpError() << "requires a table of 2 to " << most
                         << " bytes, a power of two (V3), found " << size;
  // V6
  if (!getUpper() || getUpper().getType() == getIndices().getType())
    return success();
  return emitOpError() << "requires as many upper bytes as lower ones (V6), "
                          "found "
                       << getUpper().getType() << " and "
                       << getIndices().getType();
}

LogicalResult LearnedLutOp::verify() {
  // V7
  int64_t all = getTables().getType().getNumElements();
  int64_t count = getPerRow() ? getType().getNumElements() / 4 : 1;
  int64_t size = all / count;
  if (all % count == 0 && size >= 2 && size <= 256 && llvm::isPowerOf2_64(size))
    return success();
  return emitOpError() << "requires " << (getPerRow() ? "a table" : "one table")
                       << " of 2 to 256 bytes, a power of two, for "
                       << (getPerRow() ? "each of " : "all of ")
                       << getType().getNumElements() / 4
                       << " lanes (V7), found " << all << " bytes";
}

LogicalResult HashOp::verify() {
  // V8
  size_t bits = getUpper() ? 16 : 8;
  if (getImages().size() != bits)
    return emitOpError() << "requires an image for each of " << bits
                         << " bits (V8), found " << getImages().size();
  // V9
  if (!getUpper() || getUpper().getType() == getIndices().getType())
    return success();
  return emitOpError() << "requires as many upper bytes as lower ones (V9), "
                          "found "
                       << getUpper().getType() << " and "
                       << getIndices().getType();
}

LogicalResult WindowsOp::verify() {
  // V4
  int64_t lanes = getResult().getType().getNumElements() / 4;
  if (int64_t(getStarts().size()) != lanes)
    return emitOpError() << "requires a start for each of " << lanes
                         << " lanes (V4), found " << getStarts().size();
  // V5
  int64_t last = getStreams().getType().getNumElements() / 4 * 8 - 8;
  for (int32_t start : getStarts())
    if (start < 0 || start > last)
      return emitOpError() << "requires starts of 0 to " << last
                           << " (V5), found " << start;
  return success();
}
