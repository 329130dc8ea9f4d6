//===- Verify.cpp - kernels that can be printed as WGSL -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Limits are those that every adapter of WebGPU has (chapter 3.6.2 of its
// specification, "limits", default values).
//
//===----------------------------------------------------------------------===//

#include "Verify.h"
#include "Expressions.h"
#include "Subset.h"
#include "Uniformity.h"
#include "lowbit/CodeGen/GPU/GPUVariants.h"
#include "lowbit/CodeGen/WGSL/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

namespace lowbit {
#define GEN_PASS_DEF_WGSLVERIFYPASS
#include "lowbit/CodeGen/WGSL/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

static constexpr unsigned kStorageBuffers = 8;
static constexpr int64_t kWorkgroupBytes = 16384;
static constexpr int64_t kInvocations = 256;
static constexpr int64_t kBlockLimits[3] = {256, 256, 64};

namespace {

class SubsetVerifier {
public:
  SubsetVerifier(gpu::GPUFuncOp kernel, ArrayRef<StringRef> features)
      : kernel(kernel), features(features), uniformity(kernel) {}

  LogicalResult run() {
    if (failed(verifyBlockSize()) || failed(verifyBuffers()) ||
        failed(verifyWorkgroupMemory()))
      return failure();
    if (!kernel.getBody().hasOneBlock())
      return kernel.emitOpError()
             << "requires a body of one block for WGSL, found "
             << kernel.getBody().getBlocks().size()
             << ": loops and branches are those of scf";
    WalkResult result = kernel.walk([&](Operation *op) {
      return op == kernel ? WalkResult::advance() : WalkResult(visit(op));
    });
    return failure(result.wasInterrupted());
  }

private:
  LogicalResult verifyBlockSize() {
    auto size = kernel.getKnownBlockSize();
    if (!size)
      return kernel.emitOpError()
             << "requires the size of its workgroups for WGSL: add "
                "known_block_size";
    int64_t invocations = 1;
    for (auto [count, limit] : llvm::zip_equal(*size, kBlockLimits)) {
      invocations *= count;
      if (count > limit)
        invocations = kInvocations + 1;
    }
    if (invocations <= kInvocations)
      return success();
    return kernel.emitOpError()
           << "requires workgroups of at most 256 x 256 x 64 and 256 "
              "invocations in all, found "
           << (*size)[0] << " x " << (*size)[1] << " x " << (*size)[2];
  }

  LogicalResult verifyMemory(Value buffer, const Twine &what) {
    auto type = dyn_cast<MemRefType>(buffer.getType());
    bool isFlat = type && type.getRank() == 1 && type.getLayout().isIdentity();
    if (!isFlat || !getElementBytes(type.getElementType()))
      return mlir::emitError(buffer.getLoc())
             << what
             << " requires a flat memref of i32, f32, f16 or vectors of "
             << "2 or 4 of them for WGSL, found " << buffer.getType();
    if (getElementTypeOrSelf(type.getElementType()).isF16() &&
        !llvm::is_contained(features, "f16"))
      return emitFeature(kernel, "f16");
    if (getValueName(buffer).empty())
      return mlir::emitError(buffer.getLoc())
             << what << " has no name; run lowbit-wgsl-assign-names";
    return success();
  }

  LogicalResult verifyBuffers() {
    if (kernel.getNumArguments() > kStorageBuffers)
      return kernel.emitOpError()
             << "requires at most 8 buffers for WGSL, found "
             << kernel.getNumArguments();
    for (BlockArgument buffer : getBuffers(kernel))
      if (failed(
              verifyMemory(buffer, "argument " + Twine(buffer.getArgNumber()))))
        return failure();
    return success();
  }

  LogicalResult verifyWorkgroupMemory() {
    int64_t bytes = 0;
    for (BlockArgument memory : kernel.getWorkgroupAttributions()) {
      if (failed(verifyMemory(memory, "workgroup memory")))
        return failure();
      auto type = cast<MemRefType>(memory.getType());
      bytes += type.getNumElements() * *getElementBytes(type.getElementType());
    }
    if (bytes <= kWorkgroupBytes)
      return success();
    return kernel.emitOpError() << "requires at most 16384 bytes of workgroup "
                                   "memory for WGSL, found "
                                << bytes;
  }

  static LogicalResult emitFeature(Operation *op, StringRef feature) {
    return op->emitOpError()
           << "requires the feature '" << feature
           << "', which not every adapter has; allow it with features="
           << feature;
  }

