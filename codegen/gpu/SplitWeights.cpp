//===- SplitWeights.cpp - layers whose weights can be bound ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A result's column needs one row of the weight. So a layer is several layers
// side by side, each on some of the rows, in buffers of their own. A row of an
// embedding's result is one of a table's: it is several tables one upon the
// other, each of which fills in what it has.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/FloatSource.h"
#include "lowbit/Transforms/PackedData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUSPLITWEIGHTSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The type of a weight with other rows.
static Type withRows(Type type, int64_t rows) {
  ArrayRef<int64_t> shape = cast<ShapedType>(type).getShape();
  SmallVector<int64_t> part{rows, shape[1]};
  if (auto coded = dyn_cast<QuantizedTensorType>(type))
    return QuantizedTensorType::get(part, coded.getElementType(),
                                    coded.getEncoding(), coded.getLayout());
  return RankedTensorType::get(part,
                               cast<RankedTensorType>(type).getElementType());
}

/// The bytes of a component as they lie in memory; empty where there are none,
/// or one stands for all.
static ArrayRef<char> getBytes(Attribute data) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : ArrayRef<char>();
  }
  auto dense = dyn_cast<DenseElementsAttr>(data);
  return dense && !dense.isSplat() ? dense.getRawData() : ArrayRef<char>();
}

/// Rows [first, first + type's) of a component of a weight of `rows` rows,
/// whose rows lie one behind the other; one that all rows share as it is.
static FailureOr<Attribute> slice(ElementsAttr data, RankedTensorType type,
                                  int64_t rows, int64_t first,
                                  const Twine &name) {
  int64_t whole = data.getNumElements(), part = type.getNumElements();
  if (whole == part && data.getShapedType().getShape()[0] == 1)
    return Attribute(data);
  if (auto dense = dyn_cast<DenseElementsAttr>(data); dense && dense.isSplat())
    return Attribute(dense.resizeSplat(type));
  ArrayRef<char> bytes = getBytes(data);
  int64_t count = bytes.size(), size = count / whole * part;
  int64_t begin = count * first / rows;
  if (bytes.empty() || count * first % rows != 0 || begin + size > count)
    return failure();
  auto raw = reinterpret_cast<const uint8_t *>(bytes.data()) + begin;
  return Attribute(makeElements(type, name.str(), {raw, raw + size}));
}

namespace {
struct GPUSplitWeightsPass
    : lowbit::impl::GPUSplitWeightsPassBase<GPUSplitWeightsPass> {
  using GPUSplitWeightsPassBase::GPUSplitWeightsPassBase;

  void runOnOperation() override {
    parts.clear();
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) { layers.push_back(op); });
    SmallVector<EmbeddingOp> tables;
    getOperation().walk([&](EmbeddingOp op) { tables.push_back(op); });
    for (LinearOp op : layers)
      if (failed(split(op)))
        return signalPassFailure();
    for (EmbeddingOp op : tables)
      if (failed(split(op)))
        return signalPassFailure();
    GlobalEraser eraser(getOperation(), /*releasesData=*/false);
    for (auto &[global, made] : parts)
      if (!made.empty())
        eraser.eraseIfUnused(global);
  }

private:
  LogicalResult split(LinearOp op);
  LogicalResult split(EmbeddingOp op);
  FailureOr<ArrayRef<GlobalOp>> getParts(Operation *op, Value weight);
  FailureOr<ArrayRef<GlobalOp>> getStaticParts(Operation *op, Value weight);
  FailureOr<GlobalOp> makePart(GlobalOp global, int64_t first, int64_t count);
  Value buildPart(OpBuilder &b, LinearOp op, GlobalOp part, int64_t first);

  llvm::MapVector<GlobalOp, SmallVector<GlobalOp>> parts;
};
} // namespace

/// Bytes of the largest component of a weight.
static int64_t getLargest(GlobalOp global) {
  int64_t largest = 0;
  for (NamedAttribute component : global.getComponents())
    if (auto data = dyn_cast<ElementsAttr>(component.getValue()))
      largest = std::max<int64_t>(
          largest,
          llvm::divideCeil(data.getNumElements() *
                               data.getElementType().getIntOrFloatBitWidth(),
                           8));
  return largest;
}

