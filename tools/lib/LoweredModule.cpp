//===- LoweredModule.cpp - what compiled code needs to run ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoweredModule.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/ElementTypes.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lowbit;

//===----------------------------------------------------------------------===//
// Signature
//===----------------------------------------------------------------------===//

static llvm::Error readTensors(mlir::TypeRange types, mlir::ArrayAttr names,
                               std::vector<TensorSpec> &specs) {
  for (auto [i, type] : llvm::enumerate(types)) {
    TensorSpec spec;
    spec.name = mlir::cast<mlir::StringAttr>(names[i]).str();
    auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
    std::optional<ElementType> element;
    if (tensor)
      element = getElementType(tensor.getElementType());
    if (!element)
      return makeError("'" + spec.name + "' must be a tensor of whole bytes");
    spec.type = *element;
    for (int64_t extent : tensor.getShape())
      spec.shape.push_back(mlir::ShapedType::isDynamic(extent) ? -1 : extent);
    specs.push_back(std::move(spec));
  }
  return llvm::Error::success();
}

llvm::Expected<Signature>
lowbit::getLoweredSignature(mlir::ModuleOp module, llvm::StringRef function) {
  std::string name = getSignatureAttrName(function);
  auto attr = module->getAttrOfType<mlir::DictionaryAttr>(name);
  if (!attr)
    return makeError("the module has no attribute '" + name +
                     "': it must come from lowbit-cpu-to-llvm and have a "
                     "function @" +
                     function);
  auto type = mlir::cast<mlir::FunctionType>(
      attr.getAs<mlir::TypeAttr>("type").getValue());
  auto get = [&](llvm::StringRef name) {
    return attr.getAs<mlir::ArrayAttr>(name);
  };
  Signature signature;
  if (llvm::Error error =
          readTensors(type.getInputs(), get("inputs"), signature.inputs))
    return std::move(error);
  if (llvm::Error error =
          readTensors(type.getResults(), get("outputs"), signature.outputs))
    return std::move(error);
  if (auto states = attr.getAs<mlir::DenseI64ArrayAttr>("states"))
    signature.states.append(states.asArrayRef().begin(),
                            states.asArrayRef().end());
  if (auto workspace = attr.getAs<mlir::IntegerAttr>("workspace"))
    signature.workspace = workspace.getInt();
  return signature;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

llvm::StringRef lowbit::getWeightName(llvm::StringRef symbol) {
  symbol.consume_front(kWeightSymbolPrefix);
  return symbol;
}

/// A splat written out: the attribute keeps one element only.
static llvm::Expected<llvm::ArrayRef<char>>
expandSplat(mlir::DenseElementsAttr dense, WeightStorage &storage) {
  // A line of text must not ask for any amount of memory.
  constexpr double kMaxBytes = 0x1p31;
  llvm::ArrayRef<char> element = dense.getRawData();
  double size = element.size();
  for (int64_t extent : dense.getType().getShape())
    size *= extent;
  if (size > kMaxBytes)
    return makeError("requires a splat of at most 2^31 bytes when written out, "
                     "found " +
                     llvm::formatv("{0:f0}", size).str());
  std::vector<char> &bytes = storage.emplace_back();
  bytes.reserve(size);
  for (int64_t i = 0, e = dense.getNumElements(); i < e; ++i)
    bytes.insert(bytes.end(), element.begin(), element.end());
  return llvm::ArrayRef<char>(bytes);
}

static llvm::Expected<llvm::ArrayRef<char>> getBytes(mlir::Attribute attr,
                                                     WeightStorage &storage) {
  if (auto resource =
          mlir::dyn_cast_or_null<mlir::DenseResourceElementsAttr>(attr))
    if (mlir::AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return blob->getData();
  auto dense = mlir::dyn_cast_or_null<mlir::DenseElementsAttr>(attr);
  if (!dense)
    return makeError("has no data");
  if (dense.isSplat() && dense.getNumElements() != 1)
    return expandSplat(dense, storage);
  return dense.getRawData();
}

llvm::Expected<SafetensorsEntry>
lowbit::getBoundWeight(mlir::ModuleOp module, llvm::StringRef symbol,
                       WeightStorage &storage) {
  llvm::StringRef name = getWeightName(symbol);
  auto fail = [&](const llvm::Twine &what) {
    return makeError("weight '" + name + "': " + what);
  };
  auto data = module->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
  auto attr = mlir::dyn_cast_or_null<mlir::ElementsAttr>(
      data ? data.get(symbol) : mlir::Attribute());
  llvm::Expected<llvm::ArrayRef<char>> bytes = getBytes(attr, storage);
  if (!bytes)
    return fail(llvm::toString(bytes.takeError()));
  std::optional<ElementType> type = getElementType(attr.getElementType());
  if (!type)
    return fail("requires elements of a type that sidecars hold, found " +
                llvm::formatv("{0}", attr.getElementType()).str());
  return SafetensorsEntry{
      name.str(), *type,
      llvm::SmallVector<int64_t, 4>(attr.getShapedType().getShape()), *bytes};
}
