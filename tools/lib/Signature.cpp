//===- Signature.cpp - What a module offers to its caller -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads `@main` and the globals; changes nothing.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Signature.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/ElementTypes.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringSet.h"

using namespace lowbit;

/// Describes one argument or result of `@main`.
static llvm::Expected<TensorSpec>
makeSpec(mlir::Type type, mlir::StringAttr name, mlir::ArrayAttr dimensions,
         llvm::StringRef kind, unsigned index) {
  TensorSpec spec;
  spec.name = name ? name.str() : (kind + llvm::Twine(index)).str();
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  std::optional<ElementType> element =
      tensor ? getElementType(tensor.getElementType()) : std::nullopt;
  if (!element)
    return makeError(kind + " '" + spec.name + "' of '@" + kMainFunction +
                     "' must be a ranked tensor of whole bytes");
  spec.type = *element;
  for (int64_t extent : tensor.getShape())
    spec.shape.push_back(mlir::ShapedType::isDynamic(extent) ? -1 : extent);
  if (dimensions)
    for (auto dimension : dimensions.getAsRange<mlir::StringAttr>())
      spec.dimensions.push_back(dimension.str());
  return spec;
}

/// Notes at the arguments whose elements index embedding tables how many rows
/// those have. Indices may be widened and reshaped on the way.
static void findTables(mlir::FunctionOpInterface function,
                       std::vector<TensorSpec> &inputs) {
  function.walk([&](EmbeddingOp embedding) {
    mlir::Value indices = embedding.getIndices();
    while (mlir::Operation *op = indices.getDefiningOp()) {
      if (!llvm::isa<mlir::tensor::CastOp, mlir::tensor::CollapseShapeOp,
                     mlir::tensor::ExpandShapeOp, mlir::arith::ExtSIOp>(op))
        return;
      indices = op->getOperand(0);
    }
    auto argument = llvm::cast<mlir::BlockArgument>(indices);
    if (argument.getOwner() != &function.getFunctionBody().front())
      return;
    TensorSpec &spec = inputs[argument.getArgNumber()];
    int64_t rows = llvm::cast<mlir::ShapedType>(embedding.getWeight().getType())
                       .getDimSize(0);
    bool isSigned =
        spec.type == ElementType::I64 || spec.type == ElementType::I32;
    if (isSigned && (spec.tableRows == 0 || rows < spec.tableRows))
      spec.tableRows = rows;
  });
}

llvm::Expected<Signature> lowbit::getSignature(mlir::ModuleOp module) {
  auto function = module.lookupSymbol<mlir::FunctionOpInterface>(kMainFunction);
  if (!function || function.isExternal())
    return makeError("the module has no function '@" + kMainFunction + "'");
  Signature signature;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto name = function.getArgAttrOfType<mlir::StringAttr>(i, kNameAttrName);
    auto dimensions =
        function.getArgAttrOfType<mlir::ArrayAttr>(i, kDimensionsAttrName);
    llvm::Expected<TensorSpec> spec =
        makeSpec(type, name, dimensions, "input", i);
    if (!spec)
      return spec.takeError();
    signature.inputs.push_back(std::move(*spec));
  }
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    auto name =
        function.getResultAttrOfType<mlir::StringAttr>(i, kNameAttrName);
    auto dimensions =
        function.getResultAttrOfType<mlir::ArrayAttr>(i, kDimensionsAttrName);
    llvm::Expected<TensorSpec> spec =
        makeSpec(type, name, dimensions, "output", i);
    if (!spec)
      return spec.takeError();
    signature.outputs.push_back(std::move(*spec));
  }
  for (const auto *specs : {&signature.inputs, &signature.outputs}) {
    llvm::StringSet<> names;
    for (const TensorSpec &spec : *specs)
      if (!names.insert(spec.name).second)
        return makeError("inputs and outputs of '@" + kMainFunction +
                         "' require names of their own, found two called '" +
                         spec.name + "'");
  }
  findTables(function, signature.inputs);
  return signature;
}

WeightSize lowbit::getWeightSize(mlir::ModuleOp module) {
  WeightSize quantized, matrices;
  module.walk([&](GlobalOp global) {
    auto type = llvm::cast<mlir::ShapedType>(global.getType());
    bool isQuantized = llvm::isa<QuantizedTensorType>(type);
    if (!type.hasStaticShape() || (!isQuantized && type.getRank() < 2))
      return;
    WeightSize &size = isQuantized ? quantized : matrices;
    size.weights += type.getNumElements();
    size.bytes += global.getStoredBytes();
  });
  return quantized.weights != 0 ? quantized : matrices;
}
