//===- ParameterQuantizer.h - scales become codes ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_PARAMETERQUANTIZER_H
#define LOWBIT_NUMERICS_PARAMETERQUANTIZER_H

#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// Quantizes the parameters of rows [firstRow, endRow) of `matrix`, which are
/// those that suit `weights` best, as the encoding's `stored` says; then moves
/// each group's codes to neighbours where that lessens the error of its
/// weights. Fails where the rows don't have whole blocks of parameters.
Status quantizeParameters(const float *weights, int64_t firstRow,
                          int64_t endRow, const QuantizeOptions &options,
                          QuantizedMatrix &matrix);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_PARAMETERQUANTIZER_H
