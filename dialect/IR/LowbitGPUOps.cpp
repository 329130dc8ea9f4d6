//===- LowbitGPUOps.cpp - operations of GPU code --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/LowbitGPUOps.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace lowbit;

void DispatchOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &input : getInputsMutable())
    if (isa<BaseMemRefType>(input.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &input);
  for (OpOperand &output : getOutputsMutable())
    if (isa<BaseMemRefType>(output.get().getType())) {
      effects.emplace_back(MemoryEffects::Read::get(), &output);
      effects.emplace_back(MemoryEffects::Write::get(), &output);
    }
}

LogicalResult DispatchOp::verify() {
  // K4
  ArrayRef<int64_t> sizes = getWorkgroups();
  if (sizes.size() != 3 ||
      llvm::any_of(sizes, [](int64_t size) { return size < 1; }))
    return emitOpError("requires three positive numbers of workgroups (K4), "
                       "found ")
           << getWorkgroupsAttr();
  // K5
  for (Value operand : getOperands())
    if (!cast<ShapedType>(operand.getType()).hasStaticShape())
      return emitOpError("requires operands of static shape (K5), found ")
             << operand.getType();
  return success();
}

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitGPUOps.cpp.inc"
