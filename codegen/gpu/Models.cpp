//===- Models.cpp - what upstream asks of GPU operations ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WordFields.h"
#include "lowbit/CodeGen/GPU/Pipelines.h"
#include "lowbit/IR/LowbitGPUOps.h"
#include "lowbit/Numerics/Layouts.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"

using namespace mlir;
using namespace lowbit;
using namespace mlir::bufferization;

namespace {

/// Outputs are written completely, so their old contents need no copy.
struct DispatchModel
    : DstBufferizableOpInterfaceExternalModel<DispatchModel, DispatchOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<DispatchOp>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto dispatch = cast<DispatchOp>(op);
    SmallVector<Value> inputs, outputs, results;
    SmallVector<std::pair<Value, Value>> copies;
    for (Value input : dispatch.getInputs()) {
      FailureOr<Value> buffer = getBuffer(rewriter, input, options, state);
      if (failed(buffer))
        return failure();
      inputs.push_back(getWhole(rewriter, *buffer));
      if (inputs.back() != *buffer)
        memref::CopyOp::create(rewriter, op->getLoc(), *buffer, inputs.back());
    }
    for (Value output : dispatch.getOutputs()) {
      FailureOr<Value> buffer = getBuffer(rewriter, output, options, state);
      if (failed(buffer))
        return failure();
      outputs.push_back(getWhole(rewriter, *buffer));
      if (outputs.back() != *buffer)
        copies.emplace_back(outputs.back(), *buffer);
      results.push_back(*buffer);
    }
    DispatchOp::create(rewriter, op->getLoc(), TypeRange{},
                       dispatch.getKernelAttr(), dispatch.getWorkgroupsAttr(),
                       inputs, outputs);
    for (auto [from, to] : copies)
      memref::CopyOp::create(rewriter, op->getLoc(), from, to);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }

  /// Kernels take whole buffers: a new one in place of a part of another.
  static Value getWhole(RewriterBase &rewriter, Value buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    if (type.getLayout().isIdentity())
      return buffer;
    return memref::AllocOp::create(
        rewriter, buffer.getLoc(),
        MemRefType::get(type.getShape(), type.getElementType()));
  }
};

struct GPUTargetModel
    : TargetInterface::ExternalModel<GPUTargetModel, spirv::TargetEnvAttr> {
  Attribute getWeightLayout(Attribute, Type weight, std::string &reason) const {
    auto type = cast<QuantizedTensorType>(weight);
    EncodingAttr encoding = type.getEncoding();
    reason = explainNoGPUKernel(encoding);
    if (!reason.empty())
      return {};
    return TilesAttr::get(weight.getContext(),
                          numerics::words(encoding.getCodeBits()));
  }

  /// Activations stay as they are: f32, or the codes that were asked for.
  Type getActivationType(Attribute, Type input, Type, std::string &) const {
    return input;
  }
};

} // namespace

void gpu_target::registerModels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, LowbitDialect *, spirv::SPIRVDialect *) {
        spirv::TargetEnvAttr::attachInterface<GPUTargetModel>(*context);
      });
  registry.addExtension(+[](MLIRContext *context, LowbitDialect *) {
    DispatchOp::attachInterface<DispatchModel>(*context);
  });
}
