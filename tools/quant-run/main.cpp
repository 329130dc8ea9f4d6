//===- main.cpp - quant-run -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs, compares, judges and times models, and runs web modules in browsers.
// Exit status: 0 done, 1 an error, a comparison beyond its tolerance, or a
// figure beyond its bound.
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "lowbit/Tools/FatalErrors.h"
#include "lowbit/Tools/PrintableText.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

static int fail(llvm::Error error) {
  lowbit::printError("quant-run", std::move(error));
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  lowbit::exitOnFatalErrors("quant-run");
  llvm::Expected<lowbit::RunOptions> options =
      lowbit::parseRunOptions(argc, argv);
  if (!options)
    return fail(options.takeError());
  if (options->web) {
    llvm::Error error = lowbit::runWebModule(*options);
    return error ? fail(std::move(error)) : EXIT_SUCCESS;
  }
  llvm::Expected<std::vector<lowbit::RunFigures>> models =
      lowbit::runModels(*options);
  if (!models)
    return fail(models.takeError());
  bool failed = llvm::any_of(
      *models, [](const lowbit::RunFigures &run) { return run.failed; });
  if (models->size() > 1) {
    lowbit::printTable(*models, llvm::outs(), options->json);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
  }
  // Text that was generated has standard output to itself.
  bool isText = models->front().text && !options->json;
  models->front().print(isText ? llvm::errs() : llvm::outs(), options->json);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
