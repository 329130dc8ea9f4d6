//===- LinalgAdjoints.cpp - gradients through loops -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An operation y[o(l)] = f(x[i(l)], ...) over loops l has the adjoint
//
//   dx[i(l)] += f'(x[i(l)], ...) dy[o(l)]
//
// over the same loops: what was the operand's map is now the result's. Loops
// that the operand does not have are summed over; where it reads its elements
// through a sum of loops, as windows do, those are, too. f is computed again in
// the adjoint's body, and f' is made of the adjoints of the body's operations.
//
// With y[o(l)] += f(...) the same holds. Of y[o(l)] = max(y[o(l)], f(...)) the
// terms that equal y share its gradient.
//
//===----------------------------------------------------------------------===//

#include "GatherAdjoint.h"
#include "GradientUtils.h"
#include "lowbit/Transforms/Adjoints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace lowbit;
using mlir::linalg::LinalgOp;

namespace {
/// How a result comes about.
struct ResultForm {
  enum Kind { Parallel, Sum, Extremum, Unknown };
  Kind kind = Unknown;
  /// What one iteration computes.
  Value term;
  /// What puts it to the other iterations' terms; null where there are none.
  Operation *combiner = nullptr;
};
} // namespace

static ResultForm getResultForm(LinalgOp op, unsigned number) {
  Value yielded = op.getBlock()->getTerminator()->getOperand(number);
  OpOperand *init = op.getDpsInitOperand(number);
  if (op.getMatchingIndexingMap(init).isPermutation())
    return {ResultForm::Parallel, yielded, nullptr};
  Operation *combiner = yielded.getDefiningOp();
  BlockArgument old = op.getMatchingBlockArgument(init);
  ResultForm::Kind kind = ResultForm::Unknown;
  if (isa_and_nonnull<arith::AddFOp>(combiner))
    kind = ResultForm::Sum;
  else if (isa_and_nonnull<arith::MaximumFOp, arith::MaxNumFOp,
                           arith::MinimumFOp, arith::MinNumFOp>(combiner))
    kind = ResultForm::Extremum;
  if (kind == ResultForm::Unknown || combiner->getBlock() != op.getBlock() ||
      !old.hasOneUse() || *old.user_begin() != combiner || !yielded.hasOneUse())
    return {};
  bool isFirst = combiner->getOperand(0) == old;
  return {kind, combiner->getOperand(isFirst ? 1 : 0), combiner};
}

/// Whether the element of dimension `dim` of an operand is always its only one.
static bool isUnit(AffineMap map, unsigned dim) {
  return isa<AffineConstantExpr>(map.getResult(dim));
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

namespace {
class LinalgAdjoint {
public:
  LinalgAdjoint(LinalgOp op, Gradients &gradients)
      : op(op), gradients(gradients), b(gradients.builder), loc(op.getLoc()) {
    for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
      forms.push_back(getResultForm(op, i));
  }

  void build();

private:
  /// A tensor and how the loops read it.
  struct Operand {
    Value value;
    AffineMap map;
  };
  /// The body of the operation as it is found in the adjoint.
  struct Body {
    OpBuilder &b;
    IRMapping mapping;
    SmallVector<Operation *> operations;
    /// Elements of the operands that the adjoint adds.
    ValueRange extras;
  };

  linalg::GenericOp createLoops(Value init, AffineMap map,
                                ArrayRef<Operand> extras,
                                function_ref<Value(Body &)> compute);
  Value countWinners(unsigned result);
  void differentiate(OpOperand &operand);
  Value differentiateBody(Body &body, BlockArgument source);

  LinalgOp op;
  Gradients &gradients;
  OpBuilder &b;
  Location loc;
  SmallVector<ResultForm> forms;
  /// For each result with a gradient that; of extrema the result and the number
  /// of terms that it equals follow.
  SmallVector<Operand> known;
};
} // namespace

/// Loops like those of the operation, with its inputs, `extras`, and one result
/// `map`, to which what `compute` returns is assigned, or added, if several
/// iterations meet there.
linalg::GenericOp
LinalgAdjoint::createLoops(Value init, AffineMap map, ArrayRef<Operand> extras,
                           function_ref<Value(Body &)> compute) {
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<BlockArgument> arguments;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (op.isDpsInit(&operand) &&
        (argument.use_empty() ||
         forms[op.getTiedOpResult(&operand).getResultNumber()].combiner))
      continue;
    inputs.push_back(operand.get());
    maps.push_back(op.getMatchingIndexingMap(&operand));
    arguments.push_back(argument);
  }
  for (const Operand &extra : extras) {
    inputs.push_back(extra.value);
    maps.push_back(extra.map);
  }
  maps.push_back(map);
  SmallVector<utils::IteratorType> loops(op.getNumLoops(),
                                         utils::IteratorType::reduction);
  for (AffineExpr expr : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = utils::IteratorType::parallel;
  bool accumulates = llvm::is_contained(loops, utils::IteratorType::reduction);
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
    Body body{b, {}, {}, values.slice(arguments.size(), extras.size())};
    for (auto [argument, value] : llvm::zip(arguments, values))
      body.mapping.map(argument, value);
    for (Operation &inner : op.getBlock()->without_terminator())
      if (llvm::none_of(forms, [&](const ResultForm &form) {
            return form.combiner == &inner;
          }))
        body.operations.push_back(b.clone(inner, body.mapping));
    Value result = compute(body);
    if (!result)
      result = values.back();
    else if (accumulates)
      result = arith::AddFOp::create(b, loc, values.back(), result);
    linalg::YieldOp::create(b, loc, result);
    for (Operation *inner : llvm::reverse(body.operations))
      if (isOpTriviallyDead(inner))
        inner->erase();
  };
  return linalg::GenericOp::create(b, loc, init.getType(), inputs, init, maps,
                                   loops, buildBody);
}

