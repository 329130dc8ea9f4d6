//===- UpdateStates.cpp - states are buffers that stay --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUUPDATESTATESPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

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
      for (unsigned number : *states)
        function.setArgAttr(number, kGPUKindAttrName, kind);
      numStates += states->size();
    }
  }
};
} // namespace
