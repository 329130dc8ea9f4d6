//===- SetLinkage.cpp - who sees a function -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/FunctionPasses.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUSETLINKAGEPASS
#include "lowbit/CodeGen/CPU/FunctionPasses.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
struct CPUSetLinkagePass
    : lowbit::impl::CPUSetLinkagePassBase<CPUSetLinkagePass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    Builder b(&getContext());
    if (function.isPublic() || function.isDeclaration()) {
      function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                        b.getUnitAttr());
      return;
    }
    // Names and values that the conversion to LLVM's dialect looks for.
    function->setAttr(
        "llvm.linkage",
        LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal));
    function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    ++numInternal;
  }
};
} // namespace
