//===- Differentiate.cpp - gradients of what layers yield -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Reference/LowerToLinalg.h"
#include "lowbit/Transforms/Adjoints.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Attention has no adjoint of its own: where gradients pass, it becomes what
/// it means.
static LogicalResult expandAttention(func::FuncOp function,
                                     const Activity &activity,
                                     const AdjointRegistry &registry) {
  llvm::DenseSet<Operation *> expanded;
  for (auto op : function.getOps<AttentionOp>())
    if (activity.passesThrough(op) && !registry.contains(op))
      expanded.insert(op);
  if (expanded.empty())
    return success();
  ConversionTarget target(*function.getContext());
  target.markUnknownOpDynamicallyLegal(
      [&](Operation *op) { return !expanded.contains(op); });
  TypeConverter converter;
  populateReferenceTypeConversions(converter);
  RewritePatternSet patterns(function.getContext());
  populateLowbitToLinalgPatterns(converter, patterns);
  return applyPartialConversion(function, target, std::move(patterns));
}

/// One error for all operations that gradients can't pass.
static LogicalResult checkAdjoints(func::FuncOp function,
                                   const Activity &activity,
                                   const AdjointRegistry &registry) {
  SmallVector<std::pair<Operation *, std::string>> problems;
  for (Operation &op : function.getBody().front())
    if (activity.passesThrough(&op))
      if (std::string reason = registry.explain(&op, activity); !reason.empty())
        problems.push_back({&op, std::move(reason)});
  if (problems.empty())
    return success();
  InFlightDiagnostic error =
      emitError(problems.front().first->getLoc())
      << "gradients require operations with adjoints, found " << problems.size()
      << " without:";
  for (auto [i, problem] : llvm::enumerate(problems))
    error << (i ? "; '" : " '") << problem.first->getName() << "' ("
          << problem.second << ")";
  for (auto &[op, reason] : llvm::drop_begin(problems))
    error.attachNote(op->getLoc()) << "'" << op->getName() << "' is here";
  return failure();
}

/// Operands that an adjoint does not need to know its loops, and what is
/// computed for nothing, go.
static void cleanUp(func::FuncOp function, ArrayRef<Operation *> added) {
  RewritePatternSet patterns(function.getContext());
  linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
  GreedyRewriteConfig config;
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  (void)applyOpPatternsGreedily(added, std::move(patterns), config);
}

FailureOr<BackwardPass>
lowbit::buildBackwardPass(func::FuncOp function, unsigned result,
                          ArrayRef<Value> sources,
                          const AdjointRegistry &registry) {
  Block &block = function.getBody().front();
  auto terminator = cast<func::ReturnOp>(block.getTerminator());
  auto makeActivity = [&] {
    return Activity(block, sources, terminator.getOperand(result));
  };
  if (failed(expandAttention(function, makeActivity(), registry)))
    return failure();
  Activity activity = makeActivity();
  if (failed(checkAdjoints(function, activity, registry)))
    return failure();
  SmallVector<Operation *> forward;
  for (Operation &op : block.without_terminator())
    forward.push_back(&op);
  Value target = terminator.getOperand(result);
  BackwardPass pass;
  if (failed(function.insertArgument(function.getNumArguments(),
                                     target.getType(), {}, target.getLoc())))
    return failure();
  pass.seed = function.getArguments().back();
  OpBuilder builder(terminator);
  Gradients gradients(builder, registry, activity);
  gradients.add(target, pass.seed);
  gradients.run(forward);
  for (Value source : sources)
    pass.gradients.push_back(gradients.get(source));
  return pass;
}

