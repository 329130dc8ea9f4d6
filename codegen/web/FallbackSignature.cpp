//===- FallbackSignature.cpp - the functions that a page calls ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A page writes inputs and reads outputs by the schedules of the shaders, also
// where WebAssembly computes: that its functions take and give the same is what
// makes numbers of the bytes.
//
//===----------------------------------------------------------------------===//

#include "FallbackSignature.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lowbit;

/// As MLIR prints a tensor's type.
static std::string print(StringRef type, ArrayRef<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += (extent < 0 ? "?" : std::to_string(extent)) + "x";
  return text + type.str() + ">";
}

/// Of integers, bytes are the same with and without a sign.
static StringRef dropSign(StringRef type) {
  type.consume_front("u") || type.consume_front("i");
  return type;
}

static bool areSame(const GPUBuffer &buffer,
                    const WebFallback::Tensor &tensor) {
  return dropSign(buffer.elementType) == dropSign(tensor.type) &&
         buffer.shape == tensor.shape;
}

/// Compares the buffers of some kinds with what a function has for them.
static LogicalResult compare(ModuleOp module, const GPUSchedule &schedule,
                             ArrayRef<GPUBufferKind> kinds, StringRef what,
                             ArrayRef<WebFallback::Tensor> tensors) {
  SmallVector<const GPUBuffer *> buffers;
  for (const GPUBuffer &buffer : schedule.buffers)
    if (llvm::is_contained(kinds, buffer.kind))
      buffers.push_back(&buffer);
  if (buffers.size() != tensors.size())
    return module.emitError()
           << "the WebAssembly of a web module requires the " << what
           << "s of its shaders, found " << tensors.size() << " in place of "
           << buffers.size() << " in '@" << schedule.function
           << "'; --fallback=none leaves it out";
  for (auto [buffer, tensor] : llvm::zip_equal(buffers, tensors))
    if (!areSame(*buffer, tensor))
      return module.emitError()
             << "the WebAssembly of a web module requires the types of its "
                "shaders, found "
             << print(tensor.type, tensor.shape) << " in place of "
             << print(buffer->elementType, buffer->shape) << " for " << what
             << " '" << buffer->name << "' of '@" << schedule.function
             << "'; --fallback=none leaves it out";
  return success();
}

LogicalResult lowbit::checkFallbackSignature(ModuleOp module,
                                             ArrayRef<GPUSchedule> schedules,
                                             const WebFallback &fallback) {
  for (const GPUSchedule &schedule : schedules) {
    auto found = fallback.functions.find(schedule.function);
    if (found == fallback.functions.end())
      return module.emitError()
             << "the WebAssembly of a web module requires the functions of its "
                "shaders, found none for '@"
             << schedule.function << "'; --fallback=none leaves it out";
    const WebFallback::Function &function = found->second;
    if (failed(compare(module, schedule,
                       {GPUBufferKind::Input, GPUBufferKind::State}, "input",
                       function.inputs)) ||
        failed(compare(module, schedule, GPUBufferKind::Output, "output",
                       function.outputs)))
      return failure();
  }
  return success();
}
