//===- LossSeed.h - where a backward pass begins ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Fisher matrix is the mean of g g^T, g being the gradient of -log p(label)
// for labels that the model itself draws. The gradient of that loss by the
// model's output is the seed of the backward pass.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_LOSSSEED_H
#define LOWBIT_TOOLS_LIB_LOSSSEED_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"

namespace lowbit {

/// Which output is differentiated, and what it means.
struct Loss {
  unsigned output = 0;
  std::string name;
  /// Categorical or Gaussian.
  OutputModel model = OutputModel::Gaussian;

  /// In a word of provenance.
  std::string describe() const;
};

/// The loss that `options` ask for: of the output that they name, or the only
/// one of floats, or of several the only one that is categorical. An output is
/// categorical, unless they say what it is, if its name has `logits` in it, or
/// its last extent is the number of rows of an embedding table. Of a
/// categorical output the last dimension is a distribution, and a label is
/// drawn for each; all others are means of Gaussians of variance 1.
llvm::Expected<Loss> resolveLoss(mlir::ModuleOp module,
                                 const CalibrationOptions &options);

/// Runs the model forward and draws.
class LossSeed {
public:
  /// Compiles `module`, in raised form, without outputs other than that of
  /// `loss`.
  static llvm::Expected<std::unique_ptr<LossSeed>>
  create(mlir::ModuleOp module, Loss loss, const CompileOptions &compile);

  /// The gradient of the loss for sample number `sample`, in the shape of the
  /// output. Draws depend on the number and the position alone, whatever the
  /// number of threads.
  llvm::Expected<HostTensor> get(llvm::ArrayRef<HostTensor> inputs,
                                 uint64_t sample);

private:
  LossSeed(mlir::MLIRContext *context, Loss loss,
           std::unique_ptr<Executable> forward)
      : context(context), loss(std::move(loss)), forward(std::move(forward)) {}

  mlir::MLIRContext *context;
  Loss loss;
  std::unique_ptr<Executable> forward;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_LOSSSEED_H
