//===- AttentionArguments.cpp - buffers of attention's kernels ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lowbit;

SmallVector<Type> AttentionBuilder::getArgumentTypes() {
  auto buffer = [&](int64_t rows, int64_t steps) -> Type {
    return MemRefType::get({rows * steps}, numbers);
  };
  SmallVector<Type> types{buffer(spec.heads * spec.queries, steps)};
  llvm::append_range(types, keys.getArgumentTypes());
  llvm::append_range(types, values.getArgumentTypes());
  if (!spec.mask.empty())
    types.push_back(
        MemRefType::get({ShapedType::getNumElements(spec.mask)}, number));
  if (spec.hasLength)
    types.push_back(MemRefType::get({1}, b.getI32Type()));
  types.push_back(buffer(spec.getResultSteps(), 1));
  return types;
}

static std::string describeShape(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(
                        shape, [](int64_t n) { return std::to_string(n); }),
                    " x ") +
         "]";
}

/// What the kernel computes, for readers of its text.
static std::string describe(const GPUAttentionSpec &spec) {
  std::string scores =
      "scale * query" + describeShape({spec.heads, spec.queries, spec.width}) +
      " keys" + describeShape({spec.groups, spec.rows, spec.width}) +
      " transposed";
  if (!spec.mask.empty())
    scores += " + mask" + describeShape(spec.mask);
  std::string text =
      "result" + describeShape({spec.heads, spec.queries, spec.valueWidth}) +
      " = softmax(" + scores + ") values" +
      describeShape({spec.groups, spec.rows, spec.valueWidth});
  if (spec.groups != spec.heads)
    text += ", " + std::to_string(spec.heads / spec.groups) +
            " heads for each group of keys and values";
  if (spec.causal)
    text += "; later keys are hidden";
  if (spec.getParts() > 1)
    text += "; of " + std::to_string(spec.getParts()) +
            " parts of the keys, before it is divided by the sum of weights";
  return text;
}

void AttentionBuilder::takeArguments(gpu::GPUFuncOp kernel) {
  describeKernel(kernel, describe(spec));
  ArrayRef<BlockArgument> arguments = kernel.getArguments();
  auto take = [&](StringRef name, const Twine &about = "") -> Value {
    describeBuffer(kernel, arguments.front().getArgNumber(), name, about);
    return arguments.consume_front();
  };
  query = take("query");
  keys.takeArguments(kernel, arguments, "key");
  values.takeArguments(kernel, arguments, "value");
  if (!spec.mask.empty())
    mask = take("mask", "added to scores");
  if (spec.hasLength)
    length = take("key_count", "how many rows are keys");
  result =
      take("result",
           spec.getParts() > 1
               ? "for each row also the largest score and the sum of weights"
               : "");
}
