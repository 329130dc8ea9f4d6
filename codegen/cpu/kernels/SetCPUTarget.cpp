//===- SetCPUTarget.cpp - the module's CPU --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/HostCPU.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_SETCPUTARGETPASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

/// What the table avx512_vnni uses.
static constexpr llvm::StringLiteral kVNNIFeatures[] = {
    "avx512f", "avx512bw", "avx512vl", "avx512vnni"};

static bool hostHasVNNI() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return llvm::all_of(kVNNIFeatures,
                      [&](StringRef name) { return features.lookup(name); });
}

llvm::Expected<CPUTargetAttr> lowbit::getCPUTarget(MLIRContext *context,
                                                   StringRef cpu) {
  CPUTable table = CPUTable::Portable;
  if (cpu == "native") {
    if (hostHasVNNI())
      table = CPUTable::AVX512VNNI;
    return CPUTargetAttr::get(context, table);
  }
  if (cpu == "portable")
    return CPUTargetAttr::get(context, table);
  llvm::InitializeNativeTarget();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string problem;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, problem);
  if (!target)
    return llvm::createStringError(problem);
  std::unique_ptr<llvm::MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!info->isCPUStringValid(cpu))
    return llvm::createStringError(
        "cpu: requires native, portable or a name that "
        "LLVM knows for " +
        triple.str() + ", found '" + cpu + "'");
  info.reset(target->createMCSubtargetInfo(triple, cpu, ""));
  if (llvm::all_of(kVNNIFeatures, [&](StringRef name) {
        return info->checkFeatures(("+" + name).str());
      }))
    table = CPUTable::AVX512VNNI;
  return CPUTargetAttr::get(context, table);
}

namespace {

struct SetCPUTargetPass : lowbit::impl::SetCPUTargetPassBase<SetCPUTargetPass> {
  using SetCPUTargetPassBase::SetCPUTargetPassBase;

  void runOnOperation() override {
    if (!replace && getOperation()->hasAttr(kTargetAttrName))
      return;
    auto target = getCPUTarget(&getContext(), cpu);
    if (!target) {
      emitError(getOperation().getLoc()) << llvm::toString(target.takeError());
      return signalPassFailure();
    }
    getOperation()->setAttr(kTargetAttrName, *target);
    ++numSet;
  }
};

} // namespace
