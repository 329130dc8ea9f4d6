//===- FallbackMemory.cpp - what a page holds without a GPU ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One memory of WebAssembly, which grows as its host reserves blocks: the sum
// of those that runtime/wasm.js asks for, as codegen/runtime/wasm lays them one
// behind another. Tests load modules and compare.
//
//===----------------------------------------------------------------------===//

#include "FallbackWeights.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace lowbit;

/// Blocks and weights begin at lines; a line in front of each block is the run
/// time's own.
static constexpr int64_t kLine = 64;
static constexpr int64_t kPage = 1 << 16;

static int64_t alignToLine(int64_t bytes) {
  return llvm::alignTo(bytes, kLine);
}

/// What is left of a block of `bytes` to be taken from memory.
static int64_t reserve(int64_t bytes) { return alignToLine(bytes + kLine); }

/// A table of `count` addresses of 32 bits.
static int64_t reserveTable(int64_t count) { return reserve(4 * count + 4); }

static int64_t getDescriptorBytes(int64_t rank) { return 16 + 16 * rank; }

/// Elements as the page's arrays have them: `i64`, `bf16`; a byte for `i1`.
static int64_t getElementBytes(StringRef type) {
  int64_t bits = 0;
  type.drop_while(llvm::isAlpha)
      .take_while(llvm::isDigit)
      .getAsInteger(10, bits);
  return llvm::divideCeil(bits, 8);
}

static int64_t countWeights(const WebFallbackPlan &plan, int64_t tableSize) {
  int64_t bytes = 0;
  for (const WebCopiedWeight &weight : plan.weights)
    bytes += alignToLine(weight.bytes);
  return reserve(bytes) + reserveTable(tableSize);
}

/// What a function is called with; states that others have are theirs.
static int64_t countFunction(const GPUSchedule &schedule,
                             std::optional<int64_t> workspace,
                             llvm::StringSet<> &states) {
  int64_t bytes = 0, results = 0, arguments = 0;
  bool hasOutputs = false;
  for (const GPUBuffer &buffer : schedule.buffers) {
    int64_t descriptor = getDescriptorBytes(buffer.shape.size());
    if (buffer.kind == GPUBufferKind::Output) {
      hasOutputs = true;
      results += descriptor;
      continue;
    }
    bool isState = buffer.kind == GPUBufferKind::State;
    if (buffer.kind != GPUBufferKind::Input && !isState)
      continue;
    ++arguments;
    bytes += reserve(descriptor);
    if (isState && !states.insert(buffer.name).second)
      continue;
    int64_t elements = getElementBytes(buffer.elementType);
    for (int64_t extent : buffer.shape)
      elements *= extent;
    bytes += reserve(elements + 8);
  }
  if (workspace)
    bytes += reserve(*workspace) + reserve(getDescriptorBytes(1));
  return bytes + reserve(results + 8) +
         reserveTable(arguments + hasOutputs + workspace.has_value());
}

std::optional<int64_t>
lowbit::countFallbackMemory(ArrayRef<GPUSchedule> schedules,
                            const WebFallbackPlan &plan,
                            const WebFallback &fallback) {
  int64_t most = 0;
  const llvm::json::Array &variants = *fallback.program.getArray("variants");
  for (auto [code, value] : llvm::zip_equal(fallback.codes, variants)) {
    const llvm::json::Object &variant = *value.getAsObject();
    std::optional<int64_t> temporaries = variant.getInteger("temporaries");
    // What it takes in runs only a run tells.
    if (code.allocates && !temporaries)
      return std::nullopt;
    int64_t bytes = alignToLine(code.heapBase) + temporaries.value_or(0) +
                    countWeights(plan, variant.getArray("weights")->size());
    llvm::StringSet<> states;
    for (const GPUSchedule &schedule : schedules) {
      const llvm::json::Object *function =
          variant.getObject("functions")->getObject(schedule.function);
      bytes += countFunction(
          schedule, function ? function->getInteger("workspace") : std::nullopt,
          states);
    }
    most = std::max<int64_t>(most, llvm::alignTo(bytes, kPage));
  }
  return most;
}
