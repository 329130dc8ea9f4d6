//===- FeatureScaling.cpp - factors that constants take up ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every value on the way is read once, so that nothing else sees the factors.
// Where an operation can take them in through either of two operands, the one
// that is a constant comes first: a vector is less to rewrite than a matrix.
//
//===----------------------------------------------------------------------===//

#include "FeatureScaling.h"
#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;
using namespace lowbit;

LogicalResult FeatureScaling::plan(Value value, ArrayRef<Operation *> readers) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t columns = type.getShape().back();
  rows.clear();
  sites.clear();
  classes.resize(columns);
  std::iota(classes.begin(), classes.end(), 0);
  if (!isOnlyReadBy(value, readers))
    return failure();
  return success(trace(value, {{type.getRank() - 1}, classes}));
}

/// Whether `use` is of the elements, not of the shape alone.
static bool readsElements(OpOperand &use) {
  Operation *op = use.getOwner();
  if (isa<tensor::DimOp>(op))
    return false;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return !linalgOp || !linalgOp.isDpsInit(&use) ||
         linalgOp.payloadUsesValueFromOperand(&use);
}

bool FeatureScaling::isOnlyReadBy(Value value, ArrayRef<Operation *> readers) {
  for (OpOperand &use : value.getUses())
    if (readsElements(use) && !llvm::is_contained(readers, use.getOwner()))
      return fail("its input has other readers");
  return true;
}

/// `operand` is one of those of an operation that hands factors on.
bool FeatureScaling::traceOperand(OpOperand &operand, Features features) {
  unsigned uses = llvm::count_if(operand.get().getUses(), readsElements);
  if (uses != 1)
    return fail("a value that its input is computed from has other readers");
  return trace(operand.get(), std::move(features));
}

bool FeatureScaling::trace(Value value, Features features) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return fail("its input is an argument");
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
          [&](auto reshape) { return traceReshape(reshape, features); })
      .Case([&](tensor::CastOp cast) {
        return traceOperand(cast->getOpOperand(0), features);
      })
      .Case([&](tensor::ExtractSliceOp slice) {
        return traceSlice(slice, features);
      })
      .Case([&](linalg::TransposeOp transpose) {
        return traceTranspose(transpose, features);
      })
      .Case([&](AttentionOp attention) {
        return traceAttention(attention, features);
      })
      .Case([&](LinearOp linear) { return traceLinear(linear, features); })
      .Case([&](EmbeddingOp table) { return traceEmbedding(table, features); })
      .Case([&](linalg::LinalgOp elementwise) {
        return traceElementwise(elementwise, features);
      })
      .Default([&](Operation *other) {
        return fail("factors can't pass '" + other->getName().getStringRef() +
                    "'");
      });
}

//===----------------------------------------------------------------------===//
// Moving elements
//===----------------------------------------------------------------------===//

/// The features of what `op` reshapes. Dimensions keep their order in memory,
/// so a run of feature dimensions stays the same list of columns as long as it
/// is not mixed with others.
bool FeatureScaling::traceReshape(Operation *op, const Features &features) {
  bool collapses = isa<tensor::CollapseShapeOp>(op);
  auto groups =
      collapses ? cast<tensor::CollapseShapeOp>(op).getReassociationIndices()
                : cast<tensor::ExpandShapeOp>(op).getReassociationIndices();
  auto to = cast<RankedTensorType>(op->getResult(0).getType());
  Features source;
  source.columns = features.columns;
  for (auto [single, group] : llvm::enumerate(groups)) {
    ArrayRef<int64_t> before = group, after(group);
    SmallVector<int64_t, 1> one{static_cast<int64_t>(single)};
    (collapses ? after : before) = one;
    auto isFeature = [&](int64_t dim) {
      return llvm::is_contained(features.dims, dim);
    };
    if (llvm::none_of(after, isFeature))
      continue;
    for (int64_t dim : after)
      if (!isFeature(dim) && to.getDimSize(dim) != 1)
        return fail("its columns are mixed with rows by a reshape");
    llvm::append_range(source.dims, before);
  }
  // Features that a transposition has put into another order than memory's.
  if (!llvm::is_sorted(features.dims))
    return fail("its columns are reshaped in another order");
  return traceOperand(op->getOpOperand(0), std::move(source));
}

/// The dimension that `op` cuts, the only one.
static std::optional<unsigned> getCutDimension(tensor::ExtractSliceOp op) {
  RankedTensorType source = op.getSourceType();
  std::optional<unsigned> cut;
  if (source.getRank() != op.getType().getRank() || !op.hasUnitStride())
    return std::nullopt;
  for (int64_t i = 0; i < source.getRank(); ++i) {
    if (op.isDynamicOffset(i) ||
        (op.getStaticOffset(i) == 0 &&
         source.getDimSize(i) == op.getType().getDimSize(i)))
      continue;
    if (cut || op.isDynamicSize(i) || source.isDynamicDim(i))
      return std::nullopt;
    cut = i;
  }
  return cut;
}