FailureOr<GlobalOp>
GPUSplitWeightsPass::makePart(GlobalOp global, int64_t first, int64_t count) {
  int64_t rows = cast<ShapedType>(global.getType()).getDimSize(0);
  Type type = withRows(global.getType(), count);
  std::string base = (global.getSymName() + ".rows" + Twine(first)).str(),
              name = base;
  for (unsigned i = 0; getOperation().lookupSymbol(name); ++i)
    name = base + "." + std::to_string(i);
  SmallVector<std::pair<StringRef, RankedTensorType>> components;
  if (auto coded = dyn_cast<QuantizedTensorType>(type))
    llvm::append_range(components, coded.getComponents());
  else
    components.emplace_back(component::kData, cast<RankedTensorType>(type));
  NamedAttrList sliced;
  for (auto [component, partType] : components) {
    auto data = dyn_cast_or_null<ElementsAttr>(global.getComponent(component));
    FailureOr<Attribute> part = failure();
    if (data)
      part = slice(data, partType, rows, first, name + "." + component);
    if (failed(part))
      return global.emitOpError()
             << "requires data of rows one behind the other to be split, found "
                "none in '"
             << component << "'";
    sliced.set(component, *part);
  }
  OpBuilder b(global);
  auto part = GlobalOp::create(b, global.getLoc(), name, type,
                               sliced.getDictionary(b.getContext()));
  if (std::optional<FloatSource> source = FloatSource::get(global)) {
    source->first += first;
    part->setAttr(kFloatSourceAttrName, source->toAttribute(b.getContext()));
  }
  return part;
}

/// Whether rows of a weight can be taken out: no row's codes say anything of
/// another's, and they lie one behind the other.
static bool hasRowsAlone(QuantizedTensorType type) {
  const numerics::ElementFormat &element =
      type.getEncoding().getNumerics().element;
  if (type.getEncoding().getMixed() ||
      element.windowBits() != element.codeBits())
    return false;
  if (!type.getLayout())
    return true;
  numerics::Layout layout = type.bindLayout().layout();
  return layout.atom.rows == 1 && layout.atom.overlap == 0 &&
         layout.order == numerics::BlockOrder::RowMajor;
}

/// The weights that the weight of `op` falls into, the same for all that have
/// it; none if it isn't too large.
FailureOr<ArrayRef<GlobalOp>> GPUSplitWeightsPass::getParts(Operation *op,
                                                            Value weight) {
  auto source = weight.getDefiningOp<WeightOp>();
  if (!source)
    return ArrayRef<GlobalOp>();
  GlobalOp global = source.getGlobalOp();
  auto [known, isNew] = parts.insert({global, {}});
  SmallVector<GlobalOp> &made = known->second;
  int64_t bytes = getLargest(global);
  if (!isNew || bytes <= mostBytes)
    return ArrayRef<GlobalOp>(made);
  auto type = dyn_cast<QuantizedTensorType>(global.getType());
  if (type && !hasRowsAlone(type))
    return op->emitOpError()
           << "requires rows that can be decoded alone to split its weight '"
           << global.getSymName() << "' for bindings of "
           << mostBytes.getValue() << " bytes, found " << type;
  int64_t rows = cast<ShapedType>(global.getType()).getDimSize(0);
  // Rows that share parameters, and those of a gated layer, stay together.
  int64_t unit = 2;
  if (auto coded = dyn_cast<QuantizedTensorType>(global.getType()))
    unit *= coded.getEncoding().getNumerics().groupRows;
  int64_t count = mostBytes / llvm::divideCeil(bytes, rows) / unit * unit;
  if (count == 0)
    return op->emitOpError()
           << "requires " << unit << " rows of its weight '"
           << global.getSymName() << "' to fit into a binding of "
           << mostBytes.getValue() << " bytes, found rows of "
           << llvm::divideCeil(bytes, rows);
  for (int64_t first = 0; first < rows; first += count) {
    FailureOr<GlobalOp> part =
        makePart(global, first, std::min(count, rows - first));
    if (failed(part))
      return failure();
    made.push_back(*part);
  }
  ++numSplit;
  numParts += made.size();
  return ArrayRef<GlobalOp>(made);
}

/// The last dimension of `value` from `first` on.
static Value sliceColumns(OpBuilder &b, Value value, int64_t first,
                          int64_t count) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
      sizes = tensor::getMixedSizes(b, value.getLoc(), value),
      strides(type.getRank(), b.getIndexAttr(1));
  offsets.back() = b.getIndexAttr(first);
  sizes.back() = b.getIndexAttr(count);
  return tensor::ExtractSliceOp::create(b, value.getLoc(), value, offsets,
                                        sizes, strides);
}

/// The layer on some rows of its weight.
Value GPUSplitWeightsPass::buildPart(OpBuilder &b, LinearOp op, GlobalOp part,
                                     int64_t first) {
  int64_t rows = cast<ShapedType>(part.getType()).getDimSize(0);
  int64_t each = op.getGated() ? 2 : 1;
  auto copy = cast<LinearOp>(b.clone(*op));
  b.setInsertionPoint(copy);
  copy.getWeightMutable().assign(
      WeightOp::create(b, op.getLoc(), part.getType(), part.getSymName()));
  if (op.getBias())
    copy.getBiasMutable().assign(sliceColumns(b, op.getBias(), first, rows));
  if (op.getResidual())
    copy.getResidualMutable().assign(
        sliceColumns(b, op.getResidual(), first / each, rows / each));
  SmallVector<int64_t> shape(op.getType().getShape());
  shape.back() = rows / each;
  copy.getResult().setType(cast<RankedTensorType>(op.getType().clone(shape)));
  b.setInsertionPointAfter(copy);
  return copy.getResult();
}

