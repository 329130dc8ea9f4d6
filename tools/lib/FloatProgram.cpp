//===- FloatProgram.cpp - the float model, run here -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/FloatProgram.h"
#include "lowbit/Tools/MappedFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace lowbit;

CompileOptions lowbit::compileAsItIs(CompileOptions options) {
  // Weights are float as far as they are; nothing is to be quantized now.
  options.method = "none";
  options.rules.clear();
  options.config.clear();
  options.budget.clear();
  options.fitDevice.clear();
  options.calibration = {};
  options.statistics.clear();
  options.resume.clear();
  options.releaseData = false;
  // It runs here, on whole texts, whatever the model is for.
  options.kvCache.clear();
  options.target = "cpu";
  options.cpu = "native";
  options.triple.clear();
  options.parallel = true;
  options.profile = nullptr;
  return options;
}

llvm::Expected<std::unique_ptr<Executable>>
lowbit::linkRaised(mlir::ModuleOp raised, const CompileOptions &options) {
  if (llvm::Error error =
          compileModule(raised, Phase::Lower, options, Phase::Fuse))
    return std::move(error);
  return Executable::create(raised, {});
}

llvm::Expected<HostTensor> lowbit::moveToFile(const HostTensor &tensor) {
  int descriptor;
  llvm::SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile(
          "lowbit-statistics", "bin", descriptor, path))
    return llvm::createFileError("a temporary file", error);
  llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/true);
  os.write(tensor.getBytes().data(), tensor.getBytes().size());
  os.close();
  std::error_code failure = os.error();
  os.clear_error();
  llvm::Expected<MappedFile> file = mapFile(path);
  llvm::sys::fs::remove(path);
  if (failure)
    return llvm::createFileError(path, failure);
  if (!file)
    return file.takeError();
  auto *begin = const_cast<char *>((*file)->getBufferStart());
  return HostTensor::view(tensor.getType(), tensor.getShape(),
                          {begin, (*file)->getBufferSize()}, *file);
}
