//===- SetScaleFactors.cpp - factors of scales by name --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

namespace lowbit {
#define GEN_PASS_DEF_SETSCALEFACTORSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct SetScaleFactorsPass
    : lowbit::impl::SetScaleFactorsPassBase<SetScaleFactorsPass> {
  using SetScaleFactorsPassBase::SetScaleFactorsPassBase;

  void runOnOperation() override {
    SmallVector<LinearOp> layers;
    SmallVector<std::string> names;
    getOperation().walk([&](LinearOp op) {
      if (std::optional<std::string> name = getLayerName(op)) {
        layers.push_back(op);
        names.push_back(std::move(*name));
      }
    });
    for (const std::string &factor : factors)
      if (failed(apply(factor, layers, names)))
        return signalPassFailure();
    for (LinearOp layer : layers)
      numLayers += layer->hasAttr(kScaleFactorAttrName);
  }

private:
  LogicalResult apply(StringRef text, ArrayRef<LinearOp> layers,
                      ArrayRef<std::string> names) {
    Location loc = getOperation().getLoc();
    auto [glob, number] = text.rsplit('=');
    double factor = 0;
    if (number.getAsDouble(factor) || !(factor > 0) || !std::isfinite(factor))
      return emitError(loc) << "scale factors: requires GLOB=F with a positive "
                               "number F, found '"
                            << text << "'";
    std::string pattern = glob.str();
    FailureOr<LayerGlobs> globs =
        LayerGlobs::create(loc, "scale factors", pattern, names);
    if (failed(globs))
      return failure();
    for (auto [layer, name] : llvm::zip_equal(layers, names))
      if (globs->match(name))
        LinearOp(layer)->setAttr(
            kScaleFactorAttrName,
            Builder(&getContext()).getF32FloatAttr(factor));
    return success();
  }
};
} // namespace
