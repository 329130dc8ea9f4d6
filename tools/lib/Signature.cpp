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
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace lowbit;

/// What callers know an argument or result by; `kind` is input or output.
static std::string getTensorName(mlir::DictionaryAttr attributes,
                                 llvm::StringRef kind, unsigned index) {
  auto name = attributes ? attributes.getAs<mlir::StringAttr>(kNameAttrName)
                         : mlir::StringAttr();
  return name ? name.str() : (kind + llvm::Twine(index)).str();
}

/// Callers know tensors of one `kind` by their names alone.
static llvm::Error checkNames(llvm::ArrayRef<std::string> names,
                              llvm::StringRef kind, llvm::StringRef function) {
  llvm::StringMap<size_t> known;
  for (auto [i, name] : llvm::enumerate(names)) {
    auto [first, isNew] = known.try_emplace(name, i);
    if (!isNew)
      return makeError(kind + "s of '@" + function +
                       "' require names of their own, found '" + name +
                       "' for " + kind + " " + llvm::Twine(first->second) +
                       " and for " + kind + " " + llvm::Twine(i) +
                       "; rename one of them in the model, or take it out");
  }
  return llvm::Error::success();
}

llvm::Error lowbit::checkNames(mlir::FunctionOpInterface function) {
  std::vector<std::string> inputs, outputs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    inputs.push_back(getTensorName(function.getArgAttrDict(i), "input", i));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    outputs.push_back(
        getTensorName(function.getResultAttrDict(i), "output", i));
  if (llvm::Error error = ::checkNames(inputs, "input", function.getName()))
    return error;
  return ::checkNames(outputs, "output", function.getName());
}

/// Describes one argument or result of `@function`.
static llvm::Expected<TensorSpec> makeSpec(mlir::Type type,
                                           mlir::DictionaryAttr attributes,
                                           llvm::StringRef kind, unsigned index,
                                           llvm::StringRef function) {
  mlir::NamedAttrList list(attributes);
  auto dimensions =
      llvm::cast_or_null<mlir::ArrayAttr>(list.get(kDimensionsAttrName));
  TensorSpec spec;
  spec.name = getTensorName(attributes, kind, index);
  if (list.get(kUnsignedAttrName))
    type = makeUnsigned(type);
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  std::optional<ElementType> element =
      tensor ? getElementType(tensor.getElementType()) : std::nullopt;
  if (!element)
    return makeError(kind + " '" + spec.name + "' of '@" + function +
                     "' must be a ranked tensor of whole bytes");
  spec.type = *element;
  for (int64_t extent : tensor.getShape())
    spec.shape.push_back(mlir::ShapedType::isDynamic(extent) ? -1 : extent);
  if (dimensions)
    for (auto dimension : dimensions.getAsRange<mlir::StringAttr>())
      spec.dimensions.push_back(dimension.str());
  return spec;
}

llvm::SmallVector<int64_t>
lowbit::findIndexedRows(mlir::FunctionOpInterface function) {
  llvm::SmallVector<int64_t> found(function.getNumArguments(), 0);
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
    int64_t &least = found[argument.getArgNumber()];
    int64_t rows = llvm::cast<mlir::ShapedType>(embedding.getWeight().getType())
                       .getDimSize(0);
    mlir::Type type = mlir::getElementTypeOrSelf(argument.getType());
    bool isSigned =
        (type.isSignlessInteger(64) || type.isSignlessInteger(32)) &&
        !function.getArgAttr(argument.getArgNumber(), kUnsignedAttrName);
    if (isSigned && (least == 0 || rows < least))
      least = rows;
  });
  return found;
}

/// Reads one dictionary of the module's requirements.
static llvm::Expected<Requirement> readRequirement(mlir::Attribute attribute,
                                                   const Signature &signature) {
  auto fields = llvm::dyn_cast<mlir::DictionaryAttr>(attribute);
  auto text = fields ? fields.getAs<mlir::StringAttr>("text") : nullptr;
  auto dims = fields ? fields.getAs<mlir::DenseI64ArrayAttr>("dims") : nullptr;
  auto holds = fields ? fields.getAs<mlir::IntegerSetAttr>("holds") : nullptr;
  if (!text || !dims || !holds || holds.getValue().getNumSymbols() != 0 ||
      size_t(dims.size()) != 2 * holds.getValue().getNumDims())
    return makeError("'" + kRequiresAttrName +
                     "' must list dictionaries of text, dims and holds");
  for (size_t i = 0; i < size_t(dims.size()); i += 2) {
    size_t input = dims[i], axis = dims[i + 1];
    if (input >= signature.inputs.size() ||
        axis >= signature.inputs[input].shape.size())
      return makeError("'" + kRequiresAttrName + "': there is no axis " +
                       llvm::Twine(axis) + " of input " + llvm::Twine(input));
  }
  return Requirement{text.str(),
                     llvm::SmallVector<int64_t, 4>(dims.asArrayRef()),
                     holds.getValue()};
}

