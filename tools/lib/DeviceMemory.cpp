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
#include "lowbit/Transforms/Cache.h"
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

/// Which input of `@main` are the tokens that `@prefill` takes; masks and
/// positions may stand before them.
static size_t findTokens(const Signature &main, const Signature &prefill) {
  auto tokens = llvm::find_if(main.inputs, [&](const TensorSpec &spec) {
    return spec.name == prefill.inputs[0].name;
  });
  return tokens == main.inputs.end() ? 0 : tokens - main.inputs.begin();
}

/// The inputs of `@prefill` for a text that is `tokens`, as many as there is
/// room for.
static std::vector<HostTensor> startText(const Signature &signature,
                                         const HostTensor &tokens) {
  std::vector<HostTensor> inputs;
  for (const TensorSpec &spec : llvm::drop_begin(signature.inputs))
    inputs.push_back(HostTensor::allocate(spec.type, spec.shape));
  llvm::ArrayRef<int64_t> keys = inputs[1].getShape();
  int64_t count = std::min(tokens.getShape()[1], keys[keys.size() - 2]);
  HostTensor ids = HostTensor::allocate(tokens.getType(), {1, count});
  llvm::copy(tokens.getBytes().take_front(ids.getBytes().size()),
             ids.getMutableBytes().begin());
  inputs.insert(inputs.begin(), ids);
  return inputs;
}

/// Runs a function on `inputs`, of which all from `states` on are a cache, and
/// counts.
static llvm::Error run(Executable &executable, llvm::StringRef function,
                       const std::vector<HostTensor> &inputs, size_t states,
                       DeviceMemory &memory) {
  for (auto [i, input] : llvm::enumerate(inputs))
    (i < states ? memory.activations : memory.cache) +=
        int64_t(input.getBytes().size());
  startMemoryCount();
  auto outputs = executable.run(function, inputs);
  if (!outputs)
    return outputs.takeError();
  memory.activations += getMostMemory();
  return llvm::Error::success();
}

llvm::Expected<DeviceMemory>
lowbit::measureMemory(mlir::ModuleOp quantized, const CompileOptions &options,
                      std::vector<HostTensor> inputs) {
  llvm::Expected<Signature> plain = getSignature(quantized);
  if (!plain)
    return plain.takeError();
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
  const Signature *prefill = (*executable)->getFunction(kPrefillFunction);
  llvm::Error error =
      prefill ? run(**executable, kPrefillFunction,
                    startText(*prefill, inputs[findTokens(*plain, *prefill)]),
                    /*states=*/2, memory)
              : run(**executable, kMainFunction, inputs, inputs.size(), memory);
  if (error)
    return std::move(error);
  for (llvm::StringRef name : {kPrefillFunction, kDecodeFunction})
    if (const Signature *function = (*executable)->getFunction(name))
      memory.activations += function->workspace.value_or(0);
  return memory;
}
