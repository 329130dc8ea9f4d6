//===- ConstantData.cpp - numbers that front ends write as constants ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Codes of fewer than 8 bits are stored by MLIR with a byte each, and by
// exporters that write resources as a dense stream, too; the size tells.
//
//===----------------------------------------------------------------------===//

#include "ConstantData.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Finding
//===----------------------------------------------------------------------===//

/// The initial value of the global that `op` loads, if it can't change.
static std::optional<NamedConstant>
findLoaded(ml_program::GlobalLoadConstOp op) {
  auto global = SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(
      op, op.getGlobalAttr());
  auto data = global ? dyn_cast_or_null<ElementsAttr>(
                           global.getValue().value_or(Attribute()))
                     : ElementsAttr();
  if (!data || global.getIsMutable())
    return std::nullopt;
  return NamedConstant{data, global.getSymName().str()};
}

static std::string nameOf(Operation *op, ElementsAttr data) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data))
    return resource.getRawHandle().getKey().str();
  if (auto location = op->getLoc()->findInstanceOf<NameLoc>())
    return location.getName().str();
  return "weight";
}

/// Whether `data` are at hand, as numbers or in bytes.
static bool hasData(ElementsAttr data) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data))
    return resource.getRawHandle().getBlob();
  return data.getElementType().isIntOrFloat() && !isHugeSplat(data);
}

std::optional<NamedConstant> lowbit::findConstant(Value value) {
  Operation *op = value.getDefiningOp();
  while (
      op &&
      isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(op))
    op = op->getOperand(0).getDefiningOp();
  if (!op)
    return std::nullopt;
  std::optional<NamedConstant> result;
  if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op)) {
    result = findLoaded(load);
  } else if (auto weight = dyn_cast<WeightOp>(op)) {
    GlobalOp global = weight.getGlobalOp();
    if (ElementsAttr data =
            global ? global.getComponent(component::kData) : ElementsAttr())
      result = NamedConstant{data, global.getSymName().str()};
  } else if (ElementsAttr data; matchPattern(op, m_Constant(&data))) {
    result = NamedConstant{data, nameOf(op, data)};
  }
  if (result && !hasData(result->data))
    return std::nullopt;
  return result;
}

std::string lowbit::describeOrigin(Value value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument) {
    os << "the result of '" << value.getDefiningOp()->getName() << "'";
    return text;
  }
  os << "argument #" << argument.getArgNumber();
  if (auto function =
          dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp()))
    os << " of @" << function.getName();
  return text;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The bytes of `data`, which aren't a splat, however many there are.
static ArrayRef<char> getBytes(ElementsAttr data) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data))
    return resource.getRawHandle().getBlob()->getData();
  return getRawBytes(data);
}

/// Codes of `width` bits from a dense stream, low bits first.
static std::vector<uint8_t> unpackStream(ArrayRef<char> bytes, int64_t count,
                                         unsigned width) {
  std::vector<uint8_t> codes(count);
  for (int64_t i = 0; i < count; ++i)
    for (unsigned bit = 0; bit < width; ++bit) {
      int64_t address = i * width + bit;
      codes[i] |= ((bytes[address / 8] >> (address % 8)) & 1) << bit;
    }
  return codes;
}

