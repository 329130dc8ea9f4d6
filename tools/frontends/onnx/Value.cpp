//===- Value.cpp - what the importer knows about an ONNX value ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Value.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>

using namespace lowbit::frontend;
using llvm::APFloat;
using onnx::TensorProto;

bool Scalar::operator==(const Scalar &other) const {
  if (isReal != other.isReal)
    return false;
  // Bit equality: merging 0 with -0 would lose a sign, and NaN equals itself.
  return isReal ? std::memcmp(&real, &other.real, sizeof(real)) == 0
                : integer == other.integer;
}

std::optional<int64_t> lowbit::frontend::wholeNumber(const Scalar &scalar) {
  double number = scalar.isConstant() ? scalar.number() : NAN;
  if (number != std::trunc(number) || !(std::abs(number) <= double(maxExtent)))
    return std::nullopt;
  return int64_t(number);
}

bool lowbit::frontend::isFloat(int32_t type) {
  return type == TensorProto::FLOAT || type == TensorProto::DOUBLE ||
         type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16;
}

bool lowbit::frontend::isUnsigned(int32_t type) {
  return type == TensorProto::UINT8 || type == TensorProto::UINT16 ||
         type == TensorProto::UINT32 || type == TensorProto::UINT64 ||
         type == uint4Type;
}

bool lowbit::frontend::isBool(int32_t type) {
  return type == TensorProto::BOOL;
}

static const llvm::fltSemantics &semanticsOf(int32_t type) {
  switch (type) {
  case TensorProto::FLOAT16:
    return APFloat::IEEEhalf();
  case TensorProto::BFLOAT16:
    return APFloat::BFloat();
  case TensorProto::FLOAT:
    return APFloat::IEEEsingle();
  default:
    return APFloat::IEEEdouble();
  }
}

double lowbit::frontend::roundTo(int32_t type, double value) {
  APFloat number(value);
  bool losesInfo;
  number.convert(semanticsOf(type), APFloat::rmNearestTiesToEven, &losesInfo);
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.convertToDouble();
}

uint32_t lowbit::frontend::floatBits(int32_t type, float value) {
  APFloat number(value);
  bool losesInfo;
  number.convert(semanticsOf(type), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

int64_t lowbit::frontend::wrapTo(int32_t type, int64_t value) {
  if (isBool(type))
    return value != 0;
  unsigned bits = bitSize(type);
  if (bits == 64)
    return value;
  uint64_t low = uint64_t(value) & llvm::maskTrailingOnes<uint64_t>(bits);
  return isUnsigned(type) ? int64_t(low) : llvm::SignExtend64(low, bits);
}

bool Value::isConstant() const {
  constexpr int64_t maxKnown = 4096;
  if (weight)
    return true;
  std::optional<int64_t> count = size();
  return known && count && *count <= maxKnown &&
         llvm::all_of(*known, [](const Scalar &element) {
           return element.isConstant();
         });
}

std::optional<int64_t> Value::size() const {
  int64_t count = 1;
  for (const Expr &dim : dims)
    if (!dim.isConstant() || llvm::MulOverflow(count, dim.constant(), count))
      return std::nullopt;
  return count;
}

TensorData lowbit::frontend::unpacked(const TensorData &data) {
  unsigned width = bitSize(data.type);
  if (width >= 8)
    return data;
  auto elements = std::make_shared<std::vector<char>>(data.size());
  for (size_t i = 0; i < elements->size(); ++i) {
    size_t bit = i * width;
    (*elements)[i] =
        wrapTo(data.type, uint8_t(data.bytes[bit / 8]) >> (bit % 8));
  }
  TensorData result = data;
  result.bytes = *elements;
  result.owner = elements;
  return result;
}

template <typename Element>
static std::vector<Scalar> decodeAs(const TensorData &data) {
  std::vector<Scalar> elements;
  for (size_t at = 0; at < data.bytes.size(); at += sizeof(Element)) {
    Element element;
    std::memcpy(&element, data.bytes.data() + at, sizeof(element));
    if constexpr (std::is_floating_point_v<Element>)
      elements.push_back(Scalar::of(double(element)));
    else
      elements.push_back(Scalar::of(Expr(wrapTo(data.type, int64_t(element)))));
  }
  return elements;
}

static std::vector<Scalar> decodeHalves(const TensorData &data) {
  std::vector<Scalar> elements;
  for (const Scalar &bits : decodeAs<uint16_t>(data)) {
    APFloat number(semanticsOf(data.type),
                   llvm::APInt(16, bits.integer.constant() & 0xffff));
    bool losesInfo;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                   &losesInfo);
    elements.push_back(Scalar::of(number.convertToDouble()));
  }
  return elements;
}

std::vector<Scalar> lowbit::frontend::decodeElements(const TensorData &data) {
  if (bitSize(data.type) < 8)
    return decodeAs<uint8_t>(unpacked(data));
  switch (data.type) {
  case TensorProto::FLOAT:
    return decodeAs<float>(data);
  case TensorProto::DOUBLE:
    return decodeAs<double>(data);
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return decodeHalves(data);
  default:
    break;
  }
  switch (byteSize(data.type)) {
  case 1:
    return decodeAs<uint8_t>(data);
  case 2:
    return decodeAs<uint16_t>(data);
  case 4:
    return decodeAs<uint32_t>(data);
  default:
    return decodeAs<uint64_t>(data);
  }
}

Value lowbit::frontend::knownValue(int32_t type, llvm::ArrayRef<Expr> dims,
                                   std::vector<Scalar> elements) {
  if (elements.size() > 1 && llvm::all_equal(elements))
    elements.resize(1);
  Value value;
  value.type = type;
  value.dims.assign(dims.begin(), dims.end());
  value.known = std::move(elements);
  return value;
}

std::optional<Value> lowbit::frontend::rearrangeKnown(
    const Value &value, llvm::ArrayRef<Expr> dims,
    llvm::function_ref<void(llvm::MutableArrayRef<int64_t>)> source) {
  Value result;
  result.dims.assign(dims.begin(), dims.end());
  std::optional<int64_t> size = result.size(), old = value.size();
  constexpr int64_t most = 4096;
  if (!value.known || !size || !old || *size > most || *old > most)
    return std::nullopt;
  std::vector<Scalar> elements;
  for (int64_t i = 0; i < *size; ++i) {
    llvm::SmallVector<int64_t> position(dims.size());
    for (int64_t k = dims.size(), rest = i; k-- > 0;) {
      position[k] = rest % dims[k].constant();
      rest /= dims[k].constant();
    }
    source(position);
    int64_t flat = 0;
    for (auto [at, dim] : llvm::zip_equal(position, value.dims)) {
      if (at < 0 || at >= dim.constant())
        return std::nullopt;
      flat = flat * dim.constant() + at;
    }
    elements.push_back(value.element(flat));
  }
  return knownValue(value.type, dims, std::move(elements));
}