static llvm::Error readRequirements(mlir::ModuleOp module,
                                    Signature &signature) {
  mlir::Attribute attribute = module->getAttr(kRequiresAttrName);
  if (!attribute)
    return llvm::Error::success();
  auto list = llvm::dyn_cast<mlir::ArrayAttr>(attribute);
  if (!list)
    return makeError("'" + kRequiresAttrName + "' must be an array");
  for (mlir::Attribute entry : list) {
    llvm::Expected<Requirement> one = readRequirement(entry, signature);
    if (!one)
      return one.takeError();
    signature.requirements.push_back(std::move(*one));
  }
  return llvm::Error::success();
}

static bool satisfies(const Requirement &requirement,
                      llvm::ArrayRef<HostTensor> inputs) {
  mlir::IntegerSet set = requirement.holds;
  llvm::SmallVector<mlir::AffineExpr> extents;
  for (size_t i = 0; i < requirement.dims.size(); i += 2)
    extents.push_back(mlir::getAffineConstantExpr(
        inputs[requirement.dims[i]].getShape()[requirement.dims[i + 1]],
        set.getContext()));
  for (auto [i, constraint] : llvm::enumerate(set.getConstraints())) {
    auto value = llvm::dyn_cast<mlir::AffineConstantExpr>(
        constraint.replaceDims(extents));
    if (!value || (set.isEq(i) ? value.getValue() != 0 : value.getValue() < 0))
      return false;
  }
  return true;
}

llvm::Error lowbit::checkRequirements(const Signature &signature,
                                      llvm::ArrayRef<HostTensor> inputs) {
  for (const Requirement &requirement : signature.requirements) {
    if (satisfies(requirement, inputs))
      continue;
    std::string found;
    for (size_t i = 0; i < requirement.dims.size(); i += 2) {
      size_t input = requirement.dims[i], axis = requirement.dims[i + 1];
      found += (found.empty() ? "" : ", ") +
               llvm::utostr(inputs[input].getShape()[axis]) + " as dimension " +
               llvm::utostr(axis) + " of input '" +
               signature.inputs[input].name + "'";
    }
    return makeError("the model requires " + requirement.text + ", found " +
                     found);
  }
  return llvm::Error::success();
}

llvm::Expected<Signature> lowbit::getSignature(mlir::ModuleOp module,
                                               llvm::StringRef name) {
  auto function = module.lookupSymbol<mlir::FunctionOpInterface>(name);
  if (!function || function.isExternal())
    return makeError("the module has no function '@" + name + "'");
  Signature signature;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    llvm::Expected<TensorSpec> spec =
        makeSpec(type, function.getArgAttrDict(i), "input", i, name);
    if (!spec)
      return spec.takeError();
    signature.inputs.push_back(std::move(*spec));
  }
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    llvm::Expected<TensorSpec> spec =
        makeSpec(type, function.getResultAttrDict(i), "output", i, name);
    if (!spec)
      return spec.takeError();
    signature.outputs.push_back(std::move(*spec));
  }
  if (llvm::Error error = checkNames(function))
    return std::move(error);
  for (auto [spec, rows] :
       llvm::zip_equal(signature.inputs, findIndexedRows(function)))
    spec.tableRows = rows;
  if (llvm::Error error = readRequirements(module, signature))
    return std::move(error);
  return signature;
}

WeightSize lowbit::getWeightSize(mlir::ModuleOp module) {
  WeightSize quantized, matrices;
  uint64_t allBytes = 0;
  module.walk([&](GlobalOp global) {
    auto type = llvm::cast<mlir::ShapedType>(global.getType());
    allBytes += global.getStoredBytes();
    bool isQuantized = llvm::isa<QuantizedTensorType>(type);
    if (!type.hasStaticShape() || (!isQuantized && type.getRank() < 2))
      return;
    WeightSize &size = isQuantized ? quantized : matrices;
    size.weights += type.getNumElements();
    size.bytes += global.getStoredBytes();
  });
  WeightSize result = quantized.weights != 0 ? quantized : matrices;
  result.allBytes = allBytes;
  return result;
}
