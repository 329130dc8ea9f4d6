//===- Target.cpp - what the DSP wants of packing -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Acme.h"

using namespace lowbit;

namespace {

/// Weights of `lanes` rows lie side by side, column after column, with their
/// scales in front; inputs are int8 in the groups of the weight.
struct DSPModel : TargetInterface::ExternalModel<DSPModel, acme::DSPAttr> {
  mlir::Attribute getWeightLayout(mlir::Attribute target, mlir::Type weight,
                                  std::string &reason) const {
    auto type = mlir::cast<QuantizedTensorType>(weight);
    int64_t bits = type.getEncoding().getCodeBits();
    if (bits != 2 && bits != 4 && bits != 8) {
      reason = "the DSP reads codes of 2, 4 and 8 bits";
      return {};
    }
    int64_t lanes = mlir::cast<acme::DSPAttr>(target).getLanes();
    numerics::Piece codes;
    codes.modes = {{numerics::Axis::Bit, bits, 1},
                   {numerics::Axis::Row, lanes, bits}};
    numerics::Layout layout;
    layout.atom = {lanes, /*columns=*/1, /*bits=*/lanes * bits, {codes}};
    layout.parameters = numerics::ParameterPlacement::Inline;
    std::string problem =
        numerics::checkLayout(layout, type.getEncoding().getNumerics());
    if (!problem.empty()) {
      reason = problem;
      return {};
    }
    return TilesAttr::get(weight.getContext(), layout);
  }

  mlir::Type getActivationType(mlir::Attribute, mlir::Type input,
                               mlir::Type weight, std::string &) const {
    auto encoding = mlir::cast<QuantizedTensorType>(weight).getEncoding();
    auto shaped = mlir::cast<mlir::ShapedType>(input);
    return QuantizedTensorType::get(shaped.getShape(), shaped.getElementType(),
                                    encoding.getActivationEncoding(8));
  }
};

} // namespace

void acme::attachTargetModel(mlir::MLIRContext &context) {
  DSPAttr::attachInterface<DSPModel>(context);
}
