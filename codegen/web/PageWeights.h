//===- PageWeights.h - weights that a page rounds ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_PAGEWEIGHTS_H
#define LOWBIT_CODEGEN_WEB_PAGEWEIGHTS_H

#include "WeightStream.h"
#include "llvm/Support/JSON.h"

namespace lowbit {

/// What the module's `lowbit.float_sources` makes of `weights`; none where it
/// has no such attribute. Each is rounded here, too: fails with an error where
/// that doesn't give the bytes that the weights have.
mlir::FailureOr<std::vector<WebSource>>
findPageWeights(mlir::ModuleOp module, llvm::ArrayRef<WebWeight> weights);

/// The manifest's `recipes` and `sources`.
void addPageWeights(const WeightStream &stream, llvm::json::Object &manifest);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_PAGEWEIGHTS_H
