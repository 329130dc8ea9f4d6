//===- SetCPUTarget.cpp - the module's CPU --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/CPUTables.h"
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

/// The first description for the architecture whose features are all there.
static const CPUDescription &
findBest(llvm::Triple::ArchType arch,
         llvm::function_ref<bool(StringRef)> hasFeature) {
  return *llvm::find_if(
      getCPUDescriptions(), [&](const CPUDescription &description) {
        return (description.arch == llvm::Triple::UnknownArch ||
                description.arch == arch) &&
               llvm::all_of(description.getFeatures(), hasFeature);
      });
}

static const CPUDescription &findHost() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return findBest(llvm::Triple(llvm::sys::getProcessTriple()).getArch(),
                  [&](StringRef name) { return features.lookup(name); });
}

bool lowbit::isSupportedHere(const CPUDescription &description) {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  llvm::Triple host(llvm::sys::getProcessTriple());
  return (description.arch == llvm::Triple::UnknownArch ||
          description.arch == host.getArch()) &&
         llvm::all_of(description.getFeatures(),
                      [&](StringRef name) { return features.lookup(name); });
}

ProcessorName lowbit::getProcessorName(StringRef cpu,
                                       const llvm::Triple &triple) {
  if (cpu == "portable")
    return {triple.getArch() == llvm::Triple::x86_64 ? "x86-64" : "generic",
            ""};
  if (triple.isWasm() && cpu == "simd128")
    return {"generic", "+simd128"};
  if (triple.isWasm() && cpu == "relaxed-simd")
    return {"generic", "+simd128,+relaxed-simd"};
  return {cpu.str(), ""};
}

/// Architectures that LLVM generates code for, but can't run it at once: those
/// that compiled code can be for, and GPUs and such.
static bool isProcessor(const llvm::Target &target,
                        const llvm::Triple &triple) {
  return target.hasJIT() || triple.getArch() == llvm::Triple::wasm32;
}

llvm::Expected<const CPUDescription *>
lowbit::findCPUDescription(StringRef cpu, StringRef tripleName) {
  static const bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargetMCs();
    return true;
  }();
  (void)initialized;
  llvm::Triple host(llvm::sys::getProcessTriple());
  llvm::Triple triple = tripleName.empty()
                            ? host
                            : llvm::Triple(llvm::Triple::normalize(tripleName));
  std::string problem;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, problem);
  if (!target)
    return llvm::createStringError(
        "triple: requires one that LLVM knows, found '" + tripleName + "'");
  if (!isProcessor(*target, triple))
    return llvm::createStringError(
        "triple: requires a processor that LLVM's just-in-time compiler knows, "
        "or wasm32, found '" +
        tripleName + "'");
  if (cpu == "portable")
    return &getCPUDescription(CPUTable::Portable);
  if (cpu == "native") {
    if (triple.getArch() == host.getArch())
      return &findHost();
    return llvm::createStringError("cpu: requires a name for " + triple.str() +
                                   ", since this machine is " + host.str() +
                                   ", found native; give the processor's name "
                                   "or portable with --mcpu (passes: cpu=)");
  }
  std::unique_ptr<llvm::MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, "", ""));
  ProcessorName name = getProcessorName(cpu, triple);
  if (!info->isCPUStringValid(name.cpu))
    return llvm::createStringError(
        "cpu: requires native, portable" +
        llvm::Twine(triple.isWasm() ? ", simd128, relaxed-simd" : "") +
        " or a name that LLVM knows for " + triple.str() + ", found '" + cpu +
        "'");
  info.reset(target->createMCSubtargetInfo(triple, name.cpu, name.features));
  return &findBest(triple.getArch(), [&](StringRef name) {
    return info->checkFeatures(("+" + name).str());
  });
}

namespace {

struct SetCPUTargetPass : lowbit::impl::SetCPUTargetPassBase<SetCPUTargetPass> {
  using SetCPUTargetPassBase::SetCPUTargetPassBase;

  void runOnOperation() override {
    Attribute existing = getOperation()->getAttr(kTargetAttrName);
    if (existing &&
        (!replace || (keepsOthers && !isa<CPUTargetAttr>(existing))))
      return;
    llvm::Expected<const CPUDescription *> description =
        findCPUDescription(cpu, triple);
    if (!description) {
      emitError(getOperation().getLoc())
          << llvm::toString(description.takeError());
      return signalPassFailure();
    }
    getOperation()->setAttr(
        kTargetAttrName,
        CPUTargetAttr::get(&getContext(), (*description)->table));
    ++numSet;
  }
};

} // namespace
