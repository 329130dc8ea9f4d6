//===- Outline.cpp - one function for equal loops -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A transformer repeats its layers, so its loops repeat too. Outlined before
// vectorization they are compiled once; upstream's elimination of duplicate
// functions does the merging. Loops that call kernels are outlined, too, so the
// code that hands a kernel to threads is shared as well.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Func/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUOUTLINEPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
struct CPUOutlinePass : lowbit::impl::CPUOutlinePassBase<CPUOutlinePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (auto function : llvm::to_vector(module.getOps<func::FuncOp>())) {
      SmallVector<Operation *> loops;
      collectLoops(function.getBody(), loops);
      for (auto [index, loop] : llvm::enumerate(loops))
        outline(symbols, function, loop, index);
      numOutlined += loops.size();
    }
    OpPassManager merge(ModuleOp::getOperationName());
    merge.addPass(func::createDuplicateFunctionEliminationPass());
    if (failed(runPipeline(merge, module)))
      return signalPassFailure();
    for (auto function : module.getOps<func::FuncOp>())
      numFunctions += function.isPrivate() && !function.isDeclaration();
  }

  /// Loops of `region` and of the branches in it, where attention is. What is
  /// small enough for one thread stays in a branch.
  static void collectLoops(Region &region, SmallVectorImpl<Operation *> &loops,
                           bool isBranch = false) {
    for (Operation &op : region.getOps()) {
      bool isLoop =
          isBranch ? isa<scf::ForallOp, scf::ParallelOp>(op)
                   : isa<scf::ForallOp, scf::ParallelOp, linalg::LinalgOp>(op);
      if (isLoop && op.getNumResults() == 0)
        loops.push_back(&op);
      if (auto branch = dyn_cast<scf::IfOp>(op))
        for (Region &inner : branch->getRegions())
          collectLoops(inner, loops, /*isBranch=*/true);
    }
  }

  /// Values from outside, in the order of their first use, so that equal loops
  /// take equal argument lists. Constants are copied into the function instead.
  static void collectInputs(Operation *op, llvm::SetVector<Value> &inputs,
                            llvm::SetVector<Operation *> &constants) {
    auto take = [&](Value value) {
      Operation *producer = value.getDefiningOp();
      if (producer && producer->hasTrait<OpTrait::ConstantLike>())
        constants.insert(producer);
      else
        inputs.insert(value);
    };
    op->walk<WalkOrder::PreOrder>([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (!op->isProperAncestor(operand.getParentBlock()->getParentOp()) &&
            operand.getParentBlock()->getParentOp() != op)
          take(operand);
    });
  }

  static void outline(SymbolTable &symbols, func::FuncOp parent, Operation *op,
                      unsigned index) {
    llvm::SetVector<Value> inputs;
    llvm::SetVector<Operation *> constants;
    collectInputs(op, inputs, constants);

    OpBuilder builder(op);
    auto type = builder.getFunctionType(
        TypeRange(ValueRange(inputs.getArrayRef())), {});
    // Locations name the loop in diagnostics and keep nothing else apart.
    auto function = func::FuncOp::create(
        op->getLoc(), (parent.getName() + "_loop_" + Twine(index)).str(), type);
    function.setPrivate();
    symbols.insert(function, std::next(parent->getIterator()));

    Block *entry = function.addEntryBlock();
    IRMapping mapping;
    mapping.map(inputs.getArrayRef(), entry->getArguments());
    OpBuilder inside = OpBuilder::atBlockEnd(entry);
    for (Operation *constant : constants)
      inside.clone(*constant, mapping);
    inside.clone(*op, mapping);
    func::ReturnOp::create(inside, op->getLoc());

    func::CallOp::create(builder, op->getLoc(), function, inputs.getArrayRef());
    op->erase();
  }
};
} // namespace
