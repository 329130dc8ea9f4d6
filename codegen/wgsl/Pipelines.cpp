//===- Pipelines.cpp - lowbit-to-wgsl and its translation -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/CodeGen/WGSL/Printer.h"
#include "lowbit/IR/Lowbit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lowbit;

void lowbit::buildWGSLPipeline(OpPassManager &manager,
                               const WGSLPipelineOptions &options) {
  OpPassManager &module = manager.nest<gpu::GPUModuleOp>();
  module.addNestedPass<gpu::GPUFuncOp>(createWGSLExpandMathPass());
  module.addPass(createCanonicalizerPass());
  module.addPass(createCSEPass());
  module.addNestedPass<gpu::GPUFuncOp>(createWGSLWorkgroupMemoryPass());
  module.addNestedPass<gpu::GPUFuncOp>(createWGSLAssignNamesPass());
  WGSLVerifyPassOptions verify;
  verify.features.assign(options.features.begin(), options.features.end());
  module.addNestedPass<gpu::GPUFuncOp>(createWGSLVerifyPass(verify));
}

void lowbit::registerWGSLPipelines() {
  PassPipelineRegistration<WGSLPipelineOptions>(
      "lowbit-to-wgsl", "Bring GPU kernels to the form that is printed as WGSL",
      buildWGSLPipeline);
}

static LogicalResult translate(Operation *op, raw_ostream &os) {
  PassManager manager(op->getContext());
  WGSLPipelineOptions options;
  std::string features[] = {"f16", "packed_dot", "subgroups"};
  for (const std::string &feature : features)
    options.features.push_back(feature);
  buildWGSLPipeline(manager, options);
  if (failed(manager.run(op)))
    return failure();
  std::string text;
  llvm::raw_string_ostream stream(text);
  WalkResult result = op->walk([&](gpu::GPUFuncOp kernel) {
    stream << "//===== " << kernel.getName() << "\n";
    return WalkResult(printWGSL(kernel, stream));
  });
  if (result.wasInterrupted())
    return failure();
  os << text;
  return success();
}

void lowbit::registerWGSLTranslation() {
  static TranslateFromMLIRRegistration registration(
      "lowbit-to-wgsl", "GPU kernels as WGSL", translate,
      [](DialectRegistry &registry) {
        registry.insert<LowbitDialect, arith::ArithDialect, gpu::GPUDialect,
                        math::MathDialect, memref::MemRefDialect,
                        scf::SCFDialect, vector::VectorDialect>();
      });
}
