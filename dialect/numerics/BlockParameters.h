//===- BlockParameters.h - parameters of blocks of rows ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_BLOCKPARAMETERS_H
#define LOWBIT_NUMERICS_BLOCKPARAMETERS_H

#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// findParameters where several rows share those of their groups. Rows
/// [firstRow, endRow) must be whole blocks.
Status findBlockParameters(const float *weights, int64_t firstRow,
                           int64_t endRow, const QuantizeOptions &options,
                           QuantizedMatrix &matrix);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_BLOCKPARAMETERS_H
