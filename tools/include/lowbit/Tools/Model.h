//===- Model.h - A model that can be run ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Evaluation and generation ask only this of a model, so they can be tested
// with a few lines of arithmetic instead of a compiled network.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_MODEL_H
#define LOWBIT_TOOLS_MODEL_H

#include "lowbit/Tools/HostTensor.h"
#include "lowbit/Tools/RangeCounts.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace lowbit {

/// One input or output. A negative extent is known only when the model runs.
struct TensorSpec {
  std::string name;
  ElementType type = ElementType::F32;
  llvm::SmallVector<int64_t, 4> shape;
  /// Rows of the smallest embedding table that the elements are indices into;
  /// 0 where none is known.
  int64_t tableRows = 0;
  /// What a dynamic extent is called; tensors with a dimension of one name have
  /// one extent there. Empty names for others. May be shorter than `shape`.
  std::vector<std::string> dimensions = {};
};

/// How much the weights of a model take.
struct WeightSize {
  /// Number of weights, and the bytes that hold them with their scales, zero
  /// points, minima and padding. Counted are the low-bit weights; in a model
  /// without any, all its matrices.
  uint64_t weights = 0;
  uint64_t bytes = 0;
  /// Bytes of all tensors of the model, norms and biases among them.
  uint64_t allBytes = 0;

  double getBitsPerWeight() const {
    return weights == 0 ? 0.0 : 8.0 * double(bytes) / double(weights);
  }
};

/// A loaded model.
class Model {
public:
  virtual ~Model() = default;

  virtual llvm::ArrayRef<TensorSpec> getInputs() const = 0;
  virtual llvm::ArrayRef<TensorSpec> getOutputs() const = 0;
  virtual WeightSize getWeightSize() const = 0;
  /// What activations have reached in all runs so far, if the model counts it.
  virtual llvm::ArrayRef<RangeCount> getRangeCounts() const { return {}; }

  /// Runs the model on tensors in the order of `getInputs`, which must match
  /// `checkInputs`. Returns the outputs in the order of `getOutputs`.
  virtual llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) = 0;
};

/// Checks number, element types and shapes against what `model` declares, and
/// that indices into a table of N rows lie within -N to N - 1. (An embedding
/// clamps other ones, so a wrong tokenizer would go unnoticed.)
llvm::Error checkInputs(const Model &model, llvm::ArrayRef<HostTensor> inputs);
llvm::Error checkInputs(llvm::ArrayRef<TensorSpec> specs,
                        llvm::ArrayRef<HostTensor> inputs);

/// Position of the tensor called `name`. The error lists the names there are;
/// `kind` is "input" or "output".
llvm::Expected<size_t> findTensor(llvm::ArrayRef<TensorSpec> specs,
                                  llvm::StringRef name, llvm::StringRef kind);

/// The largest absolute difference between corresponding elements. Different
/// shapes are an error, different element types are not. NaN against NaN is no
/// difference, NaN against a number an infinite one.
llvm::Expected<double> getMaxError(const HostTensor &actual,
                                   const HostTensor &expected);

} // namespace lowbit

#endif // LOWBIT_TOOLS_MODEL_H
