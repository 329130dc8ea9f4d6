//===- GroupProblem.h - what an encoding asks of vector code ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_GROUPPROBLEM_H
#define LOWBIT_NUMERICS_GROUPPROBLEM_H

#include "GroupKernels.h"
#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// Whether the parameters of `encoding` are stored as codes that all stand for
/// numbers of one sign: that of their block's scale, so that within a block
/// those of the other sign would become 0.
bool storesUnsignedParameters(const Encoding &encoding);

/// The search for parameters of an encoding with integer codes.
GroupProblem problemOf(const Encoding &encoding, ScaleSearch search);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_GROUPPROBLEM_H
