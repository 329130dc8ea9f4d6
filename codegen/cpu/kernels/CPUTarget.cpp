//===- CPUTarget.cpp - what the CPU kernels want of packing ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Answers the packing phase: weights in bit planes over 32 rows, activations
// in segments that don't cross groups. 32 rows make a row block of every width
// 1 to 8 whole vectors, and leave registers for four rows of activations. Three
// bits have a layout of their own, where most codes lie in one byte: with a
// plane for the third bit, each would be put together of two. WebAssembly has
// planes for these, too: pages make them of what shaders read, by rows and
// columns. Codes that overlap are streams over 64 rows, of which the codes that
// a block repeats are a small part. Long codes for several numbers make few
// columns of codes in a group, which single bits of 32 rows would not fill:
// there, blocks have more rows.
//
//===----------------------------------------------------------------------===//

#include "KernelSpec.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/Numerics/Layouts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Rows of a block: two vectors of 16 lanes; where codes are long, perhaps
/// more.
static constexpr int64_t kBlockRows = 32, kMostBlockRows = 128;
/// Rows of a block of streams.
static constexpr int64_t kStreamRows = 64;

/// Whether quantized scales, with a scale for each run of groups, are smaller
/// than plain ones.
static bool isStoredWorthwhile(const numerics::Encoding &encoding,
                               int64_t columns) {
  if (!encoding.stored)
    return true;
  int64_t run = getRunGroups(encoding, columns);
  int64_t saved =
      numerics::scaleBits(encoding.scale) - encoding.stored->element.codeBits();
  return run * saved > numerics::scaleBits(encoding.stored->scale);
}

/// The layout of codes that don't overlap, or none.
static LayoutInterface findBlockLayout(EncodingAttr encoding,
                                       const CPUDescription &target) {
  MLIRContext *context = encoding.getContext();
  numerics::Encoding numbers = encoding.getNumerics();
  PanelFormat panel{
      PanelKind::Int16,
      encoding.getActivationEncoding(16).getGranularity().getGroupSize()};
  auto hasKernel = [&](LayoutInterface layout) {
    numerics::Layout bits = layout.getLayout(encoding.getCodeBits());
    return numerics::checkLayout(bits, numbers).empty() &&
           hasLinearKernel(bits, numbers, panel);
  };
  if (encoding.getCodeBits() == 3 && target.arch != llvm::Triple::wasm32) {
    auto layout = TilesAttr::get(context, numerics::scattered3());
    if (hasKernel(layout))
      return layout;
  }
  // The narrowest padding that the atom and the panel allow.
  int64_t mostRows = encoding.getCodeBits() > 8 ? kMostBlockRows : kBlockRows;
  for (int64_t rows = kBlockRows; rows <= mostRows; rows *= 2)
    for (int64_t padding = kStepColumns; padding <= PanelFormat::kPadding;
         padding *= 2) {
      auto layout = PlanesAttr::get(context, rows, padding);
      if (hasKernel(layout))
        return layout;
    }
  return {};
}

namespace {

struct CPUTargetModel
    : TargetInterface::ExternalModel<CPUTargetModel, CPUTargetAttr> {
  Attribute getWeightLayout(Attribute target, Type weight,
                            std::string &reason) const {
    auto type = cast<QuantizedTensorType>(weight);
    EncodingAttr encoding = type.getEncoding();
    reason = explainNoLinearKernel(encoding);
    if (!reason.empty())
      return {};
    if (encoding.getPermuted()) {
      reason = "CPU kernels read columns in their natural order";
      return {};
    }
    assert(type.getRank() == 2 && "the weights of layers are matrices");
    if (encoding.getActivationEncoding(16).getGranularity().getGroupSize() >
        PanelFormat::kMaxColumns) {
      reason = "CPU kernels take activation groups of at most 32768 columns";
      return {};
    }
    if (!isStoredWorthwhile(encoding.getNumerics(), type.getColumns())) {
      reason = "its scales and theirs take as much memory as plain ones; run "
               "lowbit-expand-weights first";
      return {};
    }
    ElementFormatInterface element = encoding.getElement();
    unsigned before = element.getWindowBits() - element.getCodeBits();
    if (before)
      return StreamsAttr::get(weight.getContext(), kStreamRows,
                              llvm::divideCeil(before, element.getCodeBits()),
                              kStepColumns);
    const CPUDescription &cpu =
        getCPUDescription(cast<CPUTargetAttr>(target).getTable());
    if (LayoutInterface layout = findBlockLayout(encoding, cpu))
      return layout;
    reason =
        "codes of so few bits and so many numbers don't fill the planes layout "
        "of so short groups";
    return {};
  }

  Type getActivationType(Attribute, Type input, Type weight,
                         std::string &reason) const {
    EncodingAttr encoding = cast<QuantizedTensorType>(weight).getEncoding();
    if (auto quantized = dyn_cast<QuantizedTensorType>(input)) {
      EncodingAttr own = quantized.getEncoding();
      bool perToken =
          own.getCodeBits() == 8 && isa<PerChannelAttr>(own.getGranularity());
      EncodingAttr wanted =
          encoding.getActivationEncoding(own.getElement(), perToken);
      if (quantized.getEncoding() == wanted)
        return input;
      reason = "the activation's groups differ from the weight's segments";
      return {};
    }
    auto tensor = cast<RankedTensorType>(input);
    return QuantizedTensorType::get(tensor.getShape(), tensor.getElementType(),
                                    encoding.getActivationEncoding(16), {});
  }
};

} // namespace

void cpu::registerTargetModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LowbitDialect *) {
    CPUTargetAttr::attachInterface<CPUTargetModel>(*context);
  });
}