/// A part of the columns of what is cut; queries, keys and values of one layer,
/// say. Other parts keep their numbers.
bool FeatureScaling::traceSlice(tensor::ExtractSliceOp op,
                                const Features &features) {
  std::optional<unsigned> cut = getCutDimension(op);
  if (!cut || features.dims.empty() || features.dims.front() != *cut)
    return fail("its columns are cut in a way that mixes them with rows");
  int64_t first = op.getStaticOffset(*cut), count = op.getStaticSize(*cut);
  for (OpOperand &use : op.getSource().getUses()) {
    if (use.getOwner() == op || !readsElements(use))
      continue;
    auto other = dyn_cast<tensor::ExtractSliceOp>(use.getOwner());
    if (!other || getCutDimension(other) != cut ||
        (other.getStaticOffset(*cut) < first + count &&
         first < other.getStaticOffset(*cut) + other.getStaticSize(*cut)))
      return fail("a value that its input is computed from has other readers");
  }
  Features source;
  source.dims = features.dims;
  int64_t inner = features.columns.size() / count;
  source.columns.assign(op.getSourceType().getDimSize(*cut) * inner, kNone);
  llvm::copy(features.columns, source.columns.begin() + first * inner);
  return trace(op.getSource(), std::move(source));
}

bool FeatureScaling::traceTranspose(linalg::TransposeOp op, Features features) {
  for (int64_t &dim : features.dims)
    dim = op.getPermutation()[dim];
  return traceOperand(op->getOpOperand(0), std::move(features));
}

/// Each number of the result is a mean of values of the same feature.
bool FeatureScaling::traceAttention(AttentionOp op, const Features &features) {
  int64_t rank = op.getType().getRank(), heads = rank - 3, last = rank - 1;
  for (int64_t dim : features.dims)
    if (dim != heads && dim != last)
      return fail("attention mixes what its columns are made of");
  Features source = features;
  int64_t shared = op.getHeadsPerGroup();
  if (shared > 1 && llvm::is_contained(features.dims, heads)) {
    if (features.dims != ArrayRef<int64_t>{heads, last})
      return fail("the heads of its columns are in another order");
    int64_t width = op.getType().getDimSize(last);
    source.columns.clear();
    for (size_t i = 0; i < features.columns.size(); ++i) {
      int64_t head = i / width, feature = i % width;
      int64_t first = head / shared * shared * width + feature;
      if (features.columns[i] == kNone || features.columns[first] == kNone)
        return fail("a part of the heads is cut off");
      if (head % shared == 0)
        source.columns.push_back(features.columns[i]);
      else
        classes[features.columns[i]] = classes[features.columns[first]];
    }
  }
  return traceOperand(op.getValueMutable(), std::move(source));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Whether f(a x) = a f(x) for a > 0.
static bool isHomogeneous(ActivationAttr activation) {
  return !activation || activation.getKind() == ActivationKind::Relu ||
         activation.getKind() == ActivationKind::LeakyRelu;
}

bool FeatureScaling::traceLinear(LinearOp op, const Features &features) {
  if (op.getGated() || op.getResidual() ||
      !isHomogeneous(op.getActivationAttr()))
    return fail("the layer before has an activation, gate or residual");
  if (features.dims != ArrayRef<int64_t>{op.getType().getRank() - 1})
    return fail("columns are not those of the layer before");
  if (!editor.getOwnMatrix(op.getWeightMutable(), reason))
    return false;
  if (op.getBias() &&
      !addVector(op.getBiasMutable()[0], {{0}, features.columns}))
    return false;
  rows.push_back({op, features.columns});
  return true;
}

bool FeatureScaling::traceEmbedding(EmbeddingOp op, const Features &features) {
  if (features.dims != ArrayRef<int64_t>{op.getType().getRank() - 1})
    return fail("columns are not those of the table");
  auto matrix = editor.getOwnMatrix(op.getWeightMutable(), reason);
  if (!matrix)
    return false;
  Site site{&op.getWeightMutable(), {}};
  for (int64_t n = 0; n < matrix->rows; ++n)
    llvm::append_range(site.columns, features.columns);
  sites.push_back(std::move(site));
  return true;
}

//===----------------------------------------------------------------------===//
// Elementwise operations
//===----------------------------------------------------------------------===//

bool FeatureScaling::traceElementwise(linalg::LinalgOp op,
                                      const Features &features) {
  if (!isElementwiseOnTensors(op) || op->getNumResults() != 1)
    return fail("factors can't pass '" + op->getName().getStringRef() + "'");
  return traceScalar(op, op.getBlock()->getTerminator()->getOperand(0),
                     features);
}

/// Whether `scalar` is an element of a constant.
bool FeatureScaling::isConstant(linalg::LinalgOp op, Value scalar) {
  auto element = dyn_cast<BlockArgument>(scalar);
  return element &&
         editor.readConstant(op->getOpOperand(element.getArgNumber()));
}

/// Multiplies `scalar`, which the body of `op` uses once.
bool FeatureScaling::traceScalar(linalg::LinalgOp op, Value scalar,
                                 const Features &features) {
  if (!scalar.hasOneUse())
    return fail("its input is not linear in what it is computed from");
  if (auto element = dyn_cast<BlockArgument>(scalar))
    return traceInput(op, element, features);
  Operation *inner = scalar.getDefiningOp();
  if (inner->getBlock() != op.getBlock())
    return fail("its input is computed from a number that is not its own");
  auto both = [&] {
    return traceScalar(op, inner->getOperand(0), features) &&
           traceScalar(op, inner->getOperand(1), features);
  };
  auto either = [&](unsigned first) {
    std::vector<Rows> knownRows = rows;
    std::vector<Site> knownSites = sites;
    std::vector<int32_t> knownClasses = classes;
    if (traceScalar(op, inner->getOperand(first), features))
      return true;
    rows = std::move(knownRows);
    sites = std::move(knownSites);
    classes = std::move(knownClasses);
    return traceScalar(op, inner->getOperand(1 - first), features);
  };
  return llvm::TypeSwitch<Operation *, bool>(inner)
      .Case([&](arith::MulFOp mul) {
        return either(isConstant(op, mul.getRhs()) ? 1 : 0);
      })
      .Case<arith::DivFOp, arith::NegFOp, arith::ExtFOp, arith::TruncFOp>(
          [&](Operation *linear) {
            return traceScalar(op, linear->getOperand(0), features);
          })
      .Case<arith::AddFOp, arith::SubFOp>([&](Operation *) { return both(); })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](Operation *relu) {
        if (!matchPattern(relu->getOperand(1), m_AnyZeroFloat()))
          return fail("its input is not linear in what it is computed from");
        return traceScalar(op, relu->getOperand(0), features);
      })
      .Default([&](Operation *) {
        return fail("its input is not linear in what it is computed from");
      });
}

