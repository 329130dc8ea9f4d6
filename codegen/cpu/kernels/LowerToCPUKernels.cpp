//===- LowerToCPUKernels.cpp - packed layers become kernel calls ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass: which ops are lowered, and what is left over. Layers are in
// LowerLinear.cpp, embeddings in LowerEmbedding.cpp.
//
//===----------------------------------------------------------------------===//

#include "LowerEmbedding.h"
#include "LowerLinear.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

namespace lowbit {
#define GEN_PASS_DEF_LOWERTOCPUKERNELSPASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

/// Erases activations and weights that no op reads any more.
static void eraseUnused(ModuleOp module) {
  module.walk([](QuantizeOp op) {
    if (op.use_empty())
      op.erase();
  });
  module.walk([](WeightOp op) {
    if (op.use_empty())
      op.erase();
  });
  // One walk for all globals: kernels are long.
  auto uses = SymbolTable::getSymbolUses(&module.getBodyRegion());
  if (!uses)
    return;
  llvm::DenseSet<StringAttr> used;
  for (SymbolTable::SymbolUse use : *uses)
    used.insert(use.getSymbolRef().getRootReference());
  for (GlobalOp global : llvm::make_early_inc_range(module.getOps<GlobalOp>()))
    if (!used.contains(global.getSymNameAttr()))
      global.erase();
}

namespace {

struct LowerToCPUKernelsPass
    : lowbit::impl::LowerToCPUKernelsPassBase<LowerToCPUKernelsPass> {
  using LowerToCPUKernelsPassBase::LowerToCPUKernelsPassBase;

  /// What the options say of kernels.
  CPUTuning getTuning() const {
    CPUTuning tuning;
    tuning.kernelRows = rowTile;
    tuning.kernelColumns = columnChunk;
    tuning.prefetchBytes = prefetchBytes;
    tuning.prefetchLevel = prefetchLevel;
    tuning.chainedSums = chainedSums;
    tuning.tileRows = tileRows;
    tuning.unpackedRows = unpackedRows;
    tuning.taskProducts = taskProducts;
    tuning.taskValues = taskValues;
    return tuning;
  }

  void runOnOperation() override {
    CPUTuning tuning = getTuning();
    if (std::string wrong = explainInvalid(tuning); !wrong.empty()) {
      getOperation()->emitError() << wrong;
      return signalPassFailure();
    }
    KernelCalls calls(getOperation(), tuning);
    LinearLowering linear(calls, floatActivations);
    numCalls += lowerAll<LinearOp>([&](auto op) { return linear.lower(op); });
    numEmbeddings += lowerAll<EmbeddingOp>(
        [&](auto op) { return lowerEmbedding(calls, op); });
    eraseUnused(getOperation());
    numKernels += calls.getNumKernels();
  }

  /// Lowers all ops of a kind whose weights are quantized, and returns how many
  /// became calls. `lower` returns why one has no kernel.
  template <typename Op>
  int64_t lowerAll(function_ref<std::optional<std::string>(Op)> lower) {
    SmallVector<Op> ops;
    getOperation().walk([&](Op op) {
      if (isa<QuantizedTensorType>(op.getWeight().getType()))
        ops.push_back(op);
    });
    int64_t lowered = 0;
    for (Op op : ops) {
      std::optional<std::string> reason = lower(op);
      if (reason)
        op.emitRemark() << "has no CPU kernel and is left to the reference "
                           "lowering: "
                        << *reason;
      else
        ++lowered;
    }
    return lowered;
  }
};

} // namespace
