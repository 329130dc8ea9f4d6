//===- Import.cpp - the front ends that a module asks for -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions from TOSA and quant canonicalize as they go, and a module that
// has neither must not change: hence a pipeline made for the module.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Pipelines.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/Transforms/Passes.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace lowbit {
#define GEN_PASS_DEF_IMPORTPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// What upstream has for `quant`: arithmetic on storage types.
static void buildLowerQuantPipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(quant::createLowerQuantOps());
  manager.addPass(quant::createStripFuncQuantTypes());
  manager.addPass(createCanonicalizerPass());
}

template <typename Dialect> static bool hasOperations(ModuleOp module) {
  auto result = module.walk([](Operation *op) {
    return isa_and_nonnull<Dialect>(op->getDialect()) ? WalkResult::interrupt()
                                                      : WalkResult::advance();
  });
  return result.wasInterrupted();
}

namespace {
struct ImportPass : lowbit::impl::ImportPassBase<ImportPass> {
  using ImportPassBase::ImportPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager all(ModuleOp::getOperationName());
    all.addPass(createImportQuantPass());
    buildLowerQuantPipeline(all);
    buildImportTosaPipeline(all);
    all.addPass(createImportLinalgPass());
    all.addPass(createImportGlobalsPass());
    all.getDependentDialects(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (hasOperations<quant::QuantDialect>(module) &&
        failed(run([](OpPassManager &manager) {
          manager.addPass(createImportQuantPass());
        })))
      return signalPassFailure();
    if (hasOperations<quant::QuantDialect>(module) &&
        failed(run(buildLowerQuantPipeline)))
      return signalPassFailure();
    if (hasOperations<tosa::TosaDialect>(module) &&
        failed(run(buildImportTosaPipeline)))
      return signalPassFailure();
    if (failed(run([](OpPassManager &manager) {
          manager.addPass(createImportLinalgPass());
          manager.addPass(createImportGlobalsPass());
        })))
      return signalPassFailure();
  }

private:
  LogicalResult run(llvm::function_ref<void(OpPassManager &)> build) {
    OpPassManager manager(ModuleOp::getOperationName());
    build(manager);
    ++numFrontEnds;
    return runPipeline(manager, getOperation());
  }
};
} // namespace
