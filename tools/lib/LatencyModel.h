//===- LatencyModel.h - how long a layer takes, before it runs --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer on one row reads each of its weights once: it takes as long as the
// memory needs to deliver them, or the processor to decode and multiply them,
// whichever is more, and a little for the call. That is the time of generating
// text token by token. On many rows, kernels differ so little by width that
// there is nothing to choose.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_LATENCYMODEL_H
#define LOWBIT_TOOLS_LIB_LATENCYMODEL_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/MachineTuning.h"

namespace lowbit {

/// Predicted seconds of a layer [rows, columns] of a model whose tensors take
/// `modelBytes` together, on one row and one thread of `machine`. Of the
/// default one, ratios carry over to others of its kind, seconds don't.
double predictSeconds(EncodingAttr encoding, int64_t rows, int64_t columns,
                      uint64_t modelBytes, const MachineTuning &machine);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_LATENCYMODEL_H
