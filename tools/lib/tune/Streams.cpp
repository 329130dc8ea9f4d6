//===- Streams.cpp - the values of all samples at a cut -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Streams.h"
#include "lowbit/Tools/FloatProgram.h"

using namespace lowbit;

llvm::Error Stream::advance(const CalibrationData &data,
                            const ForwardSegment &segment, Executable &program,
                            const llvm::SetVector<mlir::Value> &keep,
                            uint64_t memory,
                            llvm::function_ref<void(uint64_t)> showProgress) {
  samples.resize(data.size());
  for (uint64_t i = 0; i < data.size(); ++i) {
    showProgress(i);
    std::vector<HostTensor> inputs = data.getSample(i);
    for (mlir::Value value : segment.arguments)
      inputs.push_back(get(i, value));
    llvm::Expected<std::vector<HostTensor>> outputs = program.run(inputs);
    if (!outputs)
      return outputs.takeError();
    llvm::DenseMap<mlir::Value, HostTensor> next;
    for (mlir::Value value : segment.arguments)
      if (keep.contains(value))
        next[value] = get(i, value);
    uint64_t bytes = 0;
    for (const HostTensor &output : *outputs)
      bytes += output.getBytes().size();
    for (auto [value, output] : llvm::zip_equal(segment.results, *outputs)) {
      if (bytes * data.size() > memory && !output.getBytes().empty()) {
        llvm::Expected<HostTensor> moved = moveToFile(output);
        if (!moved)
          return moved.takeError();
        output = std::move(*moved);
      }
      next[value] = std::move(output);
    }
    samples[i] = std::move(next);
  }
  return llvm::Error::success();
}
