//===- AttentionSpec.cpp - how attention is divided among workgroups ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "KernelParts.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lowbit;

/// Queries of a workgroup: each key and value that is read serves all of them.
static constexpr int64_t kMostQueries = 4;
/// Workgroups that occupy a large GPU, and keys that are worth one of them.
static constexpr int64_t kEnoughWorkgroups = 128, kFewestKeys = 256;

int64_t GPUAttentionSpec::getHeldHeads() const {
  int64_t inGroup = heads / groups;
  int64_t most =
      std::min(inGroup, std::max<int64_t>(kMostQueries / queries, 1));
  // As many in each workgroup, as far as that goes.
  return llvm::divideCeil(inGroup, llvm::divideCeil(inGroup, most));
}

int64_t GPUAttentionSpec::getHeldRows() const {
  return std::min(queries, kMostQueries / getHeldHeads());
}

std::array<int64_t, 2> GPUAttentionSpec::getWorkgroups() const {
  int64_t blocks = llvm::divideCeil(heads / groups, getHeldHeads());
  return {groups * blocks,
          static_cast<int64_t>(llvm::divideCeil(queries, getHeldRows()))};
}

int64_t GPUAttentionSpec::getParts() const {
  auto [x, y] = getWorkgroups();
  return std::max<int64_t>(
      std::min(kEnoughWorkgroups / (x * y), rows / kFewestKeys), 1);
}

std::string GPUAttentionSpec::name() const {
  std::string result = "attention";
  if (causal)
    result += "_causal";
  if (!mask.empty())
    result += "_masked";
  if (hasLength)
    result += "_cached";
  if (format != GPURowFormat::F32)
    result += "_" + getName(format).str();
  char separator = '_';
  for (int64_t extent : {heads, groups, queries, rows, width, valueWidth}) {
    result += separator + std::to_string(extent);
    separator = 'x';
  }
  if (getParts() > 1)
    result += "_parts" + std::to_string(getParts());
  return result;
}

/// Of halves in int4, so many of one of them.
int64_t GPUAttentionSpec::getStep() const {
  int64_t unit = format == GPURowFormat::Int4 ? 2 * kGPUStep : kGPUStep;
  bool isWhole = width % unit == 0 && valueWidth % unit == 0;
  return isWhole ? kGPUStep : 1;
}

int64_t GPUAttentionSpec::getResultSteps() const {
  int64_t row = valueWidth / getStep();
  if (getParts() > 1)
    row += getStep() == 1 ? 2 : 1;
  return getParts() * heads * queries * row;
}

std::string lowbit::explainNoGPUKernel(const GPUAttentionSpec &spec) {
  int64_t step = spec.getStep();
  if (std::max(spec.width, spec.valueWidth) > kGPUWorkgroupSize * step)
    return "its heads are wider than " +
           std::to_string(kGPUWorkgroupSize * step);
  if (spec.causal && spec.rows < spec.queries)
    return "it has queries that see no key";
  if (spec.heads > kMostGPUWorkgroups || spec.queries > kMostGPUWorkgroups)
    return "it has more heads or queries than a dispatch has workgroups";
  return "";
}
