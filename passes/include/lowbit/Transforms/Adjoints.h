//===- Adjoints.h - reverse-mode differentiation ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A backward pass is built operation by operation, from the last to the first:
// the adjoint of an operation takes the gradients of its results and adds to
// those of its operands. Operations on tensors and the scalar operations in the
// bodies of linalg are treated alike; the adjoint of a linalg operation is
// built from the adjoints of its body's. Who has operations of their own
// registers adjoints for them.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_ADJOINTS_H
#define LOWBIT_TRANSFORMS_ADJOINTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <functional>
#include <string>
#include <vector>

namespace lowbit {

class AdjointRegistry;

/// The values of a block through which `targets` depend on `sources`, by floats
/// all the way: what takes another type has gradient zero.
class Activity {
public:
  Activity(mlir::Block &block, llvm::ArrayRef<mlir::Value> sources,
           llvm::ArrayRef<mlir::Value> targets);

  bool contains(mlir::Value value) const { return active.contains(value); }
  /// Whether `op` lies between sources and targets.
  bool passesThrough(mlir::Operation *op) const;
  /// Whether a region of `op` reads an active value from outside.
  bool isCaptured(mlir::Operation *op) const;

private:
  llvm::DenseSet<mlir::Value> active;
};

/// Gradients in the making, of the active values of a block.
class Gradients {
public:
  Gradients(mlir::OpBuilder &builder, const AdjointRegistry &registry,
            const Activity &activity)
      : builder(builder), registry(registry), activity(activity) {}

  bool isActive(mlir::Value value) const { return activity.contains(value); }
  bool capturesActive(mlir::Operation *op) const {
    return activity.isCaptured(op);
  }
  /// The gradient so far; null where it is zero.
  mlir::Value get(mlir::Value value) const { return known.lookup(value); }
  /// Adds to the gradient of `value`, unless that is not active.
  void add(mlir::Value value, mlir::Value gradient);
  /// Builds the adjoints of `operations`, from the last to the first.
  void run(llvm::ArrayRef<mlir::Operation *> operations);

  /// Where adjoints are built.
  mlir::OpBuilder &builder;
  const AdjointRegistry &registry;

private:
  const Activity &activity;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
};

/// Adjoints by operation or interface.
class AdjointRegistry {
public:
  /// Adds to the gradients of the operands.
  using Build = std::function<void(mlir::Operation *, Gradients &)>;
  /// Why an operation cannot be differentiated; empty if it can.
  using Check = std::function<std::string(mlir::Operation *, const Activity &,
                                          const AdjointRegistry &)>;

  /// Registers an adjoint for an operation or an interface. Of several that
  /// fit, the last that was added counts.
  template <typename Op>
  void add(void (*build)(Op, Gradients &),
           std::string (*check)(Op, const Activity &,
                                const AdjointRegistry &) = nullptr) {
    Entry entry;
    entry.matches = [](mlir::Operation *op) { return mlir::isa<Op>(op); };
    entry.build = [build](mlir::Operation *op, Gradients &gradients) {
      build(mlir::cast<Op>(op), gradients);
    };
    if (check)
      entry.check = [check](mlir::Operation *op, const Activity &activity,
                            const AdjointRegistry &registry) {
        return check(mlir::cast<Op>(op), activity, registry);
      };
    entries.push_back(std::move(entry));
  }

  /// Whether there is an adjoint for such operations.
  bool contains(mlir::Operation *op) const { return lookup(op) != nullptr; }
  /// Why `op` cannot be differentiated; empty if it can.
  std::string explain(mlir::Operation *op, const Activity &activity) const;
  void build(mlir::Operation *op, Gradients &gradients) const;

private:
  struct Entry {
    std::function<bool(mlir::Operation *)> matches;
    Build build;
    Check check;
  };
  const Entry *lookup(mlir::Operation *op) const;

  std::vector<Entry> entries;
};

/// Adjoints of arith and math on scalars.
void populateScalarAdjoints(AdjointRegistry &registry);
/// Adjoints of linalg on tensors: parallel loops, sums, largest and smallest.
void populateLinalgAdjoints(AdjointRegistry &registry);
/// Adjoints of reshapes, slices, concatenation and padding.
void populateTensorAdjoints(AdjointRegistry &registry);
/// Adjoints of layers with float weights.
void populateLayerAdjoints(AdjointRegistry &registry);

/// A backward pass in a function.
struct BackwardPass {
  /// The argument that is the gradient of the function's result.
  mlir::BlockArgument seed;
  /// The gradients of the values asked for; null where they are zero.
  llvm::SmallVector<mlir::Value> gradients;
};

/// Appends to `function`, of one block, the operations that compute the
/// gradients of `sources`, values of it, from that of its result number
/// `result`, which is a new last argument. Attention on the way becomes linalg,
/// unless it has an adjoint. Fails with one error that lists all operations
/// without adjoints; the function has no more arguments then.
mlir::FailureOr<BackwardPass>
buildBackwardPass(mlir::func::FuncOp function, unsigned result,
                  llvm::ArrayRef<mlir::Value> sources,
                  const AdjointRegistry &registry);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_ADJOINTS_H
