//===- HostTensor.cpp - Dense tensors in host memory ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes are computed with overflow checks here, once, so that readers of
// untrusted files cannot get them wrong one by one.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/HostTensor.h"
#include "lowbit/Tools/WidenTensor.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemAlloc.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <limits>

using namespace lowbit;

namespace {

struct ElementInfo {
  unsigned bytes;
  const char *name;
};

/// Indexed by ElementType.
constexpr ElementInfo kElements[] = {
    {1, "i1"},  {1, "i8"},        {1, "u8"},       {2, "i16"},
    {2, "u16"}, {4, "i32"},       {4, "u32"},      {8, "i64"},
    {8, "u64"}, {1, "f8E8M0FNU"}, {1, "f8E4M3FN"}, {1, "f8E5M2"},
    {2, "f16"}, {2, "bf16"},      {4, "f32"},      {8, "f64"},
};

constexpr size_t kAlignment = 64;
constexpr uint64_t kMaxBytes = std::numeric_limits<int64_t>::max();

const ElementInfo &getInfo(ElementType type) {
  return kElements[static_cast<unsigned>(type)];
}

template <typename T> T load(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

double convertFloat(const llvm::fltSemantics &semantics, unsigned bits,
                    uint64_t pattern) {
  llvm::APFloat value(semantics, llvm::APInt(bits, pattern));
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToDouble();
}

} // namespace

unsigned lowbit::getByteSize(ElementType type) { return getInfo(type).bytes; }

llvm::StringRef lowbit::getName(ElementType type) { return getInfo(type).name; }

std::optional<uint64_t> lowbit::getNumElements(llvm::ArrayRef<int64_t> shape) {
  // A zero extent makes the product zero, whatever the others are.
  bool overflow = false;
  uint64_t product = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    empty |= extent == 0;
    bool step = false;
    product =
        llvm::SaturatingMultiply(product, static_cast<uint64_t>(extent), &step);
    overflow |= step;
  }
  if (empty)
    return 0;
  if (overflow || product > kMaxBytes)
    return std::nullopt;
  return product;
}

std::optional<uint64_t> lowbit::getByteSize(ElementType type,
                                            llvm::ArrayRef<int64_t> shape) {
  std::optional<uint64_t> elements = getNumElements(shape);
  if (!elements || *elements > kMaxBytes / getByteSize(type))
    return std::nullopt;
  return *elements * getByteSize(type);
}

std::string lowbit::describe(ElementType type, llvm::ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (int64_t extent : shape) {
    if (extent < 0)
      os << "?x";
    else
      os << extent << "x";
  }
  os << getName(type);
  return text;
}

HostTensor HostTensor::allocate(ElementType type,
                                llvm::ArrayRef<int64_t> shape) {
  std::optional<uint64_t> size = lowbit::getByteSize(type, shape);
  assert(size && "shape without a size");
  char *data = static_cast<char *>(
      llvm::allocate_buffer(std::max<uint64_t>(*size, 1), kAlignment));
  std::memset(data, 0, *size);
  uint64_t bytes = std::max<uint64_t>(*size, 1);
  std::shared_ptr<const void> owner(data, [bytes](const void *pointer) {
    llvm::deallocate_buffer(const_cast<void *>(pointer), bytes, kAlignment);
  });
  return view(type, shape, {data, static_cast<size_t>(*size)},
              std::move(owner));
}

HostTensor HostTensor::view(ElementType type, llvm::ArrayRef<int64_t> shape,
                            llvm::MutableArrayRef<char> data,
                            std::shared_ptr<const void> owner) {
  assert(lowbit::getByteSize(type, shape) == data.size() && "wrong size");
  HostTensor tensor;
  tensor.type = type;
  tensor.shape.assign(shape.begin(), shape.end());
  tensor.bytes = data;
  tensor.owner = std::move(owner);
  return tensor;
}

double HostTensor::getElement(uint64_t index) const {
  const char *at = bytes.data() + index * lowbit::getByteSize(type);
  switch (type) {
  case ElementType::Bool:
  case ElementType::U8:
    return load<uint8_t>(at);
  case ElementType::I8:
    return load<int8_t>(at);
  case ElementType::I16:
    return load<int16_t>(at);
  case ElementType::U16:
    return load<uint16_t>(at);
  case ElementType::I32:
    return load<int32_t>(at);
  case ElementType::U32:
    return load<uint32_t>(at);
  case ElementType::I64:
    return static_cast<double>(load<int64_t>(at));
  case ElementType::U64:
    return static_cast<double>(load<uint64_t>(at));
  case ElementType::F8E8M0:
    return convertFloat(llvm::APFloat::Float8E8M0FNU(), 8, load<uint8_t>(at));
  case ElementType::F8E4M3:
    return convertFloat(llvm::APFloat::Float8E4M3FN(), 8, load<uint8_t>(at));
  case ElementType::F8E5M2:
    return convertFloat(llvm::APFloat::Float8E5M2(), 8, load<uint8_t>(at));
  case ElementType::F16:
    return convertFloat(llvm::APFloat::IEEEhalf(), 16, load<uint16_t>(at));
  case ElementType::BF16:
    return convertFloat(llvm::APFloat::BFloat(), 16, load<uint16_t>(at));
  case ElementType::F32:
    return load<float>(at);
  case ElementType::F64:
    return load<double>(at);
  }
  llvm_unreachable("every element type is handled");
}

HostTensor lowbit::widen(const HostTensor &tensor) {
  if (tensor.getType() == ElementType::F32)
    return tensor;
  HostTensor result = HostTensor::allocate(ElementType::F32, tensor.getShape());
  for (auto [i, value] : llvm::enumerate(result.getMutableAs<float>()))
    value = static_cast<float>(tensor.getElement(i));
  return result;
}
