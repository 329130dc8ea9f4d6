//===- LowbitComponents.cpp - the data of an encoding ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which components a quantized tensor has besides its codes, and their types
// (SPEC.md, components).
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lowbit;

/// Names of the parameters of quantized parameter `kind`.
static void appendStoredNames(MLIRContext *context, EncodingAttr stored,
                              StringRef kind,
                              SmallVectorImpl<StringRef> &names) {
  for (StringRef name : stored.getParameterNames())
    names.push_back(
        StringAttr::get(context, kind + component::kSeparator + name)
            .getValue());
}

SmallVector<StringRef, 4> EncodingAttr::getParameterNames() const {
  SmallVector<StringRef, 4> names{component::kScale};
  if (getZeroPoint() != ZeroPointKind::None)
    names.push_back(component::kZeroPoint);
  if (getMinimum())
    names.push_back(component::kMinimum);
  if (EncodingAttr stored = getStored())
    for (StringRef name : SmallVector<StringRef, 4>(names))
      if (name != component::kZeroPoint ||
          getZeroPoint() == ZeroPointKind::Fractional)
        appendStoredNames(getContext(), stored, name, names);
  if (getPermuted())
    names.push_back(component::kPermutation);
  if (getOuterScale() != OuterScaleKind::None)
    names.push_back(component::kOuterScale);
  if (getElement().getTableOwner() != numerics::TableOwner::Format)
    names.push_back(component::kTable);
  if (getColumnScale())
    names.append({component::kColumnScale, component::kColumnScaleScale});
  if (getMixed())
    names.push_back(component::kColumnPart);
  return names;
}

bool EncodingAttr::isPlaced(StringRef name, bool atom) {
  if (name == component::kScale || name == component::kZeroPoint ||
      name == component::kMinimum)
    return true;
  return atom && name != component::kPermutation &&
         name != component::kOuterScale && name != component::kTable &&
         name != component::kColumnScale &&
         name != component::kColumnScaleScale && name != component::kColumnPart;
}

/// The part of the name of a quantized parameter's parameter that says which it
/// is of that parameter; empty for others.
static StringRef getStoredPart(StringRef name) {
  for (StringRef kind :
       {component::kScale, component::kZeroPoint, component::kMinimum})
    if (name.consume_front(kind) && name.consume_front(component::kSeparator))
      return name;
  return {};
}

/// Type of `name`, a quantized parameter or a parameter of that.
static RankedTensorType getStoredType(EncodingAttr encoding, StringRef name,
                                      int64_t rows, int64_t columns) {
  EncodingAttr stored = encoding.getStored();
  std::array<int64_t, 2> shape =
      encoding.getGranularity().getParameterShape(rows, columns);
  bool isDynamic =
      ShapedType::isDynamic(shape[0]) || ShapedType::isDynamic(shape[1]);
  int64_t count = isDynamic ? ShapedType::kDynamic : shape[0] * shape[1];
  if (StringRef part = getStoredPart(name); !part.empty())
    return stored.getParameterType(part, 1, count);
  int64_t bytes = count;
  if (!isDynamic)
    bytes = llvm::divideCeil(count * stored.getCodeBits(), 8);
  return RankedTensorType::get({bytes},
                               IntegerType::get(encoding.getContext(), 8));
}

RankedTensorType EncodingAttr::getParameterType(StringRef name, int64_t rows,
                                                int64_t columns) const {
  if (name == component::kPermutation)
    return RankedTensorType::get({columns}, IntegerType::get(getContext(), 32));
  if (name == component::kOuterScale)
    return RankedTensorType::get(
        {getOuterScale() == OuterScaleKind::Tensor ? 1 : rows},
        Float32Type::get(getContext()));
  Type byte = IntegerType::get(getContext(), 8);
  auto getStream = [&](unsigned bits) {
    int64_t bytes = llvm::divideCeil(columns * bits, 8);
    return RankedTensorType::get({bytes}, byte);
  };
  if (name == component::kColumnPart)
    return getStream(llvm::Log2_64_Ceil(getMixed().getFormats().size()));
  if (name == component::kColumnScale)
    return getStream(getColumnScaleEncoding().getCodeBits());
  if (name == component::kColumnScaleScale)
    return RankedTensorType::get({1, 1}, getColumnScaleEncoding().getScale());
  if (name == component::kTable) {
    bool isPerRow = getElement().getTableOwner() == numerics::TableOwner::Row;
    return RankedTensorType::get(
        {isPerRow ? rows : 1, int64_t(1) << getCodeBits()}, byte);
  }
  bool isInteger =
      name == component::kZeroPoint && getZeroPoint() == ZeroPointKind::Integer;
  if (getStored() && !isInteger)
    return getStoredType(*this, name, rows, columns);
  return RankedTensorType::get(
      getGranularity().getParameterShape(rows, columns),
      isInteger ? byte : getScale());
}
