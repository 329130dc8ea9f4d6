//===- WorkgroupMemory.cpp - workgroup memory is declared with the kernel -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subset.h"
#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lowbit {
#define GEN_PASS_DEF_WGSLWORKGROUPMEMORYPASS
#include "lowbit/CodeGen/WGSL/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

static void removeDeallocations(Value buffer) {
  for (Operation *user : llvm::make_early_inc_range(buffer.getUsers()))
    if (isa<memref::DeallocOp>(user))
      user->erase();
}

namespace {
struct WGSLWorkgroupMemoryPass
    : lowbit::impl::WGSLWorkgroupMemoryPassBase<WGSLWorkgroupMemoryPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<memref::AllocOp> allocations;
    kernel.walk([&](memref::AllocOp alloc) {
      if (gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(alloc.getType()))
        allocations.push_back(alloc);
    });
    SmallVector<bool> grows;
    for (memref::AllocOp alloc : allocations) {
      MemRefType type = alloc.getType();
      std::optional<int64_t> bytes = getElementBytes(type.getElementType());
      if (!bytes) {
        alloc.emitError("workgroup memory requires i32, f32, f16 or vectors of "
                        "2 or 4 of them for WGSL, found ")
            << type.getElementType();
        return signalPassFailure();
      }
      grows.push_back(alloc->hasAttr(kGPUGrowsAttrName));
      BlockArgument declared =
          kernel.addWorkgroupAttribution(type, alloc.getLoc());
      removeDeallocations(alloc);
      alloc.replaceAllUsesWith(declared);
      alloc.erase();
      ++numBuffers;
      if (type.hasStaticShape())
        numBytes += type.getNumElements() * *bytes;
    }
    if (llvm::is_contained(grows, true))
      kernel->setAttr(kGPUGrowsAttrName,
                      DenseBoolArrayAttr::get(&getContext(), grows));
  }
};
} // namespace
