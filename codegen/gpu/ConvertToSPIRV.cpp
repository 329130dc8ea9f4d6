//===- ConvertToSPIRV.cpp - GPU kernels as SPIR-V binaries ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each kernel becomes a module of its own, so that a driver compiles nothing
// twice. Version and capabilities are declared here: what upstream deduces is
// the least version that has the instructions, in which storage buffers of the
// interface may not be allowed.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/GPUVariants.h"
#include "lowbit/CodeGen/GPU/SPIRV.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Conversion/GPUToSPIRV/GPUToSPIRVPass.h"
#include "mlir/Conversion/MathToSPIRV/MathToSPIRVPass.h"
#include "mlir/Conversion/MemRefToSPIRV/MemRefToSPIRV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lowbit;

spirv::TargetEnvAttr lowbit::getDefaultGPUTarget(MLIRContext *context) {
  auto triple = spirv::VerCapExtAttr::get(
      spirv::Version::V_1_3, {spirv::Capability::Shader},
      {spirv::Extension::SPV_KHR_storage_buffer_storage_class}, context);
  return spirv::TargetEnvAttr::get(
      triple, spirv::getDefaultResourceLimits(context),
      spirv::ClientAPI::Vulkan, spirv::Vendor::Unknown,
      spirv::DeviceType::Unknown, spirv::TargetEnvAttr::kUnknownDeviceID);
}

spirv::TargetEnvAttr lowbit::getGPUTarget(ModuleOp module) {
  auto target = module->getAttrOfType<spirv::TargetEnvAttr>(kTargetAttrName);
  return target ? target : getDefaultGPUTarget(module.getContext());
}

//===----------------------------------------------------------------------===//
// Features
//===----------------------------------------------------------------------===//

/// `target` with what `features` of a kernel are in SPIR-V.
static FailureOr<spirv::TargetEnvAttr>
addFeatures(gpu::GPUFuncOp kernel, spirv::TargetEnvAttr target) {
  SmallVector<spirv::Capability> capabilities(target.getCapabilities());
  SmallVector<spirv::Extension> extensions(target.getExtensions());
  for (StringRef feature : getGPUFeatures(kernel)) {
    if (feature == "subgroups") {
      capabilities.append({spirv::Capability::GroupNonUniform,
                           spirv::Capability::GroupNonUniformArithmetic});
      continue;
    }
    if (feature == kGPUHalf) {
      capabilities.push_back(spirv::Capability::Float16);
      continue;
    }
    // What a device is, and no instruction.
    if (feature == kGPUSoftware)
      continue;
    if (feature != "packed_dot")
      return kernel.emitOpError()
             << "requires features that SPIR-V has, found '" << feature << "'";
    capabilities.append({spirv::Capability::DotProduct,
                         spirv::Capability::DotProductInput4x8BitPacked});
    extensions.push_back(spirv::Extension::SPV_KHR_integer_dot_product);
  }
  auto triple = spirv::VerCapExtAttr::get(target.getVersion(), capabilities,
                                          extensions, kernel.getContext());
  return spirv::TargetEnvAttr::get(
      triple, target.getResourceLimits(), target.getClientAPI(),
      target.getVendorID(), target.getDeviceType(), target.getDeviceID());
}

/// Instructions of SPIR-V for operations of variants.
static void lowerFeatures(Operation *kernels) {
  kernels->walk([&](UnpackHalvesOp op) {
    OpBuilder b(op);
    op.replaceAllUsesWith(spirv::GLUnpackHalf2x16Op::create(
                              b, op.getLoc(), op.getType(), op.getWord())
                              .getResult());
    op.erase();
  });
  kernels->walk([&](SubgroupRankOp op) {
    OpBuilder b(op);
    Value one = arith::ConstantIntOp::create(b, op.getLoc(), 1, 32);
    op.replaceAllUsesWith(
        spirv::GroupNonUniformIAddOp::create(
            b, op.getLoc(), op.getType(), spirv::Scope::Subgroup,
            spirv::GroupOperation::ExclusiveScan, one, /*cluster_size=*/Value())
            .getResult());
    op.erase();
  });
  SmallVector<DotBytesOp> dots;
  kernels->walk([&](DotBytesOp op) { dots.push_back(op); });
  for (DotBytesOp op : dots) {
    OpBuilder b(op);
    auto format = spirv::PackedVectorFormatAttr::get(
        b.getContext(), spirv::PackedVectorFormat::PackedVectorFormat4x8Bit);
    Value product = spirv::SDotOp::create(b, op.getLoc(), op.getType(),
                                          op.getLhs(), op.getRhs(), format);
    op.replaceAllUsesWith(
        arith::AddIOp::create(b, op.getLoc(), op.getAccumulator(), product)
            .getResult());
    op.erase();
  }
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

/// Buffers are storage buffers; the rest is in workgroup memory.
static std::optional<spirv::StorageClass> mapMemorySpace(Attribute space) {
  if (!space)
    return spirv::StorageClass::StorageBuffer;
  auto known = dyn_cast<gpu::AddressSpaceAttr>(space);
  if (known && known.getValue() == gpu::AddressSpace::Workgroup)
    return spirv::StorageClass::Workgroup;
  return std::nullopt;
}

/// A module with `kernel` alone.
static OwningOpRef<ModuleOp> isolate(gpu::GPUFuncOp kernel,
                                     spirv::TargetEnvAttr target) {
  MLIRContext *context = kernel.getContext();
  OwningOpRef<ModuleOp> module(ModuleOp::create(kernel.getLoc()));
  OpBuilder b(context);
  (*module)->setAttr(spirv::getTargetEnvAttrName(), target);
  (*module)->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                     b.getUnitAttr());
  b.setInsertionPointToStart(module->getBody());
  auto kernels = gpu::GPUModuleOp::create(b, kernel.getLoc(), "kernels");
  b.setInsertionPointToStart(kernels.getBody());
  auto copy = cast<gpu::GPUFuncOp>(b.clone(*kernel));
  SmallVector<int32_t, 3> size(*kernel.getKnownBlockSize());
  copy->setAttr(spirv::getEntryPointABIAttrName(),
                spirv::getEntryPointABIAttr(context, size));
  spirv::MemorySpaceToStorageClassConverter converter(mapMemorySpace);
  spirv::convertMemRefTypesAndAttrs(kernels, converter);
  lowerFeatures(kernels);
  return module;
}

