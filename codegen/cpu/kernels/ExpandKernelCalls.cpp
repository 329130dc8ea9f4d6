//===- ExpandKernelCalls.cpp - kernel calls as parallel loops -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How `lowbit.call_kernel` bufferizes, and the loop that it becomes then.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_EXPANDKERNELCALLSPASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

namespace {

using namespace bufferization;

/// Outputs are written completely, so their old contents need no copy.
struct CallKernelModel
    : DstBufferizableOpInterfaceExternalModel<CallKernelModel, CallKernelOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<CallKernelOp>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto call = cast<CallKernelOp>(op);
    SmallVector<Value> inputs, outputs, results;
    auto convert = [&](ValueRange values, SmallVector<Value> &buffers) {
      for (Value value : values) {
        if (!isa<TensorType>(value.getType())) {
          buffers.push_back(value);
          continue;
        }
        FailureOr<Value> buffer = getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        buffers.push_back(*buffer);
      }
      return success();
    };
    if (failed(convert(call.getInputs(), inputs)) ||
        failed(convert(call.getOutputs(), outputs)))
      return failure();
    for (auto [value, buffer] : llvm::zip_equal(call.getOutputs(), outputs))
      if (isa<TensorType>(value.getType()))
        results.push_back(buffer);
    CallKernelOp::create(rewriter, op->getLoc(), TypeRange{},
                         call.getKernelAttr(), call.getTiles(), call.getGrain(),
                         inputs, outputs);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};

struct ExpandKernelCallsPass
    : lowbit::impl::ExpandKernelCallsPassBase<ExpandKernelCallsPass> {
  void runOnOperation() override {
    SmallVector<CallKernelOp> calls;
    getOperation().walk([&](CallKernelOp call) { calls.push_back(call); });
    for (CallKernelOp call : calls)
      if (failed(expand(call)))
        return signalPassFailure();
  }

private:
  LogicalResult expand(CallKernelOp call);
};

} // namespace

LogicalResult ExpandKernelCallsPass::expand(CallKernelOp call) {
  if (call.getNumResults() != 0)
    return call.emitOpError("requires buffers as outputs, found tensors; "
                            "bufferize first");
  auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getKernelAttr());
  ImplicitLocOpBuilder b(call.getLoc(), call);
  SmallVector<Value> arguments;
  for (auto [value, type] : llvm::zip(call->getOperands().drop_front(2),
                                      kernel.getArgumentTypes())) {
    if (value.getType() != type && isa<MemRefType>(type))
      value = memref::CastOp::create(b, type, value);
    arguments.push_back(value);
  }
  Value zero = arith::ConstantIndexOp::create(b, 0);
  // Within a task there is one thread.
  if (call->getParentOfType<scf::ForallOp>()) {
    llvm::append_values(arguments, zero, call.getTiles());
    func::CallOp::create(b, kernel, arguments);
    call.erase();
    ++numExpanded;
    return success();
  }
  auto loop =
      scf::ParallelOp::create(b, ValueRange{zero}, ValueRange{call.getTiles()},
                              ValueRange{call.getGrain()});
  b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVars()[0];
  Value next = arith::AddIOp::create(b, first, call.getGrain());
  arguments.push_back(first);
  arguments.push_back(arith::MinSIOp::create(b, next, call.getTiles()));
  func::CallOp::create(b, kernel, arguments);
  call.erase();
  ++numExpanded;
  return success();
}

void cpu::registerBufferizationModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LowbitDialect *) {
    CallKernelOp::attachInterface<CallKernelModel>(*context);
  });
}
