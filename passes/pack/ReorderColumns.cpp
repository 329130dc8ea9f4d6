//===- ReorderColumns.cpp - activations in the order of the weights -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sum over k of x(k) w(k) doesn't depend on the order of columns. Kernels read
// codes as they are stored, in runs; so it is the input, a few numbers per row
// of weights, that is put in order.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/GatherColumns.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <map>

namespace lowbit {
#define GEN_PASS_DEF_REORDERCOLUMNSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The logical column at each stored place of `global`, or nothing where the
/// data are absent or no permutation.
static std::vector<int32_t> readStoredOrder(GlobalOp global) {
  ElementsAttr permutation = global.getComponent(component::kPermutation);
  std::vector<int32_t> places;
  if (auto dense = dyn_cast<DenseElementsAttr>(permutation)) {
    places.assign(dense.value_begin<int32_t>(), dense.value_end<int32_t>());
  } else {
    ArrayRef<char> raw = getRawBytes(permutation);
    places.resize(raw.size() / sizeof(int32_t));
    memcpy(places.data(), raw.data(), places.size() * sizeof(int32_t));
  }
  std::vector<int32_t> columns(places.size());
  for (auto [column, place] : llvm::enumerate(places)) {
    if (place < 0 || place >= int64_t(places.size()))
      return {};
    columns[place] = column;
  }
  return columns;
}

namespace {
struct ReorderColumnsPass
    : lowbit::impl::ReorderColumnsPassBase<ReorderColumnsPass> {
  void runOnOperation() override {
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) { layers.push_back(op); });
    for (LinearOp op : layers)
      reorder(op);
    for (auto &[name, stored] : storedForms)
      if (failed(takeOver(name, stored)))
        return signalPassFailure();
  }

private:
  void reorder(LinearOp op);
  GlobalOp getStored(GlobalOp global);
  GlobalOp getOrder(GlobalOp global, std::vector<int32_t> columns);
  LogicalResult takeOver(StringAttr name, GlobalOp stored);
  std::string freeName(const Twine &wanted);

  /// Weights without their permutation, by name.
  llvm::MapVector<StringAttr, GlobalOp> storedForms;
  /// Globals of orders; layers that share an input often share its order.
  std::map<std::vector<int32_t>, GlobalOp> orders;
};
} // namespace

std::string ReorderColumnsPass::freeName(const Twine &wanted) {
  std::string name = wanted.str();
  for (unsigned i = 0; getOperation().lookupSymbol(name); ++i)
    name = (wanted + "." + Twine(i)).str();
  return name;
}

GlobalOp ReorderColumnsPass::getStored(GlobalOp global) {
  GlobalOp &stored = storedForms[global.getSymNameAttr()];
  if (stored)
    return stored;
  auto type = cast<QuantizedTensorType>(global.getType());
  EncodingAttr encoding = type.getEncoding();
  EncodingAttr natural = encoding.withoutPermutation();
  NamedAttrList components(global.getComponents());
  components.erase(component::kPermutation);
  OpBuilder builder(global);
  stored = GlobalOp::create(
      builder, global.getLoc(), freeName(global.getSymName() + ".stored"),
      QuantizedTensorType::get(type.getShape(), type.getElementType(), natural),
      components.getDictionary(&getContext()));
  return stored;
}

GlobalOp ReorderColumnsPass::getOrder(GlobalOp global,
                                      std::vector<int32_t> columns) {
  GlobalOp &order = orders[columns];
  if (order)
    return order;
  OpBuilder builder(global);
  auto type =
      RankedTensorType::get({int64_t(columns.size())}, builder.getI32Type());
  std::string name = freeName(global.getSymName() + ".columns");
  auto raw = reinterpret_cast<const uint8_t *>(columns.data());
  ElementsAttr data =
      makeElements(type, name, {raw, raw + columns.size() * sizeof(int32_t)});
  order = GlobalOp::create(
      builder, global.getLoc(), name, type,
      builder.getDictionaryAttr(builder.getNamedAttr(component::kData, data)));
  return order;
}

void ReorderColumnsPass::reorder(LinearOp op) {
  auto type = dyn_cast<QuantizedTensorType>(op.getWeight().getType());
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  if (!type || !type.getEncoding().getPermuted() || type.getLayout() || !weight)
    return;
  auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
  Value x = quantize ? quantize.getInput() : op.getInput();
  if (!isa<RankedTensorType>(x.getType()))
    return;
  GlobalOp global = weight.getGlobalOp();
  std::vector<int32_t> columns = readStoredOrder(global);
  if (columns.empty())
    return;
  OpBuilder builder(op);
  GlobalOp order = getOrder(global, std::move(columns));
  Value places = WeightOp::create(builder, op.getLoc(), order.getType(),
                                  order.getSymName());
  Value input = gatherColumns(builder, op.getLoc(), x, places);
  if (quantize)
    input = QuantizeOp::create(builder, op.getLoc(), quantize.getType(), input,
                               quantize.getScaleAttr());
  GlobalOp stored = getStored(global);
  op.getInputMutable().assign(input);
  op.getWeightMutable().assign(WeightOp::create(
      builder, op.getLoc(), stored.getType(), stored.getSymName()));
  ++numReordered;
  if (quantize && quantize->use_empty())
    quantize.erase();
  if (weight->use_empty())
    weight.erase();
}

/// Gives the name of a weight that nothing reads any more to its stored form.
LogicalResult ReorderColumnsPass::takeOver(StringAttr name, GlobalOp stored) {
  auto global = getOperation().lookupSymbol<GlobalOp>(name);
  if (!SymbolTable::symbolKnownUseEmpty(global, getOperation()))
    return success();
  global.erase();
  if (failed(SymbolTable::replaceAllSymbolUses(stored, name, getOperation())))
    return failure();
  stored.setSymNameAttr(name);
  return success();
}
