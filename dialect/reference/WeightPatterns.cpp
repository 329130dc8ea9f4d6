//===- WeightPatterns.cpp - globals and their uses, by component ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A quantized global becomes one plain global for each component. The data
// stay where they are: only names and attributes move.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace lowbit;

/// The global that holds `component` of `global`.
static std::string componentSymbol(StringRef global, StringRef component) {
  return (global + "." + component).str();
}

namespace {
struct SplitGlobal : OpConversionPattern<GlobalOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(GlobalOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<QuantizedTensorType>(op.getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "the global is plain already");
    for (auto &[name, componentType] : type.getComponents()) {
      NamedAttribute data(rewriter.getStringAttr(component::kData),
                          op.getComponents().get(name));
      // A kernel of a layer that shares the weight may have made it.
      auto known =
          dyn_cast_or_null<GlobalOp>(SymbolTable::lookupNearestSymbolFrom(
              op,
              rewriter.getStringAttr(componentSymbol(op.getSymName(), name))));
      if (known && known.getComponent(component::kData) == data.getValue())
        continue;
      GlobalOp::create(rewriter, op.getLoc(),
                       componentSymbol(op.getSymName(), name), componentType,
                       rewriter.getDictionaryAttr(data));
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct SplitWeight : OpConversionPattern<WeightOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(WeightOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<QuantizedTensorType>(op.getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "the weight is plain already");
    SmallVector<Value> components;
    for (auto &[name, componentType] : type.getComponents())
      components.push_back(
          WeightOp::create(rewriter, op.getLoc(), componentType,
                           componentSymbol(op.getGlobal(), name)));
    rewriter.replaceOpWithMultiple(op, {components});
    return success();
  }
};
} // namespace

void lowbit::populateWeightPatterns(const TypeConverter &converter,
                                    RewritePatternSet &patterns) {
  patterns.add<SplitGlobal, SplitWeight>(converter, patterns.getContext());
}
