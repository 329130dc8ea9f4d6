//===- Tensors.cpp - values as tensors in the IR --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents as index values, constants, and views made whole.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
using llvm::ArrayRef;
using mlir::OpFoldResult;
using onnx::TensorProto;

mlir::Type Importer::elementType(int32_t type) {
  switch (type) {
  case TensorProto::FLOAT:
    return builder.getF32Type();
  case TensorProto::DOUBLE:
    return builder.getF64Type();
  case TensorProto::FLOAT16:
    return builder.getF16Type();
  case TensorProto::BFLOAT16:
    return builder.getBF16Type();
  case TensorProto::BOOL:
    return builder.getI1Type();
  default:
    return builder.getIntegerType(8 * byteSize(type));
  }
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

namespace {
/// Emits the arithmetic of an expression on values of type index.
class IndexEmitter {
public:
  IndexEmitter(Importer &importer, std::map<Expr, mlir::Value> &cache,
               mlir::Block &entry)
      : symbols(importer.symbols), b(importer.ops()), cache(cache),
        entry(entry) {}

  mlir::Value emit(const Expr &e) {
    auto found = cache.find(e);
    if (found != cache.end())
      return found->second;
    mlir::Value sum;
    if (e.isConstant())
      sum = constant(e.constant());
    for (const Expr::Term &term : e.getTerms()) {
      if (e.isConstant())
        break;
      mlir::Value product = emitTerm(term);
      sum = sum ? b.createOrFold<mlir::arith::AddIOp>(sum, product) : product;
    }
    cache.emplace(e, sum);
    return sum;
  }

private:
  mlir::Value constant(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }

  mlir::Value emitTerm(const Expr::Term &term) {
    mlir::Value product;
    for (unsigned atom : term.monomial) {
      mlir::Value factor = emitAtom(atom);
      product = product ? b.createOrFold<mlir::arith::MulIOp>(product, factor)
                        : factor;
    }
    if (!product)
      return constant(term.coefficient);
    if (term.coefficient == 1)
      return product;
    return b.createOrFold<mlir::arith::MulIOp>(product,
                                               constant(term.coefficient));
  }

  mlir::Value emitAtom(unsigned number) {
    Expr self = Expr::atom(number);
    auto found = cache.find(self);
    if (found != cache.end())
      return found->second;
    // Copied: emitting operands must not depend on the table's storage.
    Symbols::Atom atom = symbols.getAtom(number);
    mlir::Value value;
    if (atom.kind == Symbols::Kind::Dim) {
      value = mlir::tensor::DimOp::create(b, entry.getArgument(atom.argument),
                                          atom.axis);
    } else {
      mlir::Value lhs = emit(atom.lhs), rhs = emit(atom.rhs);
      if (atom.kind == Symbols::Kind::Min)
        value = mlir::arith::MinSIOp::create(b, lhs, rhs);
      else if (atom.kind == Symbols::Kind::Max)
        value = mlir::arith::MaxSIOp::create(b, lhs, rhs);
      else if (symbols.lowerBound(atom.lhs) >= 0)
        value = mlir::arith::DivUIOp::create(b, lhs, rhs);
      else
        value = mlir::arith::FloorDivSIOp::create(b, lhs, rhs);
    }
    cache.emplace(self, value);
    return value;
  }

  Symbols &symbols;
  mlir::ImplicitLocOpBuilder &b;
  std::map<Expr, mlir::Value> &cache;
  mlir::Block &entry;
};
} // namespace

mlir::Value Importer::indexValue(const Expr &e) {
  return IndexEmitter(*this, indexCache, function.getBody().front()).emit(e);
}

llvm::Expected<Expr> Importer::computedExtent(const Node &node,
                                              mlir::Value count) {
  if (builder.getInsertionBlock() != &function.getBody().front())
    return error(node, "counts elements inside of a loop or a branch");
  std::string name = node.getProto().output(0);
  if (unsigned earlier = computedExtents[name]++)
    name += "@" + llvm::utostr(earlier);
  Expr result = symbols.addComputed(name);
  indexCache[result] = count;
  return result;
}

OpFoldResult Importer::extent(const Expr &e) {
  if (e.isConstant())
    return builder.getIndexAttr(e.constant());
  return indexValue(e);
}

llvm::SmallVector<OpFoldResult> Importer::extents(ArrayRef<Expr> dims) {
  llvm::SmallVector<OpFoldResult> result;
  for (const Expr &dim : dims)
    result.push_back(extent(dim));
  return result;
}

mlir::RankedTensorType Importer::tensorType(mlir::Type element,
                                            ArrayRef<Expr> dims) {
  llvm::SmallVector<int64_t> shape;
  for (const Expr &dim : dims)
    shape.push_back(dim.isConstant() ? dim.constant()
                                     : mlir::ShapedType::kDynamic);
  return mlir::RankedTensorType::get(shape, element);
}

mlir::Value Importer::empty(mlir::Type element, ArrayRef<Expr> dims) {
  return mlir::tensor::EmptyOp::create(builder, extents(dims), element);
}

RegionScope::RegionScope(Importer &importer, mlir::Block *block)
    : importer(importer), guard(importer.builder),
      indexCache(importer.indexCache), castIntegers(importer.castIntegers) {
  importer.builder.setInsertionPointToEnd(block);
}

RegionScope::~RegionScope() {
  importer.indexCache = std::move(indexCache);
  importer.castIntegers = std::move(castIntegers);
}

void Importer::leaveRegions() {
  mlir::Block *entry = &function.getBody().front();
  mlir::Operation *outer = builder.getInsertionBlock()->getParentOp();
  if (outer != function)
    builder.setInsertionPoint(entry->findAncestorOpInBlock(*outer));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// `scalar` as an attribute of type `element`.
static mlir::TypedAttr attributeOf(mlir::Type element, const Scalar &scalar) {
  if (mlir::isa<mlir::FloatType>(element))
    return mlir::FloatAttr::get(element, scalar.number());
  llvm::APInt bits(element.getIntOrFloatBitWidth(),
                   uint64_t(scalar.integer.constant()), /*isSigned=*/false,
                   /*implicitTrunc=*/true);
  return mlir::IntegerAttr::get(element, bits);
}

mlir::Value Importer::constantScalar(mlir::Type element, const Scalar &scalar) {
  if (scalar.isConstant())
    return mlir::arith::ConstantOp::create(builder,
                                           attributeOf(element, scalar));
  // Expressions are folded for 32 and 64 bits only.
  mlir::Value index = indexValue(scalar.integer);
  return mlir::arith::IndexCastOp::create(builder, element, index);
}

mlir::Value Importer::filled(mlir::Type element, ArrayRef<Expr> dims,
                             double number) {
  Scalar scalar = mlir::isa<mlir::FloatType>(element)
                      ? Scalar::of(number)
                      : Scalar::of(Expr(int64_t(number)));
  mlir::Value value = constantScalar(element, scalar);
  return mlir::linalg::FillOp::create(builder, value, empty(element, dims))
      .getResult(0);
}

/// A known value as a tensor of static `shape` with as many elements.
mlir::Value Importer::denseConstant(const Value &value,
                                    ArrayRef<int64_t> shape) {
  mlir::Type element = elementType(value.type);
  auto type = mlir::RankedTensorType::get(shape, element);
  if (llvm::all_of(*value.known,
                   [](const Scalar &s) { return s.isConstant(); })) {
    llvm::SmallVector<mlir::Attribute> attributes;
    for (const Scalar &scalar : *value.known)
      attributes.push_back(attributeOf(element, scalar));
    return mlir::arith::ConstantOp::create(
        builder, mlir::DenseElementsAttr::get(type, attributes));
  }
  llvm::SmallVector<mlir::Value> elements;
  for (int64_t i = 0, size = type.getNumElements(); i < size; ++i)
    elements.push_back(constantScalar(element, value.element(i)));
  return mlir::tensor::FromElementsOp::create(builder, type, elements);
}

/// A known value as a tensor without its unit dimensions; one that is uniform
/// becomes a tensor of rank 0.
Value Importer::emitKnown(const Value &value) {
  Value result = fromTensor(value.type, value.dims, nullptr);
  result.axes.clear();
  llvm::SmallVector<int64_t> shape;
  if (!value.uniform())
    for (auto [axis, dim] : llvm::enumerate(value.dims))
      if (!dim.isConstant(1)) {
        result.axes.push_back(axis);
        shape.push_back(dim.constant());
      }
  result.tensor = denseConstant(value, shape);
  return result;
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

Value Importer::fromTensor(int32_t type, ArrayRef<Expr> dims,
                           mlir::Value tensor) const {
  Value value;
  value.type = type;
  value.dims.assign(dims.begin(), dims.end());
  value.tensor = tensor;
  for (int64_t axis = 0; axis < value.rank(); ++axis)
    value.axes.push_back(axis);
  return value;
}

Value Importer::emitted(const Value &value) {
  if (value.known)
    return emitKnown(value);
  if (value.weight)
    return fromTensor(value.type, value.dims, fetchWeight(*value.weight));
  return value;
}

static mlir::RankedTensorType typeOf(const Value &value) {
  return mlir::cast<mlir::RankedTensorType>(value.tensor.getType());
}

/// Whether dimension `p` of the tensor of a view is repeated along its axis.
static bool isRepeated(const Value &view, size_t p) {
  return typeOf(view).getDimSize(p) == 1 &&
         !view.dims[view.axes[p]].isConstant(1);
}

/// Groups of dimensions of the value, one for each dimension of its tensor.
static llvm::SmallVector<mlir::ReassociationIndices>
groupsOf(const Value &view) {
  llvm::SmallVector<mlir::ReassociationIndices> groups(view.axes.size());
  if (groups.empty())
    return groups;
  size_t p = 0;
  for (int64_t axis = 0; axis < view.rank(); ++axis) {
    while (p + 1 < view.axes.size() && axis > view.axes[p])
      ++p;
    groups[p].push_back(axis);
  }
  return groups;
}

mlir::Value Importer::full(const Value &value) {
  if (value.known) {
    std::optional<int64_t> size = value.size();
    if (size && (*size <= 4096 || value.known->size() > 1 || *size == 0) &&
        llvm::all_of(value.dims,
                     [](const Expr &d) { return d.isConstant(); })) {
      llvm::SmallVector<int64_t> shape;
      for (const Expr &dim : value.dims)
        shape.push_back(dim.constant());
      return denseConstant(value, shape);
    }
    mlir::Type element = elementType(value.type);
    return mlir::linalg::FillOp::create(
               builder, constantScalar(element, *value.uniform()),
               empty(element, value.dims))
        .getResult(0);
  }
  Value view = emitted(value);
  bool repeats = false;
  for (size_t p = 0; p < view.axes.size(); ++p)
    repeats |= isRepeated(view, p);
  for (int64_t axis = 0; axis < view.rank(); ++axis)
    repeats |=
        !llvm::is_contained(view.axes, axis) && !view.dims[axis].isConstant(1);
  if (repeats)
    return broadcastTo(view);
  if (int64_t(view.axes.size()) == view.rank())
    return view.tensor;
  return mlir::tensor::ExpandShapeOp::create(
      builder, tensorType(elementType(view.type), view.dims), view.tensor,
      groupsOf(view), extents(view.dims));
}

/// Copies a view to a tensor of all its dimensions.
mlir::Value Importer::broadcastTo(const Value &view) {
  mlir::MLIRContext *ctx = builder.getContext();
  llvm::SmallVector<mlir::AffineExpr> results;
  for (auto [p, axis] : llvm::enumerate(view.axes))
    results.push_back(isRepeated(view, p) ? mlir::getAffineConstantExpr(0, ctx)
                                          : mlir::getAffineDimExpr(axis, ctx));
  mlir::AffineMap maps[] = {
      mlir::AffineMap::get(view.rank(), 0, results, ctx),
      mlir::AffineMap::getMultiDimIdentityMap(view.rank(), ctx)};
  llvm::SmallVector<mlir::utils::IteratorType> iterators(
      view.rank(), mlir::utils::IteratorType::parallel);
  mlir::Value init = empty(elementType(view.type), view.dims);
  return mlir::linalg::GenericOp::create(
             builder, init.getType(), view.tensor, init, maps, iterators,
             [](mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange args) {
               mlir::linalg::YieldOp::create(b, loc, args[0]);
             })
      .getResult(0);
}

std::optional<Value> Importer::unitReshape(const Value &input,
                                           ArrayRef<Expr> dims) {
  Value result;
  result.type = input.type;
  result.dims.assign(dims.begin(), dims.end());
  result.tensor = input.tensor;
  size_t p = 0;
  int64_t i = 0, j = 0, rank = dims.size();
  while (i < input.rank() || j < rank) {
    bool unitIn = i < input.rank() && input.dims[i].isConstant(1);
    bool unitOut = j < rank && dims[j].isConstant(1);
    bool carried = p < input.axes.size() && input.axes[p] == i;
    bool matches = i < input.rank() && j < rank && input.dims[i] == dims[j];
    if (matches) {
      if (carried) {
        result.axes.push_back(j);
        ++p;
      }
      ++i, ++j;
    } else if (unitOut) {
      ++j;
    } else if (unitIn && !carried) {
      ++i;
    } else {
      return std::nullopt;
    }
  }
  return result;
}
