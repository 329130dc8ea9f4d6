//===- CheckFiles.cpp - what a run will read and write --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/TokenFile.h"
#include "lowbit/Tools/Tokenizer.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"

using namespace lowbit;

/// Reads what is at `path` with `read`, to see whether that works. A pipe can
/// be read once.
template <typename Read>
static llvm::Error tryToRead(llvm::StringRef path, Read read) {
  if (path.empty())
    return llvm::Error::success();
  if (llvm::Error error = checkReadable(path))
    return error;
  return llvm::sys::fs::is_regular_file(path) ? read(path).takeError()
                                              : llvm::Error::success();
}

static llvm::Error checkInputFiles(const RunOptions &options) {
  // One model alone is read soon enough, by who knows what models there are.
  if (options.models.size() > 1)
    for (const std::string &path : options.models)
      if (llvm::Error error = checkReadable(path))
        return error;
  for (const auto &files : {options.inputs, options.comparisons})
    for (const NamedFile &file : files)
      if (llvm::Error error = tryToRead(file.path, readNpy))
        return error;
  if (llvm::Error error = tryToRead(options.tokens, readTokens))
    return error;
  if (llvm::Error error = tryToRead(options.labels, readNpy))
    return error;
  if (llvm::Error error =
          tryToRead(options.tokenizer,
                    [](llvm::StringRef path) { return Tokenizer::read(path); }))
    return error;
  for (llvm::StringRef path : {options.samples, options.against})
    if (!path.empty())
      if (llvm::Error error = checkReadable(path))
        return error;
  return llvm::Error::success();
}

static llvm::Error checkOutputFiles(const RunOptions &options) {
  std::vector<llvm::StringRef> paths;
  for (const NamedFile &file : options.outputs)
    paths.push_back(file.path);
  if (!options.report.empty())
    paths.push_back(options.report);
  for (size_t i = 0; i < paths.size(); ++i) {
    bool isDevice = llvm::sys::fs::exists(paths[i]) &&
                    !llvm::sys::fs::is_regular_file(paths[i]);
    if (!isDevice &&
        llvm::is_contained(llvm::ArrayRef(paths).take_front(i), paths[i]))
      return makeFileError(paths[i], "is to be written twice; give each output "
                                     "a file of its own");
    if (llvm::Error error = AtomicOutput::check(paths[i]))
      return error;
  }
  return llvm::Error::success();
}

/// Methods that a model is quantized by here have no data to go by.
static llvm::Error checkRecipes(const RunOptions &options) {
  mlir::MLIRContext context;
  for (const std::string &name : options.recipes) {
    if (llvm::Error error = checkQuantizationMethod(name, &context))
      return error;
    if (needsSecondMoments(name) ||
        splitQuantizationMethod(name).hasStaticInputs)
      return makeError("--recipes requires methods without calibration, found "
                       "'" +
                       name + "'; quantize with quant-opt --calibrate");
  }
  return llvm::Error::success();
}

llvm::Error lowbit::checkFiles(const RunOptions &options) {
  if (llvm::Error error = checkRecipes(options))
    return error;
  if (llvm::Error error = checkInputFiles(options))
    return error;
  return checkOutputFiles(options);
}
