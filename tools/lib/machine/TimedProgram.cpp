//===- TimedProgram.cpp - code to take the time of ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/TimedProgram.h"
#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Parser/Parser.h"
#include <cstring>
#include <random>

using namespace lowbit;

static constexpr size_t kCacheLine = 64;

HostTensor lowbit::createNumbers(llvm::ArrayRef<int64_t> shape) {
  HostTensor tensor = HostTensor::allocate(ElementType::F32, shape);
  std::minstd_rand generator(1);
  std::normal_distribution<float> normal(0, 0.02f);
  for (float &value : tensor.getMutableAs<float>())
    value = normal(generator);
  return tensor;
}

mlir::OwningOpRef<mlir::ModuleOp>
lowbit::createLayer(mlir::MLIRContext &context, int64_t n, int64_t k) {
  std::string in = std::to_string(k) + "xf32>",
              out = std::to_string(n) + "xf32>";
  std::string weight = "tensor<" + std::to_string(n) + "x" + in;
  std::string text =
      "lowbit.global @w : " + weight + " {data = dense<0.5> : " + weight +
      "}\nfunc.func @main(%x: tensor<?x" + in + ") -> tensor<?x" + out +
      " {\n%w = lowbit.weight @w : " + weight +
      "\n%y = lowbit.linear %x, %w : tensor<?x" + in + ", " + weight +
      " -> tensor<?x" + out + "\nreturn %y : tensor<?x" + out + "\n}\n";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto global = *module->getOps<GlobalOp>().begin();
  HostTensor numbers = createNumbers({n, k});
  auto data = mlir::DenseResourceElementsAttr::get(
      mlir::cast<mlir::ShapedType>(global.getType()), "w",
      mlir::HeapAsmResourceBlob::allocateAndCopyWithAlign(
          numbers.getBytes(), 64, /*dataIsMutable=*/false));
  mlir::Builder builder(&context);
  global.setComponentsAttr(
      builder.getDictionaryAttr(builder.getNamedAttr(component::kData, data)));
  return module;
}

/// The weights that lowered code reads, in the order of its table.
static llvm::Expected<std::vector<llvm::ArrayRef<char>>>
getWeights(mlir::ModuleOp module) {
  std::vector<llvm::ArrayRef<char>> weights;
  auto data = module->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
  auto table = module->getAttrOfType<mlir::ArrayAttr>(kWeightTableAttrName);
  if (!table || !data)
    return weights;
  for (mlir::Attribute name : table) {
    mlir::Attribute bytes = data.get(mlir::cast<mlir::StringAttr>(name));
    // Small ones are in the IR itself.
    auto dense = mlir::dyn_cast_or_null<mlir::DenseElementsAttr>(bytes);
    auto resource =
        mlir::dyn_cast_or_null<mlir::DenseResourceElementsAttr>(bytes);
    if (dense && (!dense.isSplat() || dense.getNumElements() == 1))
      weights.push_back(dense.getRawData());
    else if (resource)
      weights.push_back(resource.getRawHandle().getBlob()->getData());
    else
      return makeError("taking the time requires weights that are resources, "
                       "or of numbers that differ");
  }
  return weights;
}

llvm::Expected<std::unique_ptr<TimedProgram>>
TimedProgram::create(mlir::OwningOpRef<mlir::ModuleOp> module, Phase done,
                     const CompileOptions &options) {
  auto first = static_cast<Phase>(static_cast<int>(done) + 1);
  if (llvm::Error error = compileModule(*module, Phase::Lower, options, first))
    return std::move(error);
  DiagnosticText errors(*module->getContext());
  mlir::PassManager manager(module->getContext());
  manager.addPass(createCPUWeightTablePass());
  if (mlir::failed(manager.run(*module)))
    return errors.takeError("a pass failed without a reason");
  auto result = std::make_unique<TimedProgram>();
  auto weights = getWeights(*module);
  if (!weights)
    return weights.takeError();
  result->weights = std::move(*weights);
  ExecutableOptions execution;
  execution.cpu = options.cpu;
  auto code = Executable::create(*module, execution);
  if (!code)
    return code.takeError();
  result->code = std::move(*code);
  result->module = std::move(module);
  return std::move(result);
}

size_t TimedProgram::copyBytes() const {
  size_t bytes = 0;
  for (llvm::ArrayRef<char> weight : weights)
    bytes += llvm::alignTo(weight.size(), kCacheLine);
  return bytes;
}

size_t TimedProgram::packedBytes() const {
  size_t bytes = 0;
  for (llvm::ArrayRef<char> weight : weights)
    bytes += weight.size();
  return bytes;
}

std::vector<const void *> TimedProgram::copyWeights(char *to) const {
  std::vector<const void *> addresses;
  for (llvm::ArrayRef<char> weight : weights) {
    std::memcpy(to, weight.data(), weight.size());
    addresses.push_back(to);
    to += llvm::alignTo(weight.size(), kCacheLine);
  }
  return addresses;
}
