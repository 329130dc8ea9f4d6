//===- LayerDivergence.h - what each layer alone costs ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The float model is compiled once. Its weights are bound by address, so one of
// them after the other takes the low-bit model's numbers for a while, without
// compiling anything again: a layer costs as many runs of the float model as
// there are windows.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LAYERDIVERGENCE_H
#define LOWBIT_TOOLS_LAYERDIVERGENCE_H

#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Tools/WeightParts.h"

namespace lowbit {

/// The float weights of a model that can be replaced while it exists.
class ReplaceableWeights {
public:
  /// Notes the float weights of layers in `raised`, to be read only.
  void read(mlir::ModuleOp raised) { weights = FloatWeights(raised); }
  /// Gives the float weights of layers in `raised` memory that can be written,
  /// a copy of their own. To be called before the module is lowered.
  void prepare(mlir::ModuleOp raised);

  /// Overwrites the weight called `name` with `numbers` [rows, columns]; false
  /// if there is none of that name and shape, or it has no data in memory.
  /// Several may be overwritten at a time.
  bool replace(llvm::StringRef name, int64_t rows, int64_t columns,
               llvm::ArrayRef<float> numbers);
  /// Puts back all numbers that `replace` has overwritten.
  void restore();

  const FloatWeights &getWeights() const { return weights; }

private:
  llvm::MutableArrayRef<char> getMemory(const ConstantMatrix &matrix) const;

  FloatWeights weights;
  /// What was overwritten, and where, in that order.
  std::vector<std::pair<llvm::MutableArrayRef<char>, std::vector<char>>> saved;
};

/// The numbers of a low-bit weight under the name that the model came with.
struct LowBitWeight {
  std::string name;
  int64_t rows = 0, columns = 0;
  std::vector<float> numbers;
};

/// Calls `visit` with every low-bit weight of the layers of `module`, one at a
/// time. Stops at its first error.
llvm::Error
forEachLowBitWeight(mlir::ModuleOp module,
                    llvm::function_ref<llvm::Error(LowBitWeight)> visit);

/// Divergence by name of a layer's weight.
using LayerDivergences = llvm::StringMap<double>;

/// Mean KL(reference || reference with one weight replaced) per token in nats,
/// for every low-bit weight of `lowBit` that `weights` has, on the first
/// `windows` windows of `window` tokens. `reference` is compiled from the
/// module that `weights` were prepared from.
llvm::Expected<LayerDivergences> measureLayers(mlir::ModuleOp lowBit,
                                               Model &reference,
                                               ReplaceableWeights &weights,
                                               llvm::ArrayRef<uint16_t> tokens,
                                               size_t window, size_t windows);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LAYERDIVERGENCE_H