/// Multiplies the tensor whose elements are `element`.
bool FeatureScaling::traceInput(linalg::LinalgOp op, BlockArgument element,
                                const Features &features) {
  OpOperand &operand = op->getOpOperand(element.getArgNumber());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  Features source;
  source.columns = features.columns;
  for (int64_t dim : features.dims) {
    auto place = map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
    if (!place)
      return fail("what decides its magnitude has no columns");
    source.dims.push_back(*place);
  }
  if (editor.readConstant(operand))
    return addVector(operand, source);
  if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return fail("its input is indexed by sums");
  return traceOperand(operand, std::move(source));
}

/// A constant, however many others read it: it gets a copy.
bool FeatureScaling::addVector(OpOperand &operand, const Features &features) {
  auto type = cast<RankedTensorType>(operand.get().getType());
  auto values = editor.readConstant(operand);
  if (!values || values->size() != features.columns.size() ||
      !llvm::is_sorted(features.dims))
    return fail("what is multiplied or added is no constant vector of columns");
  (void)type;
  sites.push_back({&operand, features.columns});
  return true;
}

void FeatureScaling::apply(ArrayRef<float> factors) {
  auto factorOf = [&](int32_t column) {
    return column == kNone ? 1 : factors[column];
  };
  std::string ignored;
  for (const Site &site : sites) {
    std::vector<float> values;
    if (isa<EmbeddingOp>(site.operand->getOwner())) {
      auto matrix = editor.getOwnMatrix(*site.operand, ignored);
      values = matrix->readRows(0, matrix->rows);
    } else {
      values = *editor.readConstant(*site.operand);
    }
    for (auto [value, column] : llvm::zip_equal(values, site.columns))
      value *= factorOf(column);
    editor.replace(*site.operand, values);
  }
  for (const Rows &layer : rows) {
    LinearOp op = layer.layer;
    auto matrix = editor.getOwnMatrix(op.getWeightMutable(), ignored);
    std::vector<float> values = matrix->readRows(0, matrix->rows);
    for (auto [i, value] : llvm::enumerate(values))
      value *= factorOf(layer.columns[i / matrix->columns]);
    editor.replace(op.getWeightMutable(), values);
  }
}
