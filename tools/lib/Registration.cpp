//===- Registration.cpp - what the tools register -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Registration.h"
#include "lowbit/CodeGen/CPU/FunctionPasses.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/CodeGen/GPU/Pipelines.h"
#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/CodeGen/Web/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Pipelines.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lowbit;

void lowbit::registerLowbitDialect(DialectRegistry &registry) {
  registry.insert<LowbitDialect>();
  cpu::registerTargetModels(registry);
  cpu::registerBufferizationModels(registry);
  gpu_target::registerModels(registry);
}

void lowbit::registerDialects(DialectRegistry &registry) {
  registerLowbitDialect(registry);
  registry.insert<
      affine::AffineDialect, amx::AMXDialect, arith::ArithDialect,
      bufferization::BufferizationDialect, func::FuncDialect,
      mlir::gpu::GPUDialect, LLVM::LLVMDialect, linalg::LinalgDialect,
      math::MathDialect, memref::MemRefDialect, ml_program::MLProgramDialect,
      omp::OpenMPDialect, quant::QuantDialect, scf::SCFDialect,
      spirv::SPIRVDialect, tensor::TensorDialect, tosa::TosaDialect,
      ub::UBDialect, vector::VectorDialect, x86vector::X86VectorDialect>();
  registerCPUModels(registry);
}

void lowbit::registerAllLowbitPasses() {
  registerLowbitPasses();
  registerLowbitCPUPasses();
  registerLowbitCPUFunctionPasses();
  registerLowbitCPUKernelPasses();
  registerLowbitGPUPasses();
  registerLowbitWGSLPasses();
  registerLowbitWebPasses();
  registerPipelines();
  registerCPUPipelines();
  registerWGSLPipelines();
  registerGPUPipelines();
}

void lowbit::registerPasses() {
  registerAllLowbitPasses();
  registerTransformsPasses();
  registerConversionPasses();
  registerLinalgPasses();
  quant::registerQuantPasses();
  bufferization::registerBufferizationPasses();
}