/// How many terms equal the extremum.
Value LinalgAdjoint::countWinners(unsigned number) {
  Value result = op->getResult(number);
  Value init = createZerosLike(b, loc, result);
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(number));
  auto compute = [&](Body &body) -> Value {
    Value term = body.mapping.lookupOrDefault(forms[number].term);
    Value wins = arith::CmpFOp::create(body.b, loc, arith::CmpFPredicate::OEQ,
                                       term, body.extras[0]);
    return arith::UIToFPOp::create(body.b, loc, term.getType(), wins);
  };
  return createLoops(init, map, {Operand{result, map}}, compute).getResult(0);
}

void LinalgAdjoint::build() {
  for (auto [i, form] : llvm::enumerate(forms)) {
    Value gradient = gradients.get(op->getResult(i));
    if (!gradient)
      continue;
    AffineMap map = op.getIndexingMapMatchingResult(op->getResult(i));
    known.push_back({gradient, map});
    if (form.kind == ResultForm::Extremum) {
      known.push_back({op->getResult(i), map});
      known.push_back({countWinners(i), map});
    }
    if (form.kind == ResultForm::Sum)
      gradients.add(op.getDpsInitOperand(i)->get(), gradient);
  }
  for (OpOperand &operand : op->getOpOperands()) {
    if (!gradients.isActive(operand.get()))
      continue;
    if (!op.isDpsInit(&operand) ||
        !forms[op.getTiedOpResult(&operand).getResultNumber()].combiner)
      differentiate(operand);
  }
}

/// The gradient of `source` in one iteration; null where it is zero.
Value LinalgAdjoint::differentiateBody(Body &body, BlockArgument source) {
  SmallVector<std::pair<Value, Value>> seeds;
  auto extra = body.extras.begin();
  for (auto [i, form] : llvm::enumerate(forms)) {
    if (!gradients.get(op->getResult(i)))
      continue;
    Value term = body.mapping.lookupOrDefault(form.term);
    Value gradient = *extra++;
    if (form.kind == ResultForm::Extremum) {
      Value extremum = *extra++, winners = *extra++;
      Value wins = arith::CmpFOp::create(body.b, loc, arith::CmpFPredicate::OEQ,
                                         term, extremum);
      Value share = arith::DivFOp::create(body.b, loc, gradient, winners);
      Value zero = arith::ConstantOp::create(
          body.b, loc, body.b.getZeroAttr(share.getType()));
      gradient = arith::SelectOp::create(body.b, loc, wins, share, zero);
    }
    seeds.push_back({term, gradient});
  }
  Value mapped = body.mapping.lookup(source);
  Activity activity(*body.b.getInsertionBlock(), mapped,
                    llvm::to_vector(llvm::make_first_range(seeds)));
  Gradients inner(body.b, gradients.registry, activity);
  for (auto [term, gradient] : seeds)
    inner.add(term, gradient);
  inner.run(body.operations);
  return inner.get(mapped);
}

