//===- SetTarget.cpp - the GPU that a module is for -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/CodeGen/GPU/SPIRV.h"
#include "lowbit/IR/Lowbit.h"

#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"

namespace lowbit {
#define GEN_PASS_DEF_SETGPUTARGETPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct SetGPUTargetPass : lowbit::impl::SetGPUTargetPassBase<SetGPUTargetPass> {
  void runOnOperation() override {
    if (isa_and_nonnull<spirv::TargetEnvAttr>(
            getOperation()->getAttr(kTargetAttrName)))
      return;
    getOperation()->setAttr(kTargetAttrName,
                            getDefaultGPUTarget(&getContext()));
    ++numSet;
  }
};
} // namespace