/// Fails where the parts of `op` would have a shape that isn't known.
static LogicalResult verifyStatic(Operation *op) {
  Type type = op->getResult(0).getType();
  if (cast<RankedTensorType>(type).hasStaticShape())
    return success();
  return op->emitOpError() << "requires a static shape to be split, found "
                           << type << ": fix dynamic dimensions with --shape";
}

/// The same, and a failure where there are some and `op` has no static shape.
FailureOr<ArrayRef<GlobalOp>>
GPUSplitWeightsPass::getStaticParts(Operation *op, Value weight) {
  FailureOr<ArrayRef<GlobalOp>> made = getParts(op, weight);
  if (succeeded(made) && !made->empty() && failed(verifyStatic(op)))
    return failure();
  return made;
}

/// Puts `result` in place of what `op` computed from `weight`.
static void replace(Operation *op, Value weight, Value result) {
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
  if (weight.use_empty())
    weight.getDefiningOp()->erase();
}

LogicalResult GPUSplitWeightsPass::split(LinearOp op) {
  Value weight = op.getWeight();
  FailureOr<ArrayRef<GlobalOp>> made = getStaticParts(op, weight);
  if (failed(made) || made->empty())
    return made;
  OpBuilder b(op);
  RankedTensorType type = op.getType();
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(b.getContext(), type.getShape());
  Value whole = tensor::EmptyOp::create(b, op.getLoc(), type.getShape(),
                                        type.getElementType());
  int64_t first = 0;
  for (GlobalOp part : *made) {
    int64_t rows = cast<ShapedType>(part.getType()).getDimSize(0);
    Value columns = buildPart(b, op, part, first);
    int64_t each = op.getGated() ? 2 : 1;
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
        strides(type.getRank(), b.getIndexAttr(1)), extents(sizes);
    offsets.back() = b.getIndexAttr(first / each);
    extents.back() = b.getIndexAttr(rows / each);
    whole = tensor::InsertSliceOp::create(b, op.getLoc(), columns, whole,
                                          offsets, extents, strides);
    first += rows;
  }
  replace(op, weight, whole);
  return success();
}

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

/// A tensor of `type` with this number everywhere.
static Value buildSplat(OpBuilder &b, Location loc, RankedTensorType type,
                        int64_t value) {
  return arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(type,
                             b.getIntegerAttr(type.getElementType(), value)));
}

/// Row numbers of a table of `rows` rows, of which those below 0 count from
/// the end.
static Value countFromStart(OpBuilder &b, Location loc, Value indices,
                            int64_t rows) {
  auto type = cast<RankedTensorType>(indices.getType());
  Value isNegative = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::slt, indices, buildSplat(b, loc, type, 0));
  Value fromEnd =
      arith::AddIOp::create(b, loc, indices, buildSplat(b, loc, type, rows));
  return arith::SelectOp::create(b, loc, isNegative, fromEnd, indices);
}

/// `rows` where `isThere` holds of the row, else what `before` has.
static Value fillIn(OpBuilder &b, Location loc, Value isThere, Value rows,
                    Value before) {
  auto type = cast<RankedTensorType>(rows.getType());
  int64_t rank = type.getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type, ValueRange{isThere, rows}, before,
             ArrayRef{identity.getMajorSubMap(rank - 1), identity, identity},
             iterators,
             [](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(
                   b, loc,
                   arith::SelectOp::create(b, loc, values[0], values[1],
                                           values[2])
                       .getResult());
             })
      .getResult(0);
}

/// Each table is asked for the rows that it has, and for its first or last one
/// in place of others; the first table's are there before, and each further
/// one takes the place of those from its first row on.
LogicalResult GPUSplitWeightsPass::split(EmbeddingOp op) {
  Value weight = op.getWeight();
  FailureOr<ArrayRef<GlobalOp>> made = getStaticParts(op, weight);
  if (failed(made) || made->empty())
    return made;
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value rows = countFromStart(b, loc, op.getIndices(),
                              cast<ShapedType>(weight.getType()).getDimSize(0));
  auto type = cast<RankedTensorType>(rows.getType());
  Value whole;
  int64_t first = 0;
  for (GlobalOp part : *made) {
    Value start = buildSplat(b, loc, type, first);
    Value own = arith::MaxSIOp::create(
        b, loc, arith::SubIOp::create(b, loc, rows, start),
        buildSplat(b, loc, type, 0));
    Value table = WeightOp::create(b, loc, part.getType(), part.getSymName());
    Value found = EmbeddingOp::create(b, loc, op.getType(), own, table);
    first += cast<ShapedType>(part.getType()).getDimSize(0);
    if (!whole) {
      whole = found;
      continue;
    }
    Value isThere =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, rows, start);
    whole = fillIn(b, loc, isThere, found, whole);
  }
  replace(op, weight, whole);
  return success();
}
