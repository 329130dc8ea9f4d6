//===- FlagNeeds.h - flags without effect -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_FLAGNEEDS_H
#define LOWBIT_TOOLS_QUANTOPT_FLAGNEEDS_H

#include "Driver.h"

namespace lowbit {

inline bool isGiven(const llvm::cl::Option &flag) {
  return flag.getNumOccurrences() > 0;
}

bool isForGPU(const DriverOptions &options);

/// Whether flags that are given have what they need to have an effect, when
/// compiling ends with the phase `last`.
llvm::Error checkNeeds(const DriverOptions &options, Phase last);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_FLAGNEEDS_H
