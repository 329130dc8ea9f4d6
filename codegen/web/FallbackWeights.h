//===- FallbackWeights.h - weights of the shards, repacked ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_FALLBACKWEIGHTS_H
#define LOWBIT_CODEGEN_WEB_FALLBACKWEIGHTS_H

#include "Manifest.h"
#include "lowbit/CodeGen/Web/WebFallback.h"
#include "lowbit/Numerics/FieldCopies.h"

namespace lowbit {

/// A part of a weight that is made of a weight of the shards: by fields, or the
/// first `bytes` bytes as they are, which go to byte `at`.
struct WebCopy {
  std::string source;
  std::optional<numerics::FieldCopy> fields;
  int64_t bytes = 0, at = 0;
};

/// A weight that codes read, made of those of the shards, or at `offset` of the
/// fallback's own.
struct WebCopiedWeight {
  std::string name;
  int64_t bytes;
  std::vector<WebCopy> copies;
  std::optional<int64_t> offset;
};

struct WebFallbackPlan {
  std::vector<WebCopiedWeight> weights;
  /// Those that have an offset.
  WeightStream own;
};

/// Finds for each weight of `fallback` what of `shards` it is made of. Each
/// copy is carried out, and makes the very bytes of the weight. A weight of
/// some size that has to be stored a second time gets a remark that says why.
mlir::FailureOr<WebFallbackPlan>
planFallbackWeights(mlir::ModuleOp module, llvm::ArrayRef<WebWeight> shards,
                    const WebFallback &fallback);

llvm::json::Value toJSON(const WebCopiedWeight &weight);

/// Bytes of WebAssembly's memory that a page has for a model with these
/// functions, with the code that takes most; nothing where code allocates in
/// runs what isn't known. The page's engine has code, too, which isn't counted.
std::optional<int64_t>
countFallbackMemory(llvm::ArrayRef<GPUSchedule> schedules,
                    const WebFallbackPlan &plan, const WebFallback &fallback);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_FALLBACKWEIGHTS_H
