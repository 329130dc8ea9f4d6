//===- BufferBytes.cpp - what buffers of a schedule take ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferBytes.h"
#include "Fills.h"
#include "LinalgKernel.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace lowbit;

/// Every buffer can be read as vectors of four words.
static constexpr int64_t kBufferAlignment = 16;

int64_t lowbit::getBufferBytes(MemRefType type, bool isPacked) {
  Type element = type.getElementType();
  int64_t bits = 32;
  if (isPacked && !element.isIndex())
    bits = std::min(
        32u, element.isInteger(1) ? 32u : element.getIntOrFloatBitWidth());
  return llvm::alignTo(std::max<int64_t>(type.getNumElements() * bits / 8, 1),
                       kBufferAlignment);
}

LogicalResult lowbit::checkSize(DispatchOp dispatch, Value base) {
  constexpr int64_t kMostBytes = (int64_t(1) << 32) - kBufferAlignment;
  auto type = dyn_cast<MemRefType>(base.getType());
  if (!type || !type.hasStaticShape())
    return success();
  int64_t bytes = getBufferBytes(type, isPacked(base));
  if (bytes <= kMostBytes)
    return success();
  return dispatch.emitError("GPU kernels require buffers below 4 GiB, found ")
         << llvm::formatv("{0:f1}", bytes / 1073741824.0).str()
         << " GiB for a tensor of type "
         << RankedTensorType::get(type.getShape(), type.getElementType())
         << ": make its dimensions smaller, with --shape, --max-length or "
            "--prefill-length";
}

/// Bytes that a kernel's argument has.
static int64_t getArgumentBytes(MemRefType type) {
  Type element = type.getElementType();
  int64_t bits = 32;
  if (auto vector = dyn_cast<VectorType>(element))
    bits *= vector.getNumElements();
  return llvm::alignTo(std::max<int64_t>(type.getNumElements() * bits / 8, 1),
                       kBufferAlignment);
}

LogicalResult lowbit::checkPacking(DispatchOp dispatch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<gpu::GPUFuncOp>(
      dispatch, dispatch.getKernelAttr());
  if (!kernel)
    return success();
  for (auto [i, operand, type] :
       llvm::enumerate(dispatch->getOperands(), kernel.getArgumentTypes())) {
    Value base = getBaseBuffer(operand);
    auto buffer = cast<MemRefType>(base.getType());
    auto argument = dyn_cast<MemRefType>(type);
    if (!argument || !argument.hasStaticShape() || !buffer.hasStaticShape())
      continue;
    bool packed = isPacked(base);
    int64_t taken = getArgumentBytes(argument);
    int64_t bytes = getBufferBytes(buffer, packed);
    auto part = cast<MemRefType>(operand.getType());
    if (taken == bytes ||
        (part.hasStaticShape() && taken == getBufferBytes(part, packed)))
      continue;
    InFlightDiagnostic error =
        dispatch.emitError("a schedule requires buffers that have what kernels "
                           "take, found ")
        << bytes << " bytes in operand " << i << " of type " << buffer
        << (packed ? ", whose elements are packed into words, where "
                   : ", with a word for each element, where ")
        << dispatch.getKernelAttr() << " takes " << taken;
    error.attachNote(kernel.getLoc()) << "argument " << i << " is " << type;
    return failure();
  }
  return success();
}
