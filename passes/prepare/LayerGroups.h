//===- LayerGroups.h - layers that share an input ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PREPARE_LAYERGROUPS_H
#define LOWBIT_PREPARE_LAYERGROUPS_H

#include "FeatureScaling.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace lowbit {

/// Layers with float weights that read `input` [..., K], directly or reshaped
/// in its leading dimensions.
struct LayerGroup {
  mlir::Value input;
  llvm::SmallVector<LinearOp> layers;
  /// What reads `input` for the layers: they, or reshapes.
  llvm::SmallVector<mlir::Operation *> readers;

  int64_t columns() const {
    return mlir::cast<mlir::ShapedType>(input.getType()).getShape().back();
  }
  /// The name of the first layer.
  std::string name() const;
};

/// All groups, in the order of the module.
std::vector<LayerGroup> collectLayerGroups(mlir::ModuleOp module);

/// The encoding that each layer's weight is to have by its attributes or else
/// `method`; null for layers that stay float.
class WantedEncodings {
public:
  WantedEncodings(mlir::ModuleOp module, EncodingAttr method,
                  bool includeEmbeddings);
  EncodingAttr get(LinearOp layer) const;
  bool any(const LayerGroup &group) const;

private:
  EncodingAttr method;
  bool includeEmbeddings;
  llvm::DenseSet<int64_t> tableRows;
};

/// The largest magnitude that each column of a group's input has, by the
/// statistics of `module`. Fails, with a diagnostic that says what they are
/// for, where there are none.
mlir::FailureOr<std::vector<float>> readMagnitudes(mlir::ModuleOp module,
                                                   const LayerGroup &group,
                                                   llvm::StringRef purpose);

/// Makes statistics of the input of `layer` what they are once its columns are
/// multiplied by `factors`. What can't be told, such as a histogram over all
/// columns, is dropped.
void scaleStatistics(mlir::ModuleOp module, llvm::StringRef layer,
                     llvm::ArrayRef<float> factors);

/// What happened to a group.
enum class GroupOutcome { Folded, Multiplied, Left };

/// Multiplies the weights' columns of a group by factors, and its input by
/// their inverses: what the model computes stays the same up to rounding.
class ColumnScaler {
public:
  ColumnScaler(mlir::ModuleOp module, bool releaseData)
      : module(module), editor(module, releaseData), scaling(editor) {}

  /// Gives factors, positive, [columns], for weights of the layers of a group,
  /// each [N, K]. `classes` says which columns must have the same one. Nothing
  /// for a group that is to stay as it is.
  using Choose = llvm::function_ref<mlir::FailureOr<std::vector<float>>(
      const LayerGroup &, llvm::ArrayRef<std::vector<float>> weights,
      llvm::ArrayRef<int32_t> classes)>;

  /// Lets `choose` find factors for `group`, and applies them. With
  /// `mayMultiply`, an input that no constant upstream can scale is multiplied
  /// by a vector, and a remark says why; otherwise the group stays as it is,
  /// with a remark. Statistics of the module follow.
  mlir::FailureOr<GroupOutcome> scale(LayerGroup &group, bool mayMultiply,
                                      Choose choose);

private:
  mlir::FailureOr<std::vector<std::vector<float>>>
  readWeights(LayerGroup &group, std::string &reason);
  void multiplyInput(LayerGroup &group, llvm::ArrayRef<float> factors);
  void scaleGradients(llvm::ArrayRef<float> factors);

  mlir::ModuleOp module;
  WeightEditor editor;
  FeatureScaling scaling;
};

} // namespace lowbit

#endif // LOWBIT_PREPARE_LAYERGROUPS_H
