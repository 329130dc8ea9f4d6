//===- ForwardCuts.h - a model cut between groups of layers -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sequential calibration needs what a layer reads after all layers before it
// are quantized. Running the model up to each group of layers again would take
// a number of runs that grows with the square of the depth. Instead the model
// is cut before every group: what lies between two cuts is a program of its
// own, from the values that live at the first cut to those that live at the
// second, and no layer is computed twice.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_TUNE_FORWARDCUTS_H
#define LOWBIT_TOOLS_LIB_TUNE_FORWARDCUTS_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// A layer whose weight will be replaced.
struct TunedLayer {
  LinearOp op;
  ConstantMatrix matrix;
  /// What its result is added to, if that is known where its input is; or null.
  mlir::Value residual;
};

/// Layers that read one value, and what must be known to go on from there.
struct TunedGroup {
  mlir::Value input;
  std::vector<TunedLayer> layers;
  /// What later groups need of what is computed before this one, the input and
  /// residuals of this group among it.
  llvm::SetVector<mlir::Value> live;
};

/// Memory that a program reads the weight of a layer from.
struct WeightSlot {
  LinearOp layer;
  mlir::DenseResourceElementsAttr resource;
  llvm::MutableArrayRef<float> numbers;
};

/// A part of the model as a module of its own, in raised form. Its function
/// takes the model's inputs and then `arguments`, and yields `results`, all
/// values of the module that was cut. The slots' memory goes with it.
class ForwardSegment {
public:
  ForwardSegment() = default;
  ForwardSegment(ForwardSegment &&) = default;
  ForwardSegment &operator=(ForwardSegment &&) = default;
  ~ForwardSegment();

  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::SmallVector<mlir::Value> arguments, results;
  std::vector<WeightSlot> slots;
};

/// The cuts of a module, which must not change while they are used.
class ForwardCuts {
public:
  /// Cuts `@main` of `raised` before each group of layers among those that
  /// `isTuned` accepts. Layers inside of regions, and with weights that are no
  /// constant matrix of f32, are not asked for.
  static llvm::Expected<ForwardCuts>
  create(mlir::ModuleOp raised, llvm::function_ref<bool(LinearOp)> isTuned);

  llvm::ArrayRef<TunedGroup> getGroups() const { return groups; }

  /// What leads to group `to` from group `from`, or from the inputs. Slots hold
  /// the float weights.
  llvm::Expected<ForwardSegment> makeSegment(std::optional<size_t> from,
                                             size_t to) const;

private:
  void collectGroups(llvm::function_ref<bool(LinearOp)> isTuned);
  void findResiduals();
  void findDependent();
  void findLive();
  void addLive(mlir::Value value, mlir::Operation *cut,
               llvm::SetVector<mlir::Value> &live) const;
  bool mayCross(mlir::Value value) const;

  mlir::ModuleOp module;
  mlir::func::FuncOp main;
  std::vector<TunedGroup> groups;
  /// Operations that no run computes twice: layers, and what depends on them.
  llvm::DenseSet<mlir::Operation *> dependent;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_TUNE_FORWARDCUTS_H
