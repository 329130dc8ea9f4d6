//===- main.cpp - quant-run -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs, compares, judges and times a model. Exit status: 0 done, 1 an error or
// a comparison beyond its tolerance.
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "lowbit/Tools/FatalErrors.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"

static int fail(llvm::Error error) {
  llvm::WithColor::error(llvm::errs(), "quant-run")
      << llvm::toString(std::move(error)) << "\n";
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  lowbit::exitOnFatalErrors("quant-run");
  llvm::Expected<lowbit::RunOptions> options =
      lowbit::parseRunOptions(argc, argv);
  if (!options)
    return fail(options.takeError());
  llvm::Expected<lowbit::RunReport> report = lowbit::runModel(*options);
  if (!report)
    return fail(report.takeError());
  // Text that was generated has standard output to itself.
  bool isText = report->text && !options->json;
  report->print(isText ? llvm::errs() : llvm::outs(), options->json);
  return report->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
