//===- DeviceMemory.cpp - what a compiled model takes ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceMemory.h"
#include "CountedMemory.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Transforms/PrecisionAssignment.h"

using namespace lowbit;

llvm::Expected<DeviceLimits> DeviceLimits::parse(llvm::StringRef text) {
  DeviceLimits limits;
  llvm::SmallVector<llvm::StringRef> terms;
  text.split(terms, ',');
  bool isRead = true;
  for (llvm::StringRef term : terms) {
    auto [key, value] = term.split('=');
    double share;
    if (std::optional<double> bytes = parseBytes(value);
        key == "memory" && bytes && *bytes > 0 && *bytes < 9e18)
      limits.memory = *bytes;
    else if (key == "min-accuracy" && !value.getAsDouble(share) && share >= 0 &&
             share <= 1)
      limits.accuracy = share;
    else
      isRead = false;
  }
  if (isRead && limits.memory > 0)
    return limits;
  return makeError("--fit-device requires memory=BYTES (with kB, MB, GB, KiB, "
                   "MiB or GiB) and may have min-accuracy=SHARE, with a comma "
                   "between; found '" +
                   text + "'");
}

llvm::Expected<DeviceMemory>
lowbit::measureMemory(mlir::ModuleOp quantized, const CompileOptions &options,
                      std::vector<HostTensor> inputs) {
  CompileOptions compile = options;
  compile.budget.clear();
  compile.fitDevice.clear();
  compile.calibration = {};
  compile.statistics.clear();
  compile.releaseData = false;
  // What is counted are buffers of this machine's code.
  compile.target = "cpu";
  compile.cpu = "native";
  compile.triple.clear();
  compile.profile = nullptr;
  detachStatistics(quantized);
  if (llvm::Error error =
          compileModule(quantized, Phase::Pack, compile, Phase::Fuse))
    return std::move(error);
  DeviceMemory memory;
  memory.weights = int64_t(getWeightSize(quantized).allBytes);
  if (llvm::Error error =
          compileModule(quantized, Phase::Lower, compile, Phase::Lower))
    return std::move(error);
  ExecutableOptions counting;
  countMemory(counting);
  auto executable = Executable::create(quantized, counting);
  if (!executable)
    return executable.takeError();
  startMemoryCount();
  for (const HostTensor &input : inputs)
    memory.activations += int64_t(input.getBytes().size());
  auto outputs = (*executable)->run(inputs);
  if (!outputs)
    return outputs.takeError();
  memory.activations += getMostMemory();
  return memory;
}
