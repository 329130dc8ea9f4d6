//===- UpdateStates.cpp - states are buffers that stay --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUUPDATESTATESPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Whether rows of a state fill words, and nothing less than words is written
/// to it.
static bool isWrittenByWords(BlockArgument state) {
  auto type = cast<MemRefType>(state.getType());
  Type element = type.getElementType();
  if (!element.isIntOrFloat() || element.isInteger(1) || type.getRank() == 0)
    return false;
  int64_t bits = element.getIntOrFloatBitWidth(),
          width = type.getShape().back();
  if (bits >= 32 || 32 % bits != 0 || width * bits % 32 != 0)
    return false;
  auto fillsWords = [&](OpFoldResult columns) {
    std::optional<int64_t> count = getConstantIntValue(columns);
    return count && *count * bits % 32 == 0;
  };
  return llvm::all_of(state.getUsers(), [&](Operation *user) {
    auto slice = dyn_cast<memref::SubViewOp>(user);
    return !slice || (fillsWords(slice.getMixedOffsets().back()) &&
                      fillsWords(slice.getMixedSizes().back()));
  });
}

namespace {
struct GPUUpdateStatesPass
    : lowbit::impl::GPUUpdateStatesPassBase<GPUUpdateStatesPass> {
  void runOnOperation() override {
    auto kind =
        StringAttr::get(&getContext(), lowbit::getName(GPUBufferKind::State));
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      FailureOr<SmallVector<unsigned>> states = dropStateResults(function);
      if (failed(states))
        return signalPassFailure();
      for (unsigned number : *states) {
        function.setArgAttr(number, kGPUKindAttrName, kind);
        if (isWrittenByWords(function.getArgument(number)))
          function.setArgAttr(number, kGPUPackedAttrName,
                              UnitAttr::get(&getContext()));
      }
      numStates += states->size();
    }
  }
};
} // namespace
