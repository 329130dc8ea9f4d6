//===- Layer.h - one compiled layer -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y = x Wᵀ with N x K weights, compiled as models are.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_BENCH_KERNELS_LAYER_H
#define LOWBIT_BENCH_KERNELS_LAYER_H

#include "lowbit/Tools/TimedProgram.h"
#include <string>

namespace lowbit::bench {

/// What is wrong with a method for `Layer`; empty if nothing is.
std::string checkMethod(const std::string &method);

struct Layer {
  /// `method` is one of `--quantize`, or `trellis<rate>-s<state>`, whose codes
  /// are random. `tuning` is a tuning file, or empty.
  Layer(const std::string &method, const std::string &cpu,
        const std::string &tuning, int64_t n, int64_t k);

  mlir::MLIRContext context;
  /// Null where there is an error.
  std::unique_ptr<TimedProgram> program;
  std::string error;
};

} // namespace lowbit::bench

#endif // LOWBIT_BENCH_KERNELS_LAYER_H
