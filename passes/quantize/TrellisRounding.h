//===- TrellisRounding.h - weights coded by path search ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_TRELLISROUNDING_H
#define LOWBIT_QUANTIZE_TRELLISROUNDING_H

#include "CorrectedTarget.h"
#include "lowbit/Numerics/Trellis.h"

namespace lowbit {

/// Whether weights of `encoding` are found by a path search: its codes overlap.
bool isTrellis(EncodingAttr encoding);

/// The trellis of `encoding`, of its first columns if their rates differ; null
/// where it is of another kind.
TrellisAttr getTrellis(EncodingAttr encoding);

/// The encoding of a layer whose columns have these rates, the states, scales
/// and granularity being those of `encoding`, a trellis.
EncodingAttr withRates(EncodingAttr encoding, llvm::ArrayRef<int8_t> rates);

/// A layer to be coded, and what came of it.
struct TrellisJob {
  mlir::Operation *layer = nullptr;
  ConstantMatrix matrix;
  EncodingAttr encoding;
  /// Of each column; empty where all have that of the encoding.
  std::vector<int8_t> rates;
  numerics::QuantizedMatrix result;
};

/// Codes layers as their statistics say.
class TrellisRounding {
public:
  TrellisRounding() = default;
  TrellisRounding(LayerStatistics statistics, int64_t sweeps, double damping)
      : statistics(std::move(statistics)), sweeps(sweeps), damping(damping) {}

  /// Codes all of `jobs`, each by one thread of the context; their order
  /// doesn't matter. Fails with a diagnostic at the first layer that can't be.
  mlir::LogicalResult run(llvm::MutableArrayRef<TrellisJob> jobs,
                          CorrectedTarget &targets);

  /// Finds the rates of all columns of `jobs`, whose encodings are trellises,
  /// for `averageBits` per weight: bits go to the columns whose errors, by the
  /// second moment of their input and the gradient at their output, cost most,
  /// and to layers as the losses that were measured of them say, if they were.
  mlir::LogicalResult assignRates(llvm::MutableArrayRef<TrellisJob> jobs,
                                  double averageBits);
  /// The same for as many bytes as all weights may take at most, with all
  /// their parameters.
  mlir::LogicalResult spendBytes(llvm::MutableArrayRef<TrellisJob> jobs,
                                 int64_t bytes);

  /// What a layer's statistics say about it. Without gradients there are no
  /// weights of rows.
  struct LayerMoments {
    std::vector<float> second, rowWeights;
  };

private:
  using Work =
      llvm::function_ref<numerics::Status(size_t index, const LayerMoments &)>;
  /// Calls `work` for all of `jobs` with their statistics, which are read in
  /// order, all threads of the context busy.
  mlir::LogicalResult forEachJob(llvm::MutableArrayRef<TrellisJob> jobs,
                                 const Work &work);
  mlir::FailureOr<std::vector<numerics::RatedLayer>>
  rateLayers(llvm::MutableArrayRef<TrellisJob> jobs);
  /// Says once for all layers that none has gradients.
  void noteMissingGradients(mlir::ModuleOp module);

  LayerStatistics statistics;
  int64_t sweeps = 0;
  double damping = 0.01;
  bool hasNoted = false;
};

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_TRELLISROUNDING_H
