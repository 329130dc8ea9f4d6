//===- WordKernel.cpp - packed elements, written by words -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WordKernel.h"
#include "DimensionNames.h"

using namespace mlir;
using namespace lowbit;

LogicalResult
lowbit::writeWords(LinalgKernel &kernel, StringRef name, Value output,
                   function_ref<FailureOr<Value>(ArrayRef<Index>)> compute) {
  int64_t count = kernel.getElementsPerWord(output);
  SmallVector<int64_t> extents(cast<MemRefType>(output.getType()).getShape());
  std::string text = withShape(name.str(), extents);
  extents.back() /= count;
  auto first = kernel.begin(text, extents);
  if (failed(first))
    return failure();
  IndexBuilder &indices = kernel.indices;
  first->back() = indices.multiply(first->back(), count);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<Index> at(*first);
    at.back() = indices.add(at.back(), indices.constant(i));
    FailureOr<Value> element = compute(at);
    if (failed(element)) {
      kernel.drop();
      return failure();
    }
    elements.push_back(*element);
  }
  kernel.storeWord(elements, output, *first);
  kernel.finish();
  return success();
}

LogicalResult lowbit::writeWords(linalg::LinalgOp op, LinalgKernel &kernel) {
  OpOperand &init = *op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(&init);
  if (op.getNumDpsInits() != 1 || !map.isPermutation() ||
      op.getNumParallelLoops() != op.getNumLoops())
    return op->emitError("GPU kernels require packed states to be written "
                         "element by element, found another operation");
  auto compute = [&](ArrayRef<Index> at) -> FailureOr<Value> {
    SmallVector<Index> point(at.size());
    for (auto [i, index] : llvm::enumerate(at))
      point[map.getDimPosition(i)] = index;
    Value before;
    if (!op.getMatchingBlockArgument(&init).use_empty())
      before = kernel.load(init.get(), at);
    auto results = kernel.copyBody(op, point, before);
    if (failed(results))
      return failure();
    return results->front();
  };
  return writeWords(kernel, describe(op), init.get(), compute);
}