static LogicalResult convert(ModuleOp module, spirv::TargetEnvAttr target) {
  PassManager manager(module.getContext());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createConvertMathToSPIRVPass());
  manager.addPass(createConvertGPUToSPIRVPass());
  OpPassManager &inner = manager.nest<spirv::ModuleOp>();
  inner.addPass(createCanonicalizerPass());
  inner.addPass(createCSEPass());
  inner.addPass(spirv::createSPIRVLowerABIAttributesPass());
  if (failed(manager.run(module)))
    return failure();
  // Upstream knows capabilities of extensions as part of later versions alone,
  // in which the interface would be another.
  auto triple = spirv::VerCapExtAttr::get(
      spirv::Version::V_1_6, llvm::to_vector(target.getCapabilities()),
      llvm::to_vector(target.getExtensions()), module.getContext());
  module->setAttr(
      spirv::getTargetEnvAttrName(),
      spirv::TargetEnvAttr::get(triple, target.getResourceLimits(),
                                target.getClientAPI(), target.getVendorID(),
                                target.getDeviceType(), target.getDeviceID()));
  PassManager deduce(module.getContext());
  deduce.nest<spirv::ModuleOp>().addPass(spirv::createSPIRVUpdateVCEPass());
  return deduce.run(module);
}

FailureOr<std::vector<SPIRVKernel>> lowbit::convertToSPIRV(ModuleOp module) {
  std::vector<SPIRVKernel> result;
  for (auto kernels : module.getOps<gpu::GPUModuleOp>())
    for (auto kernel : kernels.getOps<gpu::GPUFuncOp>()) {
      FailureOr<spirv::TargetEnvAttr> wanted =
          addFeatures(kernel, getGPUTarget(module));
      if (failed(wanted))
        return failure();
      spirv::TargetEnvAttr target = *wanted;
      OwningOpRef<ModuleOp> alone = isolate(kernel, target);
      if (failed(convert(*alone, target)))
        return failure();
      spirv::ModuleOp binary = *alone->getOps<spirv::ModuleOp>().begin();
      auto needed = binary.getVceTriple();
      // The version of the target, and its extensions.
      spirv::VerCapExtAttr declared = spirv::VerCapExtAttr::get(
          target.getVersion(), llvm::to_vector(needed->getCapabilities()),
          llvm::to_vector(target.getExtensions()), module.getContext());
      binary.setVceTripleAttr(declared);
      SmallVector<uint32_t, 0> words;
      if (failed(spirv::serialize(binary, words)))
        return failure();
      SPIRVKernel &entry = result.emplace_back();
      entry.name = kernel.getName().str();
      entry.words.assign(words.begin(), words.end());
      entry.version = spirv::stringifyVersion(declared.getVersion()).substr(1);
      for (spirv::Capability capability : declared.getCapabilities())
        entry.capabilities.push_back(
            spirv::stringifyCapability(capability).str());
      for (spirv::Extension extension : declared.getExtensions())
        entry.extensions.push_back(spirv::stringifyExtension(extension).str());
    }
  return std::move(result);
}

llvm::json::Object lowbit::toJSON(const SPIRVKernel &kernel) {
  return llvm::json::Object{
      {"name", kernel.name},
      {"bytes", static_cast<int64_t>(kernel.words.size() * 4)},
      {"version", kernel.version},
      {"capabilities", llvm::json::Array(kernel.capabilities)},
      {"extensions", llvm::json::Array(kernel.extensions)}};
}
