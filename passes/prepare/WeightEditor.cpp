//===- WeightEditor.cpp - float weights with other numbers ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightEditor.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lowbit;

/// Whether anything but `reader` reads `global`.
bool WeightEditor::isReadByOthers(GlobalOp global, Operation *reader) {
  auto uses = SymbolTable::getSymbolUses(global.getSymNameAttr(), module);
  if (!uses)
    return true;
  SmallVector<Operation *> pending;
  for (SymbolTable::SymbolUse use : *uses)
    pending.push_back(use.getUser());
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val();
    if (op == reader)
      continue;
    if (!isa<WeightOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) &&
        !isRearrangement(op))
      return true;
    llvm::append_range(pending, op->getUsers());
  }
  return false;
}

std::optional<ConstantMatrix> WeightEditor::getOwnMatrix(OpOperand &operand,
                                                         std::string &reason) {
  std::optional<ConstantMatrix> matrix = matchConstantMatrix(operand.get());
  if (!matrix || isHugeSplat(matrix->data))
    reason = "a weight is not a constant float matrix whose data are at hand";
  else if (matrix->isPart())
    reason = "weight '" + matrix->name() + "' is a part of another one";
  else if (matrix->global && isReadByOthers(matrix->global, operand.getOwner()))
    reason = "weight '" + matrix->name() + "' has other readers";
  else
    return matrix;
  return std::nullopt;
}

std::optional<std::vector<float>>
WeightEditor::readConstant(OpOperand &operand) {
  Operation *source = operand.get().getDefiningOp();
  ElementsAttr data;
  if (auto weight = dyn_cast_or_null<WeightOp>(source)) {
    if (GlobalOp global = weight.getGlobalOp())
      data = global.getComponent(component::kData);
  } else if (source) {
    matchPattern(source, m_Constant(&data));
  }
  if (!data ||
      !isa<Float32Type, Float16Type, BFloat16Type>(data.getElementType()) ||
      isHugeSplat(data))
    return std::nullopt;
  auto dense = dyn_cast<DenseElementsAttr>(data);
  if (!(dense && dense.isSplat()) && getRawBytes(data).empty())
    return std::nullopt;
  ConstantMatrix row;
  row.data = data;
  row.rows = 1;
  row.columns = data.getNumElements();
  return row.readRows(0, 1);
}

/// `values` as bytes of floats of `type`.
static std::vector<uint8_t> encode(ArrayRef<float> values, Type type) {
  std::vector<uint8_t> bytes;
  bytes.reserve(values.size() * type.getIntOrFloatBitWidth() / 8);
  auto append = [&](auto number) {
    auto *raw = reinterpret_cast<const uint8_t *>(&number);
    bytes.insert(bytes.end(), raw, raw + sizeof(number));
  };
  for (float value : values)
    if (type.isF32()) {
      append(value);
    } else if (type.isF16()) {
      append(numerics::floatToHalf(value));
    } else {
      APFloat number(value);
      bool losesInfo;
      number.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven,
                     &losesInfo);
      append(static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue()));
    }
  return bytes;
}

std::string WeightEditor::freeName(StringRef wanted) {
  std::string name = wanted.str();
  for (unsigned i = 0; module.lookupSymbol(name); ++i)
    name = (wanted + "." + Twine(i)).str();
  return name;
}

Value WeightEditor::create(Operation *op, RankedTensorType type, StringRef name,
                           ArrayRef<float> values) {
  return createGlobal(op, type, name, encode(values, type.getElementType()));
}

Value WeightEditor::createIndices(Operation *op, RankedTensorType type,
                                  StringRef name, ArrayRef<int32_t> values) {
  std::vector<uint8_t> bytes;
  unsigned width = type.getElementTypeBitWidth() / 8;
  for (int32_t value : values) {
    auto *raw = reinterpret_cast<const uint8_t *>(&value);
    // The low bytes come first.
    bytes.insert(bytes.end(), raw, raw + width);
  }
  return createGlobal(op, type, name, std::move(bytes));
}

/// The value of a new global, before `op`.
Value WeightEditor::createGlobal(Operation *op, RankedTensorType type,
                                 StringRef name, std::vector<uint8_t> bytes) {
  OpBuilder builder(op);
  ElementsAttr data = makeElements(type, name, std::move(bytes));
  auto component = builder.getNamedAttr(component::kData, data);
  OpBuilder::InsertPoint before = builder.saveInsertionPoint();
  // Behind the other globals of the model.
  builder.setInsertionPointToStart(module.getBody());
  if (auto globals = module.getOps<GlobalOp>(); !globals.empty())
    builder.setInsertionPoint(*globals.begin());
  auto global = GlobalOp::create(builder, op->getLoc(), freeName(name), type,
                                 builder.getDictionaryAttr(component));
  builder.restoreInsertionPoint(before);
  return WeightOp::create(builder, op->getLoc(), type, global.getSymName());
}

void WeightEditor::replace(OpOperand &operand, ArrayRef<float> values) {
  Operation *source = getWeightSource(operand.get());
  auto weight = dyn_cast_or_null<WeightOp>(source);
  GlobalOp old = weight ? weight.getGlobalOp() : GlobalOp();
  std::string name = old ? old.getSymName().str() : "weight";
  Value value =
      create(operand.getOwner(),
             cast<RankedTensorType>(operand.get().getType()), name, values);
  replaceSource(operand, value);
  if (!old)
    return;
  auto global = value.getDefiningOp<WeightOp>().getGlobalOp();
  StringAttr symbol = old.getSymNameAttr();
  global->moveBefore(old);
  if (!eraser.eraseIfUnused(old))
    return;
  // The new numbers take over the name.
  if (succeeded(SymbolTable::replaceAllSymbolUses(global, symbol, module)))
    global.setSymNameAttr(symbol);
}
