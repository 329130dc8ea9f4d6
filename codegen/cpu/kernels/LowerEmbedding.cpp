//===- LowerEmbedding.cpp - embeddings become kernel calls ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerEmbedding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Why no kernel reads rows of the table that `op` reads.
static std::optional<std::string> explainNoKernel(EmbeddingOp op) {
  auto table = cast<QuantizedTensorType>(op.getWeight().getType());
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  EncodingAttr encoding = table.getEncoding();
  if (!weight)
    return "the table is not a lowbit.weight";
  if (table.getLayout())
    return "the table is packed, embeddings read dense ones";
  if (encoding.getExpanded() != encoding)
    return "the table's scales are quantized or its numbers are learned; run "
           "lowbit-expand-weights first";
  ElementFormatInterface element = encoding.getElement();
  if (element.getWindowBits() > element.getCodeBits() || encoding.getPermuted())
    return "the table's codes overlap or its columns are in another order";
  if (encoding.getColumnScale())
    return "the table has column scales";
  if (auto integer = element.getIntegerFormat(); integer && integer->width > 8)
    return "the table's codes are integers of more than 8 bits";
  ElementsAttr codes = weight.getGlobalOp().getComponent(component::kCodes);
  if (codes.getNumElements() < EmbeddingKernelSpec::kLoadBytes)
    return "the table has less than 8 bytes of codes";
  return std::nullopt;
}

std::optional<std::string> cpu::lowerEmbedding(KernelCalls &calls,
                                               EmbeddingOp op) {
  if (auto reason = explainNoKernel(op))
    return reason;
  auto table = cast<QuantizedTensorType>(op.getWeight().getType());
  GlobalOp global = op.getWeight().getDefiningOp<WeightOp>().getGlobalOp();
  ImplicitLocOpBuilder &b = calls.b;
  b.setLoc(op.getLoc());
  b.setInsertionPoint(op);
  SmallVector<Value> inputs;
  for (auto &[name, type] : table.getComponents())
    inputs.push_back(calls.getTablePart(global, name));
  FlatRows indices = flattenAll(b, op.getIndices());
  Value k = calls.index(table.getColumns());
  inputs.append({indices.flat, calls.index(table.getRows()), k});
  EmbeddingKernelSpec spec{&calls.target, table.getEncoding(),
                           getElementTypeOrSelf(indices.flat.getType())};
  Value grain = calls.getTaskGrain(indices.count, k, calls.tuning.taskValues);
  Value size = arith::MulIOp::create(b, indices.count, k);
  func::FuncOp kernel = calls.getKernel(getOrCreateEmbeddingKernel, spec);
  Value flat =
      calls.call(kernel, indices.count, grain, inputs, size, b.getF32Type());
  Value result =
      unflatten(b, flat, op.getIndices(), op.getType().clone(b.getF32Type()));
  op.getResult().replaceAllUsesWith(
      convertFloats(b, result, op.getType().getElementType()));
  op.erase();
  return std::nullopt;
}
