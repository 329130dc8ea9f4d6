//===- ScalarCone.cpp - what is computed from one tensor alone ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops are visited in the order of the block, so that an op's inputs are known
// before it. The limit on ops keeps the work linear in the size of the module.
//
//===----------------------------------------------------------------------===//

#include "ScalarCone.h"

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

/// Most elementwise ops that one cone follows. The longest activation as
/// exporters write it, gelu with a cube, has ten.
static constexpr unsigned kMaxOps = 32;

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

bool lowbit::isElementwiseOnTensors(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || !op.isAllParallelLoops() ||
      op.hasIndexSemantics())
    return false;
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    return op.getMatchingIndexingMap(&init).isIdentity() &&
           op.getMatchingBlockArgument(&init).use_empty();
  });
}

BlockArgument lowbit::getElement(OpOperand &use) {
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  if (!op || !op.isDpsInput(&use) || !isElementwiseOnTensors(op) ||
      !op.getMatchingIndexingMap(&use).isIdentity())
    return {};
  return op.getMatchingBlockArgument(&use);
}

//===----------------------------------------------------------------------===//
// Uniform values
//===----------------------------------------------------------------------===//

/// The one number in `elements`, if they are floats and one number.
static std::optional<double> getUniformElement(Attribute elements) {
  if (auto number = dyn_cast_or_null<FloatAttr>(elements))
    return number.getValueAsDouble();
  auto dense = dyn_cast_or_null<DenseElementsAttr>(elements);
  if (dense && dense.isSplat() && isa<FloatType>(dense.getElementType()))
    return dense.getSplatValue<FloatAttr>().getValueAsDouble();
  auto resource = dyn_cast_or_null<DenseF32ResourceElementsAttr>(elements);
  if (!resource || resource.getNumElements() != 1)
    return std::nullopt;
  auto data = resource.tryGetAsArrayRef();
  if (!data || data->size() != 1)
    return std::nullopt;
  return data->front();
}

std::optional<double> lowbit::getUniformValue(Value value) {
  while (Operation *producer = value.getDefiningOp()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(producer))
      return getUniformElement(constant.getValue());
    if (auto weight = dyn_cast<WeightOp>(producer)) {
      GlobalOp global = weight.getGlobalOp();
      if (!global)
        return std::nullopt;
      return getUniformElement(global.getComponent(component::kData));
    }
    if (!isa<linalg::FillOp, linalg::BroadcastOp, tensor::ExpandShapeOp,
             tensor::CollapseShapeOp, tensor::CastOp, tensor::SplatOp>(
            producer))
      break;
    value = producer->getOperand(0);
  }
  return std::nullopt;
}

/// A float in another float type; between two types of 16 bits by way of f32,
/// which has the numbers of both.
static Value convertFloat(OpBuilder &b, Location loc, Value number, Type type) {
  unsigned from = number.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (number.getType() == type)
    return number;
  if (from < to)
    return arith::ExtFOp::create(b, loc, type, number);
  if (from == to)
    number = arith::ExtFOp::create(b, loc, b.getF32Type(), number);
  return arith::TruncFOp::create(b, loc, type, number);
}

Value lowbit::convertFloats(OpBuilder &b, Location loc, Value tensor,
                            Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getElementType() == element)
    return tensor;
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, tensor), element);
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), tensor, init, ArrayRef{identity, identity},
             iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(
                   b, loc, convertFloat(b, loc, values[0], element));
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Growing the cone
//===----------------------------------------------------------------------===//

ScalarCone::ScalarCone(Value x) {
  functions[x] = algebra.variable();
  members.insert(x);
  SmallVector<linalg::LinalgOp> pending;
  auto addUsers = [&](Value tensor) {
    for (OpOperand &use : tensor.getUses())
      if (use.getOwner()->getBlock() == x.getParentBlock() && getElement(use) &&
          !llvm::is_contained(pending, use.getOwner()))
        pending.push_back(cast<linalg::LinalgOp>(use.getOwner()));
  };
  addUsers(x);
  for (unsigned count = 0; !pending.empty() && count < kMaxOps; ++count) {
    auto *first = llvm::min_element(pending, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    linalg::LinalgOp op = *first;
    pending.erase(first);
    enter(op);
    for (Value result : op->getResults())
      if (members.contains(result))
        addUsers(result);
  }
}

ScalarFunction ScalarCone::getFunction(Value value) const {
  return functions.lookup(value);
}

/// Functions of the block arguments whose tensors have one.
void ScalarCone::bindInputs(linalg::LinalgOp op) {
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (members.contains(input->get()) && getElement(*input)) {
      functions[argument] = functions.lookup(input->get());
      members.insert(argument);
    } else if (auto number = getUniformValue(input->get())) {
      functions[argument] = algebra.constant(*number);
    }
  }
}