std::optional<std::vector<uint8_t>> lowbit::readCodes(ElementsAttr data,
                                                      std::string &reason) {
  // Types that MLIR has no width for, such as TOSA's mxint8, are bytes.
  Type element = data.getElementType();
  unsigned width = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 8;
  int64_t count = data.getNumElements();
  if (width > 8) {
    llvm::raw_string_ostream(reason)
        << "codes of at most 8 bits are required, found " << element;
    return std::nullopt;
  }
  uint8_t mask = (1u << width) - 1;
  if (auto dense = dyn_cast<DenseElementsAttr>(data)) {
    auto toBits = [&](Attribute attribute) -> uint8_t {
      if (auto number = dyn_cast<FloatAttr>(attribute))
        return number.getValue().bitcastToAPInt().getZExtValue();
      return cast<IntegerAttr>(attribute).getValue().getZExtValue() & mask;
    };
    if (dense.isSplat())
      return std::vector<uint8_t>(count,
                                  toBits(dense.getSplatValue<Attribute>()));
    // One bit per element of i1 is MLIR's private packing.
    if (width == 1) {
      std::vector<uint8_t> codes;
      for (const APInt &value : dense.getValues<APInt>())
        codes.push_back(value.getZExtValue());
      return codes;
    }
  }
  ArrayRef<char> bytes = getBytes(data);
  if (bytes.size() == static_cast<size_t>(count)) {
    std::vector<uint8_t> codes(bytes.begin(), bytes.end());
    for (uint8_t &code : codes)
      code &= mask;
    return codes;
  }
  if (bytes.size() == llvm::divideCeil(count * width, 8))
    return unpackStream(bytes, count, width);
  llvm::raw_string_ostream(reason)
      << "a byte for each of " << count << " codes, or a dense stream of "
      << width << " bits each, is required, found " << bytes.size() << " bytes";
  return std::nullopt;
}

/// The elements of a resource whose elements are whole bytes.
template <typename T>
static std::vector<float> convertAll(ArrayRef<char> bytes) {
  std::vector<float> numbers(bytes.size() / sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    T value;
    memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    numbers[i] = static_cast<float>(value);
  }
  return numbers;
}

/// One number of `bits` in the format of `type`.
static float toFloat(FloatType type, const APInt &bits) {
  APFloat number(type.getFloatSemantics(), bits);
  bool losesInfo;
  number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.convertToFloat();
}

static std::optional<std::vector<float>>
readRawNumbers(ArrayRef<char> bytes, Type type, bool isSigned) {
  if (type.isF32())
    return convertAll<float>(bytes);
  if (type.isInteger(8))
    return isSigned ? convertAll<int8_t>(bytes) : convertAll<uint8_t>(bytes);
  if (type.isInteger(32))
    return isSigned ? convertAll<int32_t>(bytes) : convertAll<uint32_t>(bytes);
  if (type.isInteger(64))
    return isSigned ? convertAll<int64_t>(bytes) : convertAll<uint64_t>(bytes);
  auto number = dyn_cast<FloatType>(type);
  if (!number || (number.getWidth() != 8 && number.getWidth() != 16))
    return std::nullopt;
  std::vector<float> numbers;
  for (size_t i = 0, step = number.getWidth() / 8; i < bytes.size();
       i += step) {
    uint64_t bits = 0;
    memcpy(&bits, bytes.data() + i, step);
    numbers.push_back(toFloat(number, APInt(number.getWidth(), bits)));
  }
  return numbers;
}

std::optional<std::vector<float>>
lowbit::readNumbers(ElementsAttr data, bool isSigned, std::string &reason) {
  Type type = data.getElementType();
  if (auto integer = dyn_cast<IntegerType>(type);
      integer && !integer.isSignless())
    isSigned = integer.isSigned();
  std::optional<std::vector<float>> numbers;
  auto dense = dyn_cast<DenseElementsAttr>(data);
  if (dense && isa<FloatType>(type)) {
    numbers.emplace();
    for (const APFloat &value : dense.getValues<APFloat>())
      numbers->push_back(
          toFloat(cast<FloatType>(type), value.bitcastToAPInt()));
  } else if (dense && isa<IntegerType>(type)) {
    numbers.emplace();
    for (const APInt &value : dense.getValues<APInt>())
      numbers->push_back(value.roundToDouble(isSigned));
  } else if (type.isIntOrFloat()) {
    numbers = readRawNumbers(getRawBytes(data), type, isSigned);
  }
  if (numbers && numbers->size() == static_cast<size_t>(data.getNumElements()))
    return numbers;
  llvm::raw_string_ostream(reason)
      << "parameters must be floats of 8 to 64 bits or integers with all their "
         "data, found "
      << data.getShapedType();
  return std::nullopt;
}
