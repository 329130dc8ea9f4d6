//===- PrecisionAssignment.h - which layer gets which encoding --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A budget is spent on the layers that no rule names: each gets one of some
// candidates, such that what they cost together is least. What a candidate
// costs a layer is a strategy's to say; those that need no more than the module
// are here, and whoever can run the model adds others.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PRECISIONASSIGNMENT_H
#define LOWBIT_TRANSFORMS_PRECISIONASSIGNMENT_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Knapsack.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

/// What a layer is for.
enum class LayerComponent { Attention, FeedForward, Head, Embedding };

/// A layer that can be given an encoding.
struct PrecisionLayer {
  mlir::Operation *op = nullptr;
  mlir::Value weight;
  std::string name;
  LayerComponent component = LayerComponent::FeedForward;
  /// The first number in the name.
  std::optional<unsigned> block;

  int64_t getWeights() const {
    return llvm::cast<mlir::ShapedType>(weight.getType()).getNumElements();
  }
};

/// All layers of a module with constant float weights, in order.
std::vector<PrecisionLayer> collectLayers(mlir::ModuleOp module);

//===----------------------------------------------------------------------===//
// Budgets
//===----------------------------------------------------------------------===//

/// What weights may take, and what the model must still be worth.
struct PrecisionBudget {
  /// At most one: bits for each weight, bytes, the share of f16 to save, or
  /// predicted seconds of a run.
  std::optional<double> bitsPerWeight, bytes, reduction, latency;
  /// Floors, on samples: the share of equal first choices (or of right ones,
  /// where labels are known), and the most that outputs may diverge.
  std::optional<double> accuracy, divergence;

  /// Reads `bpw=3.5`, `bytes=5MB`, `reduction=50%`, `latency=2ms`,
  /// `accuracy=0.95` and `kl=0.01`, with commas between.
  static llvm::Expected<PrecisionBudget> parse(llvm::StringRef text);

  bool hasFloor() const { return accuracy || divergence; }
  bool hasSize() const { return bitsPerWeight || bytes || reduction; }
  /// The bytes that this many weights may take; nothing without a size.
  std::optional<int64_t> getBytes(int64_t weights) const;
};

/// Bytes with a unit: `5000000`, `5MB`, `64MiB`; nothing if it is no such text.
std::optional<double> parseBytes(llvm::StringRef text);

//===----------------------------------------------------------------------===//
// Strategies
//===----------------------------------------------------------------------===//

/// A way to say what an encoding costs a layer.
class PrecisionStrategy {
public:
  virtual ~PrecisionStrategy();

  virtual llvm::StringRef getName() const = 0;
  /// What costs are, in a few words.
  virtual llvm::StringRef getMeaning() const = 0;
  /// Whether all layers get the same encoding.
  virtual bool isUniform() const { return false; }
  /// What each of `encodings` costs `layer`: finite numbers whose sum over all
  /// layers is to be least. Fails, with a diagnostic, where something that it
  /// needs is not at hand.
  virtual mlir::FailureOr<std::vector<double>>
  getLosses(const PrecisionLayer &layer,
            llvm::ArrayRef<EncodingAttr> encodings) = 0;
};

/// The strategy called `name` that needs no more than `module`: `uniform`,
/// `entropy`, or `hessian` and `gradient` (which read `lowbit.statistics`). The
/// error lists the names.
llvm::Expected<std::unique_ptr<PrecisionStrategy>>
createPrecisionStrategy(llvm::StringRef name, mlir::ModuleOp module);

//===----------------------------------------------------------------------===//
// Assignments
//===----------------------------------------------------------------------===//

/// A candidate for each layer.
struct PrecisionChoice {
  /// Indices of candidates.
  std::vector<int32_t> candidates;
  /// What they take and lose together.
  int64_t cost = 0;
  double loss = 0;
};

/// Layers, candidates, and what those take and lose.
class PrecisionProblem {
public:
  /// Reads rules, as JSON in `rules` or in the file `config`, gives the layers
  /// that they name their encodings, and takes those that are left, of
  /// attention and feed-forward, if there is a budget to spend on them. Without
  /// candidates they are `uint2-g64` to `uint8-g64`. Costs are bytes. Fails,
  /// with a diagnostic.
  static mlir::FailureOr<PrecisionProblem>
  create(mlir::ModuleOp module, llvm::StringRef rules, llvm::StringRef config,
         llvm::ArrayRef<std::string> candidates, bool hasBudget);

  /// Asks the strategy what each candidate loses.
  mlir::LogicalResult setLosses(PrecisionStrategy &strategy);
  /// Other costs than bytes, such as time, in units of the caller's.
  void
  setCosts(llvm::function_ref<int64_t(const PrecisionLayer &, EncodingAttr)>
               getCost);

  /// The choice of least loss whose costs are at most `budget`.
  mlir::FailureOr<PrecisionChoice> solve(int64_t budget) const;
  /// The most expensive of the choices of one candidate for all layers within
  /// `budget`; nothing where none is.
  std::optional<PrecisionChoice> getUniform(int64_t budget) const;
  /// Candidate `index` for all layers.
  PrecisionChoice getUniformOf(int32_t index) const;
  /// Choices for budgets from the least to the most that layers can take, by
  /// rising cost and falling loss.
  std::vector<PrecisionChoice> getFront(unsigned budgets) const;

  /// Sets or removes the layers' encodings.
  void assign(const PrecisionChoice &choice) const;
  void unassign() const;

  llvm::ArrayRef<PrecisionLayer> getLayers() const { return layers; }
  llvm::ArrayRef<EncodingAttr> getCandidates() const { return candidates; }
  /// Candidates as they were asked for.
  llvm::ArrayRef<std::string> getNames() const { return names; }
  /// Bytes and loss of each candidate of layer `index`.
  llvm::ArrayRef<numerics::KnapsackOption> getOptions(size_t index) const {
    return options[index];
  }
  int64_t getWeights() const;
  int64_t getBytes(const PrecisionChoice &choice) const;
  double getBitsPerWeight(const PrecisionChoice &choice) const;
  /// Layers that rules have given an encoding.
  unsigned getNumRuled() const { return ruled; }

private:
  explicit PrecisionProblem(mlir::ModuleOp module) : module(module) {}
  mlir::LogicalResult applyRules(llvm::StringRef rules, llvm::StringRef config,
                                 bool hasBudget);
  mlir::LogicalResult readCandidates(llvm::ArrayRef<std::string> wanted);
  PrecisionChoice sumUp(std::vector<int32_t> chosen) const;

  mlir::ModuleOp module;
  /// One for each weight; `users` are the layers that share it.
  std::vector<PrecisionLayer> layers;
  std::vector<llvm::SmallVector<mlir::Operation *, 1>> users;
  std::vector<EncodingAttr> candidates;
  std::vector<std::string> names;
  std::vector<std::vector<numerics::KnapsackOption>> options;
  bool isUniform = false;
  unsigned ruled = 0;
};

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_PRECISIONASSIGNMENT_H