void ScalarCone::enter(linalg::LinalgOp op) {
  bindInputs(op);
  Block *body = op.getBlock();
  for (Operation &scalar : body->without_terminator()) {
    if (scalar.getNumResults() != 1 || scalar.getNumOperands() == 0)
      continue;
    Value result = scalar.getResult(0);
    bool isMember = llvm::any_of(scalar.getOperands(), [&](Value value) {
      return members.contains(value);
    });
    // A comparison has no function of its own; its select looks through it.
    if (isMember && isa<arith::CmpFOp>(scalar))
      members.insert(result);
    if (!isa<FloatType>(result.getType()))
      continue;
    ScalarFunction function = evaluate(&scalar);
    if (!function.isKnown())
      continue;
    functions[result] = std::move(function);
    if (!isMember)
      continue;
    members.insert(result);
    scalars.push_back(result);
  }
  for (auto [yielded, result] : llvm::zip_equal(
           body->getTerminator()->getOperands(), op->getResults())) {
    if (!members.contains(yielded) || !isa<FloatType>(yielded.getType()))
      continue;
    functions[result] = functions.lookup(yielded);
    members.insert(result);
  }
}

//===----------------------------------------------------------------------===//
// Scalar ops
//===----------------------------------------------------------------------===//

ScalarFunction ScalarCone::operand(Value value) {
  if (auto known = functions.find(value); known != functions.end())
    return known->second;
  if (auto number = getUniformValue(value))
    return algebra.constant(*number);
  IntegerAttr integer;
  if (matchPattern(value, m_Constant(&integer)))
    return algebra.constant(integer.getValue().signedRoundToDouble());
  return {};
}

ScalarFunction ScalarCone::evaluateUnary(Operation *op) {
  ScalarFunction x = operand(op->getOperand(0));
  auto constant = [&](double value) { return algebra.constant(value); };
  auto negated = [&] { return algebra.mul(constant(-1), x); };
  return TypeSwitch<Operation *, ScalarFunction>(op)
      .Case([&](arith::ExtFOp) { return x; })
      .Case([&](arith::NegFOp) { return negated(); })
      .Case([&](math::AbsFOp) { return algebra.choose(x, x, negated()); })
      .Case([&](math::ExpOp) { return algebra.apply(AtomKind::Exp, x); })
      .Case([&](math::Exp2Op) {
        return algebra.apply(AtomKind::Exp,
                             algebra.mul(constant(std::log(2.0)), x));
      })
      .Case([&](math::ExpM1Op) {
        return algebra.sub(algebra.apply(AtomKind::Exp, x), constant(1));
      })
      .Case([&](math::ErfOp) { return algebra.apply(AtomKind::Erf, x); })
      .Case([&](math::ErfcOp) {
        return algebra.sub(constant(1), algebra.apply(AtomKind::Erf, x));
      })
      .Case([&](math::TanhOp) { return algebra.apply(AtomKind::Tanh, x); })
      .Case([&](math::LogOp) { return algebra.apply(AtomKind::Log, x); })
      .Case([&](math::SqrtOp) { return algebra.apply(AtomKind::Sqrt, x); })
      .Case([&](math::RsqrtOp) {
        return algebra.div(constant(1), algebra.apply(AtomKind::Sqrt, x));
      })
      .Default([](Operation *) { return ScalarFunction(); });
}

ScalarFunction ScalarCone::evaluateBinary(Operation *op) {
  ScalarFunction a = operand(op->getOperand(0));
  ScalarFunction b = operand(op->getOperand(1));
  return TypeSwitch<Operation *, ScalarFunction>(op)
      .Case([&](arith::AddFOp) { return algebra.add(a, b); })
      .Case([&](arith::SubFOp) { return algebra.sub(a, b); })
      .Case([&](arith::MulFOp) { return algebra.mul(a, b); })
      .Case([&](arith::DivFOp) { return algebra.div(a, b); })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>(
          [&](auto) { return algebra.max(a, b); })
      .Case<arith::MinimumFOp, arith::MinNumFOp>(
          [&](auto) { return algebra.min(a, b); })
      .Case<math::PowFOp, math::FPowIOp>(
          [&](auto) { return algebra.power(a, b); })
      .Default([](Operation *) { return ScalarFunction(); });
}

