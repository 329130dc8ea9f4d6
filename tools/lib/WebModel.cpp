//===- WebModel.cpp - a model as a web module -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/WebModel.h"
#include "lowbit/CodeGen/Web/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

std::string lowbit::getWebManifestPath(llvm::StringRef module) {
  llvm::SmallString<128> path(module);
  llvm::sys::path::replace_extension(path, ".json");
  return path.str().str();
}

/// Bytes of all weights as f32 numbers, whatever they are stored as.
static uint64_t countFloatBytes(mlir::ModuleOp module) {
  uint64_t bytes = 0;
  module.walk([&](GlobalOp global) {
    if (auto type = llvm::dyn_cast<mlir::ShapedType>(global.getType()))
      bytes += 4 * type.getNumElements();
  });
  return bytes;
}

llvm::Error lowbit::writeWebModel(mlir::ModuleOp packed, llvm::StringRef output,
                                  const CompileOptions &options,
                                  llvm::StringRef precision,
                                  llvm::ArrayRef<std::string> shares) {
  WriteWebModulePassOptions write;
  write.output = output.str();
  write.precision = precision.str();
  llvm::append_range(write.shares, shares);
  write.bitsPerWeight = getWeightSize(packed).getBitsPerWeight();
  write.floatBytes = countFloatBytes(packed);
  if (llvm::Error error =
          compileModule(packed, Phase::Lower, options, Phase::Lower))
    return error;
  DiagnosticText errors(*packed.getContext());
  mlir::PassManager manager(packed.getContext());
  manager.addPass(createWriteWebModulePass(write));
  if (failed(manager.run(packed)))
    return errors.takeError("the model has no form as a web module");
  return llvm::Error::success();
}
