//===- KernelModule.cpp - the GPU kernels of a module ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelModule.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"

using namespace mlir;
using namespace lowbit;

Type lowbit::getWordType(Type element) {
  return isa<FloatType>(element) && element.getIntOrFloatBitWidth() > 8
             ? Type(Float32Type::get(element.getContext()))
             : Type(IntegerType::get(element.getContext(), 32));
}

std::array<int64_t, 3> lowbit::getGPUGrid(int64_t count) {
  int64_t y = llvm::divideCeil(count, kMostGPUWorkgroups);
  return {static_cast<int64_t>(llvm::divideCeil(count, y)), y, 1};
}

Value lowbit::named(Value value, StringRef name) {
  Location loc = NameLoc::get(StringAttr::get(value.getContext(), name));
  value.setLoc(loc);
  return value;
}

Index lowbit::named(Index index, StringRef name) {
  if (auto value = dyn_cast_if_present<Value>(index.value))
    named(value, name);
  return index;
}

void lowbit::describeKernel(gpu::GPUFuncOp kernel, const Twine &about) {
  kernel->setAttr(kGPUDescriptionAttrName,
                  StringAttr::get(kernel.getContext(), about));
}

void lowbit::describeBuffer(gpu::GPUFuncOp kernel, unsigned number,
                            StringRef name, const Twine &about) {
  Builder b(kernel.getContext());
  kernel.setArgAttr(number, kGPUNameAttrName, b.getStringAttr(name));
  if (StringAttr text = b.getStringAttr(about); !text.empty())
    kernel.setArgAttr(number, kGPUDescriptionAttrName, text);
}

/// The text of a kernel as if it had no name, at no place.
static std::string getText(gpu::GPUFuncOp kernel) {
  StringAttr name = kernel.getNameAttr();
  kernel.setName("kernel");
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os, OpPrintingFlags().useLocalScope().skipRegions(false));
  kernel.setName(name.getValue());
  return text;
}

KernelModule::KernelModule(ModuleOp module) : module(module) {
  kernels = module.lookupSymbol<gpu::GPUModuleOp>(kGPUKernelModuleName);
  if (kernels)
    for (auto kernel : kernels.getOps<gpu::GPUFuncOp>())
      known[getText(kernel)] = kernel.getName().str();
}

gpu::GPUModuleOp KernelModule::getModule() {
  if (kernels)
    return kernels;
  auto builder = OpBuilder::atBlockBegin(module.getBody());
  kernels =
      gpu::GPUModuleOp::create(builder, module.getLoc(), kGPUKernelModuleName);
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  return kernels;
}

gpu::GPUFuncOp KernelModule::begin(StringRef name, TypeRange arguments,
                                   std::array<int64_t, 3> workgroupSize,
                                   ImplicitLocOpBuilder &builder) {
  builder.setInsertionPointToEnd(getModule().getBody());
  auto kernel = gpu::GPUFuncOp::create(builder, name,
                                       builder.getFunctionType(arguments, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  builder.getUnitAttr());
  SmallVector<int32_t> sizes(workgroupSize.begin(), workgroupSize.end());
  kernel.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr(sizes));
  builder.setInsertionPointToStart(&kernel.getBody().front());
  return kernel;
}

SymbolRefAttr KernelModule::finish(gpu::GPUFuncOp kernel) {
  MLIRContext *context = kernel.getContext();
  auto refer = [&](StringRef name) {
    return SymbolRefAttr::get(StringAttr::get(context, kGPUKernelModuleName),
                              {FlatSymbolRefAttr::get(context, name)});
  };
  auto [entry, isNew] = known.try_emplace(getText(kernel), "");
  if (!isNew) {
    kernel.erase();
    return refer(entry->second);
  }
  // Numbers tell apart kernels of one name.
  std::string base = kernel.getName().str(), name = base;
  auto isTaken = [&](StringRef candidate) {
    return llvm::any_of(
        kernels.getOps<gpu::GPUFuncOp>(), [&](gpu::GPUFuncOp other) {
          return other != kernel && other.getName() == candidate;
        });
  };
  for (unsigned i = 1; isTaken(name); ++i)
    name = base + "_" + std::to_string(i);
  kernel.setName(name);
  entry->second = name;
  return refer(name);
}