  LogicalResult verifyTypes(Operation *op) {
    for (Type type :
         llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
      if (!isa<MemRefType>(type) && !getWGSLType(type))
        return op->emitOpError()
               << "requires values of i1, i32, index, f32, f16 or vectors of 2 "
                  "to 4 of them for WGSL, found "
               << type;
    return success();
  }

  /// Constants that the compiler of a shader refuses to evaluate.
  LogicalResult verifyConstants(Operation *op) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto isFinite = [](const APFloat &value) { return value.isFinite(); };
      bool isNumber = true;
      if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
        isNumber = isFinite(number.getValue());
      if (auto numbers = dyn_cast<DenseFPElementsAttr>(constant.getValue()))
        isNumber = llvm::all_of(numbers, isFinite);
      if (!isNumber)
        return op->emitOpError() << "requires a finite number for WGSL, found "
                                 << constant.getValue();
      auto integer = dyn_cast<IntegerAttr>(constant.getValue());
      if (integer && integer.getType().isIndex() &&
          !llvm::isUInt<32>(integer.getInt()) &&
          !llvm::isInt<32>(integer.getInt()))
        return op->emitOpError()
               << "requires an index of 32 bits for WGSL, found "
               << integer.getInt();
    }
    APInt right;
    if (op->getNumOperands() != 2 ||
        !matchPattern(op->getOperand(1), m_ConstantInt(&right)))
      return success();
    if (isa<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>(op) && right.uge(32))
      return op->emitOpError()
             << "requires a shift by less than 32 bits, found "
             << right.getZExtValue();
    if (isa<arith::DivUIOp, arith::DivSIOp, arith::RemUIOp, arith::RemSIOp>(
            op) &&
        right.isZero())
      return op->emitOpError()
             << "divides by the constant zero, which WGSL refuses";
    return success();
  }

  LogicalResult verifyForm(Operation *op) {
    auto form = getExpressionForm(op);
    if (!form && !isStatement(op) && !isKnownTerminator(op))
      return op->emitOpError()
             << "has no form in WGSL; lower it before lowbit-wgsl-verify";
    bool isArithmetic = form && form->kind != ExpressionForm::Special &&
                        !isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op);
    if (isArithmetic &&
        getElementTypeOrSelf(op->getOperand(0).getType()).isInteger(1))
      return op->emitOpError()
             << "computes with truth values, which WGSL doesn't";
    auto compare = dyn_cast<arith::CmpFOp>(op);
    if (compare && (compare.getPredicate() == arith::CmpFPredicate::UNO ||
                    compare.getPredicate() == arith::CmpFPredicate::ORD))
      return op->emitOpError()
             << "tests for NaN, which adapters may assume not "
                "to exist";
    return success();
  }

  LogicalResult verifyNames(Operation *op) {
    bool needsName = isa<memref::LoadOp, memref::AllocaOp>(op) ||
                     (isStatement(op) && op->getNumResults() > 0) ||
                     isa<scf::ForOp>(op);
    if (!needsName)
      return success();
    if (auto loop = dyn_cast<scf::ForOp>(op))
      if (!getValueName(loop.getInductionVar()).empty())
        return success();
    if (op->getNumResults() > 0 &&
        !getValueName(op->getResults().back()).empty())
      return success();
    return op->emitOpError() << "has no name for its value; run "
                                "lowbit-wgsl-assign-names";
  }

  LogicalResult verifyBarrier(gpu::BarrierOp barrier) {
    Operation *divergent = uniformity.findDivergence(barrier);
    if (!divergent)
      return success();
    InFlightDiagnostic diagnostic =
        barrier.emitOpError()
        << "requires that all invocations of a workgroup reach it";
    diagnostic.attachNote(divergent->getLoc())
        << "they may go different ways here";
    return diagnostic;
  }

  LogicalResult visit(Operation *op) {
    if (failed(verifyForm(op)) || failed(verifyTypes(op)) ||
        failed(verifyConstants(op)) || failed(verifyNames(op)))
      return failure();
    if (auto memory = dyn_cast<memref::AllocaOp>(op))
      if (failed(verifyMemory(memory, "private memory")))
        return failure();
    StringRef feature = getRequiredFeature(op);
    if (!feature.empty() && !llvm::is_contained(features, feature))
      return emitFeature(op, feature);
    if (auto barrier = dyn_cast<gpu::BarrierOp>(op))
      return verifyBarrier(barrier);
    return success();
  }

  gpu::GPUFuncOp kernel;
  ArrayRef<StringRef> features;
  Uniformity uniformity;
};

struct WGSLVerifyPass : lowbit::impl::WGSLVerifyPassBase<WGSLVerifyPass> {
  using WGSLVerifyPassBase::WGSLVerifyPassBase;
  void runOnOperation() override {
    SmallVector<StringRef> allowed(features.begin(), features.end());
    if (failed(verifyWGSLSubset(getOperation(), allowed)))
      return signalPassFailure();
    ++numKernels;
    markAllAnalysesPreserved();
  }
};

} // namespace

LogicalResult lowbit::verifyWGSLSubset(gpu::GPUFuncOp kernel,
                                       ArrayRef<StringRef> features) {
  // Variants say what they rely on.
  SmallVector<StringRef> allowed(features);
  llvm::append_range(allowed, getGPUFeatures(kernel));
  return SubsetVerifier(kernel, allowed).run();
}
