//===- ReferenceJit.cpp - runs the reference lowering ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceJit.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/TargetSelect.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <cstring>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define LOWBIT_LEAK_SANITIZER
#endif
#endif

using namespace mlir;

namespace lowbit::test {

std::unique_ptr<MLIRContext> createContext() {
  DialectRegistry registry;
  registry.insert<LowbitDialect, func::FuncDialect, linalg::LinalgDialect,
                  math::MathDialect, tensor::TensorDialect,
                  bufferization::BufferizationDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
      registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  return std::make_unique<MLIRContext>(registry,
                                       MLIRContext::Threading::DISABLED);
}

/// What compiled code calls to copy between strided arrays: element size, then
/// two unranked descriptors (rank, address of a ranked one).
extern "C" void copyArrays(int64_t size, int64_t *source, int64_t *target) {
  int64_t rank = source[0], count = 1;
  auto *from = reinterpret_cast<int64_t *>(source[1]);
  auto *to = reinterpret_cast<int64_t *>(target[1]);
  for (int64_t i = 0; i < rank; ++i)
    count *= from[3 + i];
  for (int64_t index = 0; index < count; ++index) {
    int64_t rest = index, read = from[2], write = to[2];
    for (int64_t i = rank - 1; i >= 0; --i) {
      int64_t digit = rest % from[3 + i];
      rest /= from[3 + i];
      read += digit * from[3 + rank + i];
      write += digit * to[3 + rank + i];
    }
    std::memcpy(reinterpret_cast<char *>(to[1]) + write * size,
                reinterpret_cast<char *>(from[1]) + read * size, size);
  }
}

/// Leaks are not reported while it lives: the pipeline below frees no buffers,
/// and what functions return is freed by hand.
struct KeepsBuffers {
#ifdef LOWBIT_LEAK_SANITIZER
  __lsan::ScopedDisabler disabler;
#endif
};

static void addPipeline(PassManager &manager) {
  LowerToLinalgPassOptions reference;
  reference.inlinesWeights = true;
  manager.addPass(createLowerToLinalgPass(reference));
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  manager.addPass(bufferization::createOneShotBufferizePass(bufferize));
  manager.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

ReferenceJit::ReferenceJit(ModuleOp module) {
  PassManager manager(module.getContext());
  addPipeline(manager);
  if (failed(manager.run(module))) {
    ADD_FAILURE() << "the pipeline fails";
    return;
  }
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  ExecutionEngineOptions options;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::None;
  auto created = ExecutionEngine::create(module, options);
  if (!created) {
    ADD_FAILURE() << llvm::toString(created.takeError());
    return;
  }
  engine = std::move(*created);
  engine->registerSymbols([](llvm::orc::MangleAndInterner mangle) {
    llvm::orc::SymbolMap symbols;
    symbols[mangle("memrefCopy")] = {
        llvm::orc::ExecutorAddr::fromPtr(&copyArrays),
        llvm::JITSymbolFlags::Exported};
    return symbols;
  });
}

/// A memref descriptor: two pointers, offset, extents, strides; all words.
static std::vector<int64_t> describe(const Array &array) {
  int64_t rank = array.shape.size();
  std::vector<int64_t> words(3 + 2 * rank, 0);
  words[0] = words[1] = reinterpret_cast<int64_t>(array.data);
  int64_t stride = 1;
  for (int64_t i = rank - 1; i >= 0; --i) {
    words[3 + i] = array.shape[i];
    words[3 + rank + i] = stride;
    stride *= array.shape[i];
  }
  return words;
}

std::vector<float> ReferenceJit::call(StringRef function,
                                      ArrayRef<Array> inputs, unsigned rank) {
  if (!engine)
    return {};
  std::vector<std::vector<int64_t>> descriptors{
      std::vector<int64_t>(3 + 2 * rank, 0)};
  for (const Array &input : inputs)
    descriptors.push_back(describe(input));
  std::vector<void *> pointers, arguments;
  for (auto &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  for (void *&pointer : pointers)
    arguments.push_back(&pointer);
  std::string name = ("_mlir_ciface_" + function).str();
  [[maybe_unused]] KeepsBuffers keepsBuffers;
  if (llvm::Error error = engine->invokePacked(name, arguments)) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return {};
  }
  const std::vector<int64_t> &result = descriptors.front();
  int64_t count = 1;
  for (unsigned i = 0; i < rank; ++i)
    count *= result[3 + i];
  const float *data = reinterpret_cast<const float *>(result[1]);
  std::vector<float> values(data, data + count);
  std::free(reinterpret_cast<void *>(result[0]));
  return values;
}

std::unique_ptr<ReferenceJit> compile(MLIRContext &context, StringRef text) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module) {
    ADD_FAILURE() << "the text is not a module";
    return nullptr;
  }
  return std::make_unique<ReferenceJit>(*module);
}

} // namespace lowbit::test
