//===- VerifyNoFloatWeights.cpp - no float weight is left -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A weight that silently stayed float makes a model big and slow, and no result
// shows it. So it is an error that says which one, where it is used, and how to
// allow it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/WeightSource.h"
#include "lowbit/Transforms/Windows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/GlobPattern.h"

namespace lowbit {
#define GEN_PASS_DEF_VERIFYNOFLOATWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The name that options know a constant by; empty for one without a name.
static StringRef getSymbol(Operation *constant) {
  if (auto weight = dyn_cast<WeightOp>(constant))
    return weight.getGlobal();
  if (auto symbol = dyn_cast<SymbolOpInterface>(constant))
    return symbol.getName();
  return {};
}

/// The data of a global or constant as a shaped type; null for other ops.
static ShapedType getDataType(Operation *op) {
  if (auto global = dyn_cast<GlobalOp>(op))
    return dyn_cast<ShapedType>(global.getType());
  if (auto global = dyn_cast<memref::GlobalOp>(op))
    return global.getType();
  auto constant = dyn_cast<arith::ConstantOp>(op);
  if (!constant || isa<SplatElementsAttr>(constant.getValue()))
    return {};
  return dyn_cast<ShapedType>(constant.getType());
}

/// Whether the global behind `constant` is float by request.
static bool isKeptFloat(Operation *constant) {
  Operation *global = constant;
  if (auto read = dyn_cast<WeightOp>(constant))
    global = read.getGlobalOp();
  return global && global->hasAttr(kKeepFloatAttrName);
}

namespace {
struct VerifyNoFloatWeightsPass
    : lowbit::impl::VerifyNoFloatWeightsPassBase<VerifyNoFloatWeightsPass> {
  using VerifyNoFloatWeightsPassBase::VerifyNoFloatWeightsPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    globs.clear();
    for (const std::string &text : allow) {
      llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(text);
      if (!glob)
        return emitError(UnknownLoc::get(context))
               << "'" << getArgument() << "' requires globs in 'allow', found '"
               << text << "': " << llvm::toString(glob.takeError());
      globs.push_back(std::move(*glob));
    }
    if (scope == "layers" || scope == "constants")
      return success();
    return emitError(UnknownLoc::get(context))
           << "'" << getArgument()
           << "' requires 'scope' to be layers or constants, found '"
           << scope.getValue() << "'";
  }

  void runOnOperation() override {
    bool hasFailed = false;
    getOperation()->walk([&](Operation *op) {
      if (scope == "constants")
        hasFailed |= failed(checkConstant(op));
      else if (isa<LinearOp, EmbeddingOp>(op))
        hasFailed |= failed(checkWeight(op, op->getOperand(1)));
      else if (auto product = dyn_cast<linalg::LinalgOp>(op))
        hasFailed |= failed(checkProduct(product));
    });
    if (hasFailed)
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

  /// What was not raised to a layer is no reason to be silent: no matrix among
  /// the operands of a sum of products may be a float constant.
  LogicalResult checkProduct(linalg::LinalgOp op) {
    if (op.getNumReductionLoops() == 0 || op.getNumDpsInputs() < 2)
      return success();
    LogicalResult result = success();
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand->get().getType());
      if (type && type.getRank() >= 2 &&
          isa<FloatType>(type.getElementType()) &&
          failed(checkWeight(op, operand->get())))
        result = failure();
    }
    return result;
  }

  /// The weight of a layer must not be a float constant.
  LogicalResult checkWeight(Operation *layer, Value weight) {
    auto type = cast<ShapedType>(weight.getType());
    Operation *source = getWeightSource(weight);
    if (!source)
      source = findComputedWeight(weight);
    // That of a depthwise convolution is a weight, however small.
    auto product = dyn_cast<linalg::LinalgOp>(layer);
    if (isa<QuantizedTensorType>(type) || !source)
      return success();
    bool isWeight = isTooLarge(type) || (product && readsWindows(product));
    if (!isWeight || isAllowed(source))
      return success();
    std::string name = getWeightName(source);
    InFlightDiagnostic diagnostic = layer->emitOpError()
                                    << "requires a quantized weight, found "
                                    << name << " of type " << type;
    attachAdvice(diagnostic, source);
    auto read = dyn_cast<WeightOp>(source);
    Operation *declared = read ? read.getGlobalOp().getOperation() : source;
    if (declared)
      diagnostic.attachNote(declared->getLoc()) << "the weight is here";
    return diagnostic;
  }

  /// A constant must not be a float tensor of two or more dimensions.
  LogicalResult checkConstant(Operation *op) {
    ShapedType type = getDataType(op);
    if (!type || isa<QuantizedTensorType>(type) ||
        !isa<FloatType>(type.getElementType()))
      return success();
    numFloatBytes += type.getNumElements() * type.getElementTypeBitWidth() / 8;
    if (type.getRank() < 2 || !isTooLarge(type) || isAllowed(op))
      return success();
    InFlightDiagnostic diagnostic =
        op->emitOpError() << "requires no float weight, found "
                          << type.getNumElements() << " numbers of type "
                          << type.getElementType();
    attachAdvice(diagnostic, op);
    return diagnostic;
  }

  bool isTooLarge(ShapedType type) {
    // What has no known size is not known to be small.
    return !type.hasStaticShape() || type.getNumElements() > maxElements;
  }

  bool isAllowed(Operation *constant) {
    StringRef name = getSymbol(constant);
    bool allowed = isKeptFloat(constant) ||
                   (!name.empty() && llvm::any_of(globs, [&](auto &glob) {
                     return glob.match(name);
                   }));
    numAllowed += allowed;
    return allowed;
  }

  void attachAdvice(InFlightDiagnostic &diagnostic, Operation *constant) {
    StringRef name = getSymbol(constant);
    if (name.empty())
      diagnostic << "; make it a lowbit.global and quantize it";
    else
      diagnostic << "; quantize it, or allow it with '" << getArgument()
                 << "=allow=" << name << "'";
  }

  SmallVector<llvm::GlobPattern> globs;
};
} // namespace
