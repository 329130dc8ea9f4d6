//===- StackNeed.cpp - how deep the stack of compiled code is -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Frames are what LLVM's warnings about large ones say, with 0 as the size from
// which on it warns.
//
//===----------------------------------------------------------------------===//

#include "StackNeed.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"

using namespace lowbit;

static constexpr llvm::StringLiteral kAttribute = "warn-stack-size";

namespace {
/// Notes frames; all else is for who listened before.
class FrameHandler : public llvm::DiagnosticHandler {
public:
  FrameHandler(llvm::StringMap<uint64_t> &frames,
               std::unique_ptr<llvm::DiagnosticHandler> previous)
      : frames(frames), previous(std::move(previous)) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    auto *frame = llvm::dyn_cast<llvm::DiagnosticInfoStackSize>(&info);
    if (!frame)
      return previous->handleDiagnostics(info);
    frames[frame->getFunction().getName()] = frame->getResourceSize();
    return true;
  }

  std::unique_ptr<llvm::DiagnosticHandler> takePrevious() {
    return std::move(previous);
  }

private:
  llvm::StringMap<uint64_t> &frames;
  std::unique_ptr<llvm::DiagnosticHandler> previous;
};
} // namespace

StackNeed::StackNeed(llvm::Module &module) : module(module) {
  llvm::LLVMContext &context = module.getContext();
  context.setDiagnosticHandler(
      std::make_unique<FrameHandler>(frames, context.getDiagnosticHandler()));
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      function.addFnAttr(kAttribute, "0");
}

StackNeed::~StackNeed() {
  llvm::LLVMContext &context = module.getContext();
  std::unique_ptr<llvm::DiagnosticHandler> own = context.getDiagnosticHandler();
  context.setDiagnosticHandler(
      static_cast<FrameHandler &>(*own).takePrevious());
  for (llvm::Function &function : module)
    function.removeFnAttr(kAttribute);
}

namespace {
/// Adds frames up along calls.
class Depths {
public:
  explicit Depths(const llvm::StringMap<uint64_t> &frames) : frames(frames) {}

  std::optional<uint64_t> find(const llvm::Function &function);

private:
  std::optional<uint64_t> findCalled(const llvm::Function &function);

  const llvm::StringMap<uint64_t> &frames;
  /// Nothing for those that only a run tells of, and those at hand.
  llvm::DenseMap<const llvm::Function *, std::optional<uint64_t>> known;
};
} // namespace

/// The deepest of what `function` calls.
std::optional<uint64_t> Depths::findCalled(const llvm::Function &function) {
  uint64_t deepest = 0;
  for (const llvm::Instruction &instruction : llvm::instructions(function)) {
    auto *slot = llvm::dyn_cast<llvm::AllocaInst>(&instruction);
    if (slot && !slot->isStaticAlloca())
      return std::nullopt;
    auto *call = llvm::dyn_cast<llvm::CallBase>(&instruction);
    if (!call)
      continue;
    const llvm::Function *called = call->getCalledFunction();
    if (!called)
      return std::nullopt;
    // What isn't defined here is the run time, which the linker adds room for.
    std::optional<uint64_t> depth = called->isDeclaration() ? 0 : find(*called);
    if (!depth)
      return std::nullopt;
    deepest = std::max(deepest, *depth);
  }
  return deepest;
}

std::optional<uint64_t> Depths::find(const llvm::Function &function) {
  auto [place, isNew] = known.try_emplace(&function, std::nullopt);
  if (!isNew)
    return place->second;
  std::optional<uint64_t> depth = findCalled(function);
  if (depth)
    *depth += frames.lookup(function.getName());
  known[&function] = depth;
  return depth;
}

std::optional<uint64_t> StackNeed::getBytes() const {
  Depths depths(frames);
  uint64_t most = 0;
  for (const llvm::Function &function : module) {
    std::optional<uint64_t> depth = depths.find(function);
    if (!depth)
      return std::nullopt;
    most = std::max(most, *depth);
  }
  return most;
}
