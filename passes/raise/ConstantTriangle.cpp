//===- ConstantTriangle.cpp - masks that models store ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantTriangle.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// A place in a tensor as functions of the position.
struct Place {
  Value tensor;
  SmallVector<AffineExpr> indices;
};

/// A matrix of numbers of one width, as bits.
class Bits {
public:
  static std::optional<Bits> get(ElementsAttr data);
  uint64_t at(int64_t i) const {
    if (packed)
      return *(packed.value_begin<bool>() + i);
    uint64_t bits = 0;
    memcpy(&bits, bytes.data() + i * width, width);
    return bits;
  }
  double toNumber(uint64_t bits) const;

private:
  Type type;
  DenseElementsAttr packed;
  ArrayRef<char> bytes;
  unsigned width = 1;
};
} // namespace

std::optional<Bits> Bits::get(ElementsAttr data) {
  Bits bits;
  bits.type = data.getElementType();
  auto dense = dyn_cast<DenseElementsAttr>(data);
  if (dense && dense.isSplat())
    return std::nullopt;
  // A bit for each truth value is MLIR's private packing.
  if (dense && bits.type.isInteger(1)) {
    bits.packed = dense;
    return bits;
  }
  bits.bytes = getRawBytes(data);
  bits.width = bits.bytes.size() / data.getNumElements();
  bool isWhole = bits.width > 0 && bits.width <= 8 &&
                 bits.bytes.size() % data.getNumElements() == 0;
  return isWhole ? std::optional(bits) : std::nullopt;
}

double Bits::toNumber(uint64_t bits) const {
  unsigned count = type.getIntOrFloatBitWidth();
  APInt integer(count, bits, /*isSigned=*/false, /*implicitTrunc=*/true);
  if (auto floats = dyn_cast<FloatType>(type)) {
    APFloat number(floats.getFloatSemantics(), integer);
    return FloatAttr::get(type, number).getValueAsDouble();
  }
  return integer.roundToDouble(/*isSigned=*/count != 1 &&
                               !type.isUnsignedInteger());
}

/// Goes back from `element` to the tensor whose data are constant.
static std::optional<Place> findSource(const Element &element, Places &places) {
  Place place{element.value, llvm::to_vector(element.map.getResults())};
  while (auto slice = place.tensor.getDefiningOp<tensor::ExtractSliceOp>()) {
    if (!slice.hasUnitStride())
      return std::nullopt;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    SmallVector<AffineExpr> indices;
    unsigned next = 0;
    for (auto [i, offset] : llvm::enumerate(slice.getMixedOffsets())) {
      AffineExpr first = places.get(offset);
      if (!first)
        return std::nullopt;
      indices.push_back(dropped[i] ? first : place.indices[next++] + first);
    }
    place = {slice.getSource(), indices};
  }
  return place;
}

static ElementsAttr getData(Value tensor) {
  ElementsAttr data;
  if (auto weight = tensor.getDefiningOp<WeightOp>()) {
    if (GlobalOp global = weight.getGlobalOp())
      data = global.getComponent(component::kData);
  } else {
    matchPattern(tensor, m_Constant(&data));
  }
  return data && data.getElementType().isIntOrFloat() ? data : ElementsAttr();
}

/// The column of the diagonal in row 0, if all up to it is one number and all
/// behind it another.
static std::optional<int64_t> findDiagonal(const Bits &bits, int64_t rows,
                                           int64_t columns) {
  uint64_t below = bits.at((rows - 1) * columns), above = bits.at(columns - 1);
  if (below == above)
    return std::nullopt;
  int64_t diagonal = -1;
  while (bits.at(diagonal + 1) == below)
    ++diagonal;
  if (diagonal < 0)
    while (bits.at(-diagonal * columns) == above)
      --diagonal;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      if (bits.at(i * columns + j) != (j <= i + diagonal ? below : above))
        return std::nullopt;
  return diagonal;
}

std::optional<ConstantTriangle> lowbit::matchTriangle(const Element &element,
                                                      Places &places) {
  std::optional<Place> place = findSource(element, places);
  if (!place)
    return std::nullopt;
  auto type = cast<RankedTensorType>(place->tensor.getType());
  int64_t rank = type.getRank();
  ElementsAttr data = rank < 2 ? ElementsAttr() : getData(place->tensor);
  if (!data || type.getNumElements() !=
                   type.getDimSize(rank - 1) * type.getDimSize(rank - 2))
    return std::nullopt;
  int64_t rows = type.getDimSize(rank - 2), columns = type.getDimSize(rank - 1);
  std::optional<Bits> bits;
  if (rows > 1 && columns > 1)
    bits = Bits::get(data);
  std::optional<int64_t> diagonal;
  if (bits)
    diagonal = findDiagonal(*bits, rows, columns);
  if (!diagonal)
    return std::nullopt;
  AffineExpr distance =
      place->indices[rank - 2] + *diagonal - place->indices[rank - 1];
  return ConstantTriangle{bits->toNumber(bits->at((rows - 1) * columns)),
                          bits->toNumber(bits->at(columns - 1)), distance};
}
