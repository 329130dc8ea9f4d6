//===- main.cpp - quant-opt -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `quant-opt MODEL --quantize=... -o OUT` compiles a model; with pass options
// alone it is an mlir-opt that knows the lowbit dialect.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Driver.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/CommandLine.h"
#include "lowbit/Tools/FatalErrors.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/PrintableText.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

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
  auto fail = [](llvm::Error error) {
    lowbit::printError("quant-opt", std::move(error));
    return EXIT_FAILURE;
  };
  if (llvm::Error error = lowbit::parseCommandLine(argc, argv, help))
    return fail(std::move(error));
  if (llvm::Error error = options.checkOccurrences())
    return fail(std::move(error));
  llvm::StringRef input = options.input(), output = options.output;
  if (options.printTargets) {
    llvm::Error error = lowbit::showTargets(options);
    return error ? fail(std::move(error)) : EXIT_SUCCESS;
  }
  if (options.inspects()) {
    llvm::Expected<bool> passed =
        lowbit::inspectFiles(input, options, registry);
    if (!passed)
      return fail(passed.takeError());
    return *passed ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  if (options.isAboutStatistics()) {
    llvm::Error error = lowbit::handleStatistics(input, output, options);
    return error ? fail(std::move(error)) : EXIT_SUCCESS;
  }
  if (options.weightStatistics) {
    llvm::Error error = lowbit::showWeightStatistics(input, options, registry);
    return error ? fail(std::move(error)) : EXIT_SUCCESS;
  }
  if (llvm::Error error = lowbit::checkInspecting(options))
    return fail(std::move(error));
  if (options.isAboutTuning()) {
    llvm::Error error = lowbit::handleTuning(input, output, options, registry);
    return error ? fail(std::move(error)) : EXIT_SUCCESS;
  }
  if (!options.isUsed(input, output)) {
    // What MLIR says of files isn't an error in this tool's words.
    if (input != "-")
      if (llvm::Error error = lowbit::checkReadable(input))
        return fail(std::move(error));
    if (output != "-")
      if (llvm::Error error = lowbit::AtomicOutput::check(output))
        return fail(std::move(error));
    return mlir::asMainReturnCode(
        mlir::MlirOptMain(argc, argv, input, output, registry));
  }
  if (llvm::Error error = lowbit::compileFile(input, output, options, registry))
    return fail(std::move(error));
  return EXIT_SUCCESS;
}
