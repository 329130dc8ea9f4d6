//===- Files.cpp - the files that a command line names --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Settings.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/GPUModel.h"
#include "lowbit/Tools/ManifestFormat.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/WebModel.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// A form of output as --emit calls it, and the extension of its file.
struct OutputForm {
  EmitKind kind;
  StringRef name, extension;
};
} // namespace

static constexpr OutputForm kForms[] = {
    {EmitKind::MLIR, "mlir", ".mlir"},
    {EmitKind::Bytecode, "bytecode", ".mlirbc"},
    {EmitKind::LLVM, "llvm", ".ll"},
    {EmitKind::Assembly, "asm", ".s"},
    {EmitKind::Object, "object", ".o"},
    {EmitKind::Shared, "shared", ".so"},
    {EmitKind::Wasm, "wasm", ".wasm"},
    {EmitKind::ONNX, "onnx", ".onnx"},
    {EmitKind::SPIRV, "spirv", ".json"},
    {EmitKind::Web, "web", ".js"}};

std::optional<EmitKind> lowbit::findForm(StringRef output) {
  StringRef extension = llvm::sys::path::extension(output);
  for (const OutputForm &form : kForms)
    if (form.extension == extension)
      return form.kind;
  return std::nullopt;
}

llvm::Error lowbit::checkOutputForm(StringRef output,
                                    const DriverOptions &options) {
  if (output == "-")
    return makeError("compiling a model requires -o FILE, found none");
  StringRef found = llvm::sys::path::extension(output);
  bool isDevice = llvm::sys::fs::exists(output) &&
                  !llvm::sys::fs::is_regular_file(output) &&
                  !llvm::sys::fs::is_directory(output);
  std::string name = found.empty() ? "none" : ("'" + found + "'").str();
  if (!options.emit.getNumOccurrences()) {
    if (isDevice || findForm(output))
      return llvm::Error::success();
    return makeFileError(
        output,
        "requires an extension that says what to write, "
        ".mlir, .mlirbc, .ll, .s, .o, .so, .wasm, .onnx, .json or .js, found " +
            name);
  }
  const OutputForm &form = *llvm::find_if(kForms, [&](const OutputForm &known) {
    return known.kind == options.emit;
  });
  if (isDevice || found == form.extension)
    return llvm::Error::success();
  return makeFileError(output, "requires the extension " + form.extension +
                                   ", as --emit=" + form.name +
                                   " writes, found " + name +
                                   "; change the name or --emit");
}

llvm::Error lowbit::checkInputs(StringRef input, const DriverOptions &options) {
  for (StringRef path :
       {input, StringRef(options.like), StringRef(options.graph)})
    if (!path.empty())
      if (llvm::Error error = checkReadable(path))
        return error;
  if (isCode(options.emit))
    for (const std::string &cpu : programOptions(options, input).cpus)
      if (llvm::Error error =
              findCPUDescription(cpu, options.mtriple).takeError())
        return error;
  return llvm::Error::success();
}

/// Whether weights go to a file beside the IR. Those of programs are checked
/// where they are written.
static bool hasSidecar(const DriverOptions &options) {
  return options.emit == EmitKind::MLIR || options.emit == EmitKind::Bytecode;
}

/// All files that are written, by what names them. Those of a program are
/// checked where they are named.
static llvm::Expected<std::vector<std::pair<StringRef, std::string>>>
collectOutputs(StringRef input, StringRef output,
               const DriverOptions &options) {
  std::vector<std::pair<StringRef, std::string>> outputs;
  auto add = [&](StringRef flag, StringRef path) {
    if (!path.empty())
      outputs.emplace_back(flag, path.str());
  };
  if (isCode(options.emit) && output != "-") {
    auto files = checkProgram(output, programOptions(options, input));
    if (!files)
      return files.takeError();
    add("the code", files->code);
    add("the header", files->header);
    add("the weights", files->weights);
    for (const std::string &module : files->modules)
      add("the code", module);
    add("the script", files->script);
    add("the script's types", files->types);
  } else if (output != "-") {
    add("-o", output);
    if (options.emit == EmitKind::SPIRV)
      add("the kernels and weights of -o", getGPUDataPath(output));
    if (options.emit == EmitKind::Web) {
      add("the manifest of -o", getWebManifestPath(output));
      add("the types of -o", getWebTypesPath(output));
      if (options.fallback != "none")
        if (llvm::Error error = checkWebFallback())
          return std::move(error);
    }
    // A device has no folder for one.
    if (hasSidecar(options) && (!llvm::sys::fs::exists(output) ||
                                llvm::sys::fs::is_regular_file(output)))
      add("the weights of -o", getSidecarPath(output));
  }
  add("--report", options.report);
  add("--statistics", options.statistics);
  add("--sensitivity", options.sensitivity);
  return std::move(outputs);
}

/// Whether two names are of one file, or will be.
static bool isSame(StringRef a, StringRef b) {
  llvm::SmallString<128> paths[] = {a, b};
  for (llvm::SmallString<128> &path : paths) {
    (void)llvm::sys::fs::make_absolute(path);
    llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  }
  return paths[0] == paths[1] || llvm::sys::fs::equivalent(a, b);
}

/// What is written to `output` must not take the weights away from an artefact
/// that is read and stays.
static llvm::Error checkInputStays(StringRef input, StringRef output) {
  StringRef extension = llvm::sys::path::extension(input);
  if ((extension != ".mlir" && extension != ".mlirbc") || isSame(input, output))
    return llvm::Error::success();
  std::string weights = getSidecarPath(output);
  if (!isSame(getSidecarPath(input), weights) || !readsSidecar(input, weights))
    return llvm::Error::success();
  return makeFileError(weights, "holds the weights of " + input +
                                    ", which those of " + output +
                                    " would replace; write it under another "
                                    "name");
}

llvm::Error lowbit::checkOutputs(StringRef input, StringRef output,
                                 const DriverOptions &options) {
  if (output != "-" && hasSidecar(options))
    if (llvm::Error error = checkInputStays(input, output))
      return error;
  auto outputs = collectOutputs(input, output, options);
  if (!outputs)
    return outputs.takeError();
  for (size_t i = 0; i < outputs->size(); ++i) {
    const auto &[flag, path] = (*outputs)[i];
    for (const auto &[other, otherPath] : ArrayRef(*outputs).take_front(i))
      if (isSame(path, otherPath))
        return makeFileError(path, "is both " + other + " and " + flag +
                                       "; give one of them another name");
    // What is there already may be read only.
    bool isRead = flag == "--statistics" &&
                  (options.calibrate.empty() || llvm::sys::fs::exists(path));
    if (!isRead)
      if (llvm::Error error = AtomicOutput::check(path))
        return error;
  }
  if (options.emit == EmitKind::SPIRV)
    return checkSPIRVManifest(output);
  if (options.emit == EmitKind::Web)
    return checkWebManifest(getWebManifestPath(output), output);
  return llvm::Error::success();
}
