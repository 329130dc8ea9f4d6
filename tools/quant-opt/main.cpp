//===- main.cpp - quant-opt -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `quant-opt MODEL --quantize=... -o OUT` compiles a model; with pass options
// alone it is an mlir-opt that knows the lowbit dialect.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/FatalErrors.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  lowbit::exitOnFatalErrors("quant-opt");
  lowbit::registerPasses();
  mlir::DialectRegistry registry;
  lowbit::registerDialects(registry);
  lowbit::DriverOptions options;
  std::string help =
      mlir::registerCLIOptions(lowbit::DriverOptions::help(), registry);
  options.hideForeignOptions();
  auto [input, output] = mlir::parseCLIOptions(argc, argv, help);
  if (options.printTargets) {
    lowbit::printCPUDescriptions(llvm::outs());
    return EXIT_SUCCESS;
  }
  bool handlesStatistics =
      !options.printStatistics.empty() || !options.mergeStatistics.empty();
  if (!handlesStatistics && !options.isUsed(input))
    return mlir::asMainReturnCode(
        mlir::MlirOptMain(argc, argv, input, output, registry));
  if (llvm::Error error =
          handlesStatistics
              ? lowbit::handleStatistics(output, options)
              : lowbit::compileFile(input, output, options, registry)) {
    llvm::WithColor::error(llvm::errs(), "quant-opt")
        << llvm::toString(std::move(error)) << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
