//===- CopyToLinalg.cpp - vectorized copies, temporaries on the stack -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUCOPYTOLINALGPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
struct CPUCopyToLinalgPass
    : lowbit::impl::CPUCopyToLinalgPassBase<CPUCopyToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    SmallVector<memref::AllocOp> temporaries;
    getOperation()->walk([&](Operation *op) {
      if (auto copy = dyn_cast<memref::CopyOp>(op))
        copies.push_back(copy);
      if (auto alloc = dyn_cast<memref::AllocOp>(op);
          alloc && alloc->getParentOfType<scf::ForallOp>())
        temporaries.push_back(alloc);
    });
    IRRewriter rewriter(&getContext());
    for (memref::CopyOp copy : copies)
      replaceCopy(rewriter, copy);
    for (memref::AllocOp alloc : temporaries)
      moveToStack(rewriter, alloc);
  }

  static void replaceCopy(RewriterBase &rewriter, memref::CopyOp copy) {
    rewriter.setInsertionPoint(copy);
    if (copy.getSource() != copy.getTarget())
      linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(),
                               copy.getTarget());
    rewriter.eraseOp(copy);
  }

  /// Replaces the allocation by a stack slot of its largest size, viewed at the
  /// size that is used.
  void moveToStack(RewriterBase &rewriter, memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    SmallVector<int64_t> shape(type.getShape());
    int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    for (auto [i, extent] : llvm::enumerate(shape)) {
      if (ShapedType::isDynamic(extent)) {
        FailureOr<int64_t> bound =
            ValueBoundsConstraintSet::computeConstantBound(
                presburger::BoundType::UB, {alloc.getResult(), (int64_t)i},
                /*stopCondition=*/nullptr, /*closedUB=*/true);
        if (failed(bound))
          return;
        extent = *bound;
      }
      bytes *= extent;
      if (bytes > maxStackBytes)
        return;
    }
    rewriter.setInsertionPoint(alloc);
    Value slot = memref::AllocaOp::create(
        rewriter, alloc.getLoc(), MemRefType::get(shape, type.getElementType()),
        rewriter.getI64IntegerAttr(64));
    SmallVector<OpFoldResult> zeros(shape.size(), rewriter.getIndexAttr(0)),
        ones(shape.size(), rewriter.getIndexAttr(1));
    Value view = slot;
    if (!type.hasStaticShape()) {
      // Rows of the slot stay where they are only if all but the first
      // dimension are whole; else the view is laid out anew.
      view = memref::ReinterpretCastOp::create(
          rewriter, alloc.getLoc(), type, slot, rewriter.getIndexAttr(0),
          alloc.getMixedSizes(), getContiguousStrides(rewriter, alloc));
    }
    for (Operation *user : llvm::make_early_inc_range(alloc->getUsers()))
      if (isa<memref::DeallocOp>(user))
        rewriter.eraseOp(user);
    rewriter.replaceOp(alloc, view);
    ++numStack;
  }

  static SmallVector<OpFoldResult> getContiguousStrides(RewriterBase &rewriter,
                                                        memref::AllocOp alloc) {
    SmallVector<OpFoldResult> sizes = alloc.getMixedSizes();
    SmallVector<OpFoldResult> strides(sizes.size());
    AffineExpr s0, s1;
    bindSymbols(rewriter.getContext(), s0, s1);
    OpFoldResult stride = rewriter.getIndexAttr(1);
    for (int64_t i = sizes.size() - 1; i >= 0; --i) {
      strides[i] = stride;
      stride = affine::makeComposedFoldedAffineApply(
          rewriter, alloc.getLoc(), s0 * s1, {stride, sizes[i]});
    }
    return strides;
  }
};
} // namespace