namespace {
struct DifferentiatePass
    : lowbit::impl::DifferentiatePassBase<DifferentiatePass> {
  using DifferentiatePassBase::DifferentiatePassBase;

  LogicalResult initialize(MLIRContext *) override {
    populateScalarAdjoints(registry);
    populateLinalgAdjoints(registry);
    populateTensorAdjoints(registry);
    populateLayerAdjoints(registry);
    return success();
  }

  void runOnOperation() override {
    func::FuncOp main = getOperation().lookupSymbol<func::FuncOp>(function);
    if (!main || main.isDeclaration() || !main.getBody().hasOneBlock()) {
      emitError(getOperation().getLoc())
          << "gradients: requires a function @" << function
          << " of one block, found none";
      return signalPassFailure();
    }
    FailureOr<unsigned> number = findResult(main);
    if (failed(number) || failed(collectLayers(main)))
      return signalPassFailure();
    SmallVector<Value> sources;
    for (LinearOp layer : layers)
      sources.push_back(layer.getResult());
    llvm::DenseSet<Operation *> before;
    for (Operation &op : main.getBody().front())
      before.insert(&op);
    auto pass = buildBackwardPass(main, *number, sources, registry);
    if (failed(pass))
      return signalPassFailure();
    nameSeed(main, *number);
    observe(main, pass->gradients);
    SmallVector<Operation *> added;
    for (Operation &op : main.getBody().front())
      if (!before.contains(&op))
        added.push_back(&op);
    cleanUp(main, added);
  }

private:
  static std::string getResultName(func::FuncOp main, unsigned i) {
    auto name = main.getResultAttrOfType<StringAttr>(i, kNameAttrName);
    return name ? name.str() : std::to_string(i);
  }

  /// The result of that name, or the only one of floats.
  FailureOr<unsigned> findResult(func::FuncOp main) {
    SmallVector<unsigned> fitting;
    std::string names;
    for (unsigned i = 0; i < main.getNumResults(); ++i) {
      auto type = dyn_cast<RankedTensorType>(main.getResultTypes()[i]);
      if (!type || !isa<FloatType>(type.getElementType()))
        continue;
      std::string name = getResultName(main, i);
      names += (names.empty() ? "'" : ", '") + name + "'";
      if (result.empty() || result == name || result == std::to_string(i))
        fitting.push_back(i);
    }
    if (fitting.size() == 1)
      return fitting.front();
    InFlightDiagnostic error = emitError(main.getLoc())
                               << "gradients: requires ";
    if (result.empty())
      error << "the name of a result where several are floats, found "
            << (names.empty() ? "none" : names);
    else
      error << "a result '" << result << "' of floats, found "
            << (names.empty() ? "none" : names);
    return error;
  }

  LogicalResult collectLayers(func::FuncOp main) {
    layers.clear();
    SmallVector<LinearOp> all;
    SmallVector<std::string> names;
    for (auto layer : main.getOps<LinearOp>())
      if (std::optional<std::string> name = getLayerName(layer)) {
        all.push_back(layer);
        names.push_back(std::move(*name));
      }
    FailureOr<LayerGlobs> globs =
        LayerGlobs::create(main.getLoc(), "gradients", selected, names);
    if (failed(globs))
      return failure();
    for (auto [layer, name] : llvm::zip_equal(all, names))
      if (selected.empty() || globs->match(name))
        layers.push_back(layer);
    return success();
  }

  /// The seed is called as the result that it is the gradient of.
  static void nameSeed(func::FuncOp main, unsigned number) {
    unsigned seed = main.getNumArguments() - 1;
    std::string name = getResultName(main, number) + ".gradient";
    main.setArgAttr(seed, kNameAttrName,
                    StringAttr::get(main.getContext(), name));
    if (Attribute dims = main.getResultAttr(number, kDimensionsAttrName))
      main.setArgAttr(seed, kDimensionsAttrName, dims);
  }

  void observe(func::FuncOp main, ArrayRef<Value> gradients) {
    OpBuilder builder(main.getBody().front().getTerminator());
    for (auto [layer, gradient] : llvm::zip_equal(layers, gradients)) {
      std::string name = *getLayerName(layer);
      if (!gradient) {
        layer.emitRemark() << "layer '" << name
                           << "' has no gradient: the result does not depend "
                              "on it";
        ++numUnreached;
        continue;
      }
      ObserveOp::create(builder, layer.getLoc(), gradient, name + ".gradient",
                        builder.getStrArrayAttr(StringRef(name)),
                        Statistics::Columns);
      ++numObserved;
    }
  }

  AdjointRegistry registry;
  SmallVector<LinearOp> layers;
};
} // namespace