void LinalgAdjoint::differentiate(OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  BlockArgument argument = op.getMatchingBlockArgument(&operand);
  Value value = operand.get();
  auto type = cast<RankedTensorType>(value.getType());
  // Dimensions of one element that no loop runs over are added at the end.
  SmallVector<OpFoldResult> sizes;
  SmallVector<AffineExpr> results;
  for (auto [i, size] : llvm::enumerate(tensor::getMixedSizes(b, loc, value))) {
    if (isUnit(map, i))
      continue;
    sizes.push_back(size);
    results.push_back(map.getResult(i));
  }
  AffineMap reduced =
      AffineMap::get(map.getNumDims(), 0, results, b.getContext());
  Value init = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  if (!reduced.isPermutation())
    init = createZerosLike(b, loc, init);
  bool isZero = false;
  linalg::GenericOp loops = createLoops(init, reduced, known, [&](Body &body) {
    Value gradient = differentiateBody(body, argument);
    isZero = !gradient;
    return gradient;
  });
  if (isZero) {
    loops->erase();
    return;
  }
  Value gradient = loops.getResult(0);
  if (sizes.size() != map.getNumResults())
    gradient = tensor::ExpandShapeOp::create(
        b, loc, type, gradient,
        *getReassociationIndicesForReshape(
            cast<RankedTensorType>(gradient.getType()), type),
        tensor::getMixedSizes(b, loc, value));
  gradients.add(value, gradient);
}

static void differentiateLinalg(LinalgOp op, Gradients &gradients) {
  LinalgAdjoint(op, gradients).build();
  if (gradients.capturesActive(op))
    differentiateGathers(op, gradients);
}

/// A transposition is undone by another.
static void differentiateTranspose(linalg::TransposeOp op,
                                   Gradients &gradients) {
  Value init = createEmptyLike(gradients.builder, op.getLoc(), op.getInput());
  gradients.add(op.getInput(), linalg::TransposeOp::create(
                                   gradients.builder, op.getLoc(),
                                   gradients.get(op->getResult(0)), init,
                                   invertPermutationVector(op.getPermutation()))
                                   ->getResult(0));
}

//===----------------------------------------------------------------------===//
// Checking
//===----------------------------------------------------------------------===//

static std::string checkOperand(LinalgOp op, OpOperand &operand) {
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  if (!type)
    return "it has one for tensors alone, and a scalar depends on a layer";
  AffineMap map = op.getMatchingIndexingMap(&operand);
  for (unsigned i = 0, e = map.getNumResults(); i < e; ++i)
    if (isUnit(map, i) && type.getDimSize(i) != 1)
      return "it reads one place of a dimension of many";
  return "";
}

static std::string checkLinalg(LinalgOp op, const Activity &activity,
                               const AdjointRegistry &registry) {
  if (activity.isCaptured(op))
    if (std::string reason = checkGathers(op, activity); !reason.empty())
      return reason;
  SmallVector<Value> sources, targets;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!activity.contains(operand.get()))
      continue;
    if (std::string reason = checkOperand(op, operand); !reason.empty())
      return reason;
    sources.push_back(op.getMatchingBlockArgument(&operand));
  }
  for (OpResult result : op->getResults()) {
    if (!activity.contains(result))
      continue;
    ResultForm form = getResultForm(op, result.getResultNumber());
    if (form.kind == ResultForm::Unknown)
      return "it reduces by something else than a sum, a maximum or a minimum";
    if (form.kind == ResultForm::Extremum &&
        activity.contains(
            op.getDpsInitOperand(result.getResultNumber())->get()))
      return "its reduction begins with what depends on a layer";
    targets.push_back(form.term);
  }
  for (auto extract : op.getBlock()->getOps<tensor::ExtractOp>())
    if (activity.contains(extract.getTensor()))
      sources.push_back(extract);
  Activity body(*op.getBlock(), sources, targets);
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (!body.passesThrough(&inner) || isa<tensor::ExtractOp>(inner))
      continue;
    if (std::string reason = registry.explain(&inner, body); !reason.empty())
      return "'" + inner.getName().getStringRef().str() +
             "' in its body: " + reason;
  }
  return "";
}

void lowbit::populateLinalgAdjoints(AdjointRegistry &registry) {
  registry.add<LinalgOp>(differentiateLinalg, checkLinalg);
  registry.add<linalg::TransposeOp>(differentiateTranspose);
}
