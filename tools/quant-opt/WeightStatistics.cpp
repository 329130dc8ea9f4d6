//===- WeightStatistics.cpp - quant-opt --weight-statistics ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/WeightStatistics.h"
#include "Driver.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/LoadModel.h"

using namespace lowbit;

llvm::Error
lowbit::showWeightStatistics(llvm::StringRef input,
                             const DriverOptions &options,
                             const mlir::DialectRegistry &registry) {
  if (input == "-" || options.quantize != "none")
    return makeError("--weight-statistics looks at the float weights of a "
                     "model: it takes a file, and quantizes nothing");
  if (llvm::Error error = options.checkAlone(
          "weight-statistics",
          {"json", "shape", "candidates", DriverOptions::kInputName}))
    return error;
  mlir::MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  printRemarks(context, llvm::errs(), "quant-opt");
  LoadOptions load;
  load.dimensions.assign(options.shape.begin(), options.shape.end());
  auto module = loadModule(input, context, load);
  if (!module)
    return module.takeError();
  if (llvm::Error error = compileModule(**module, Phase::Raise, {}))
    return makeFileError(input, llvm::toString(std::move(error)));
  std::vector<std::string> methods(options.candidates.begin(),
                                   options.candidates.end());
  auto weights = describeWeights(**module, methods);
  if (!weights)
    return makeFileError(input, llvm::toString(weights.takeError()));
  printWeights(*weights, llvm::outs(), options.json);
  return llvm::Error::success();
}
