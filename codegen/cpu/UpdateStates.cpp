//===- UpdateStates.cpp - states are updated in place ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUUPDATESTATESPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct CPUUpdateStatesPass
    : lowbit::impl::CPUUpdateStatesPassBase<CPUUpdateStatesPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      FailureOr<SmallVector<unsigned>> states = dropStateResults(function);
      if (failed(states))
        return signalPassFailure();
      numStates += states->size();
    }
  }
};
} // namespace