/// `select(p > q, a, b)` in the twelve spellings of a comparison. What happens
/// to NaN differs between them and is left open, as it is in an activation.
ScalarFunction ScalarCone::evaluateSelect(Operation *op) {
  auto select = cast<arith::SelectOp>(op);
  auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return {};
  ScalarFunction difference =
      algebra.sub(operand(compare.getLhs()), operand(compare.getRhs()));
  ScalarFunction yes = operand(select.getTrueValue());
  ScalarFunction no = operand(select.getFalseValue());
  switch (compare.getPredicate()) {
  case arith::CmpFPredicate::OGT:
  case arith::CmpFPredicate::UGT:
    return algebra.choose(difference, yes, no, /*zeroIsPositive=*/false);
  case arith::CmpFPredicate::OGE:
  case arith::CmpFPredicate::UGE:
    return algebra.choose(difference, yes, no, /*zeroIsPositive=*/true);
  case arith::CmpFPredicate::OLT:
  case arith::CmpFPredicate::ULT:
    return algebra.choose(difference, no, yes, /*zeroIsPositive=*/true);
  case arith::CmpFPredicate::OLE:
  case arith::CmpFPredicate::ULE:
    return algebra.choose(difference, no, yes, /*zeroIsPositive=*/false);
  default:
    return {};
  }
}

ScalarFunction ScalarCone::evaluate(Operation *op) {
  if (isa<arith::SelectOp>(op))
    return evaluateSelect(op);
  auto at = [&](unsigned i) { return operand(op->getOperand(i)); };
  if (isa<math::FmaOp>(op))
    return algebra.add(algebra.mul(at(0), at(1)), at(2));
  if (isa<math::ClampFOp>(op))
    return algebra.min(algebra.max(at(0), at(1)), at(2));
  if (op->getNumOperands() == 1)
    return evaluateUnary(op);
  return op->getNumOperands() == 2 ? evaluateBinary(op) : ScalarFunction();
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

/// All members that `root` is computed from, with itself.
DenseSet<Value> ScalarCone::getSlice(Value root) const {
  DenseSet<Value> slice;
  SmallVector<Value> pending = {root};
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    if (!members.contains(value) || !slice.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto op = dyn_cast<linalg::LinalgOp>(argument.getOwner()->getParentOp());
      if (op)
        pending.push_back(op.getMatchingOpOperand(argument)->get());
      continue;
    }
    Operation *producer = value.getDefiningOp();
    auto op = dyn_cast<linalg::LinalgOp>(producer);
    if (!op)
      llvm::append_range(pending, producer->getOperands());
    else
      pending.push_back(op.getBlock()->getTerminator()->getOperand(
          cast<OpResult>(value).getResultNumber()));
  }
  return slice;
}

bool ScalarCone::isUsedOnlyFor(Value root) const {
  DenseSet<Value> slice = getSlice(root);
  Operation *last = root.getParentBlock()->getParentOp();
  auto isInside = [&](Operation *op) {
    return op == last || llvm::any_of(op->getResults(), [&](Value result) {
             return slice.contains(result);
           });
  };
  auto staysInside = [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto op = dyn_cast<linalg::LinalgOp>(user)) {
      // As an init whose contents are ignored, a tensor only gives its shape.
      BlockArgument argument = op.getMatchingBlockArgument(&use);
      if (op.isDpsInit(&use))
        return argument.use_empty() && isInside(op);
      return slice.contains(argument);
    }
    if (user->hasTrait<OpTrait::IsTerminator>()) {
      Operation *parent = user->getParentOp();
      return isa<linalg::LinalgOp>(parent) &&
             slice.contains(parent->getResult(use.getOperandNumber()));
    }
    return user->getNumResults() == 1 && slice.contains(user->getResult(0));
  };
  return llvm::all_of(slice, [&](Value value) {
    return value == root || llvm::all_of(value.getUses(), staysInside);
  });
}
