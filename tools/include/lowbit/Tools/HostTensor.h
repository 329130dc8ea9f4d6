//===- HostTensor.h - Dense tensors in host memory --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What goes into and comes out of a compiled model, and what .npy and
// .safetensors files hold: an element type, a shape, and contiguous bytes in
// row-major order. It is free of MLIR so that readers, evaluation and their
// tests stay small.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_HOSTTENSOR_H
#define LOWBIT_TOOLS_HOSTTENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace lowbit {

/// Element types that a file or a compiled model can hold. Sub-byte types do
/// not occur: low-bit codes travel as bytes.
enum class ElementType : uint8_t {
  Bool,
  I8,
  U8,
  I16,
  U16,
  I32,
  U32,
  I64,
  U64,
  F8E8M0,
  F8E4M3,
  F8E5M2,
  F16,
  BF16,
  F32,
  F64,
};

/// Size of one element in bytes.
unsigned getByteSize(ElementType type);

/// Lower-case name, as manifests spell it: "f32", "i64", "u8", "i1".
llvm::StringRef getName(ElementType type);

/// Product of `shape`, or nothing if an extent is negative or the product does
/// not fit in 63 bits.
std::optional<uint64_t> getNumElements(llvm::ArrayRef<int64_t> shape);

/// Bytes of a dense tensor; nothing where `getNumElements` has nothing or the
/// size does not fit in 63 bits.
std::optional<uint64_t> getByteSize(ElementType type,
                                    llvm::ArrayRef<int64_t> shape);

/// "1x256x1024xf32"; a dynamic extent (negative) is written as "?".
std::string describe(ElementType type, llvm::ArrayRef<int64_t> shape);

/// A dense row-major tensor. Copies share the bytes.
class HostTensor {
public:
  HostTensor() = default;

  /// A zero-filled tensor, aligned to 64 bytes. The shape must have a byte
  /// size (see `getByteSize`).
  static HostTensor allocate(ElementType type, llvm::ArrayRef<int64_t> shape);

  /// A tensor over bytes that `owner` keeps alive. `data` must have exactly
  /// the tensor's byte size and be aligned for its element type.
  static HostTensor view(ElementType type, llvm::ArrayRef<int64_t> shape,
                         llvm::MutableArrayRef<char> data,
                         std::shared_ptr<const void> owner);

  ElementType getType() const { return type; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  uint64_t getNumElements() const {
    return bytes.size() / lowbit::getByteSize(type);
  }
  llvm::ArrayRef<char> getBytes() const { return bytes; }
  llvm::MutableArrayRef<char> getMutableBytes() { return bytes; }
  std::string describe() const { return lowbit::describe(type, shape); }

  /// Elements as `T`, whose size must be that of the element type.
  template <typename T> llvm::ArrayRef<T> getAs() const {
    assert(sizeof(T) == lowbit::getByteSize(type) && "wrong element type");
    return {reinterpret_cast<const T *>(bytes.data()), getNumElements()};
  }
  template <typename T> llvm::MutableArrayRef<T> getMutableAs() {
    assert(sizeof(T) == lowbit::getByteSize(type) && "wrong element type");
    return {reinterpret_cast<T *>(bytes.data()), getNumElements()};
  }

  /// Element `index` of the flattened tensor as a double. Integers beyond 2^53
  /// are rounded.
  double getElement(uint64_t index) const;

private:
  ElementType type = ElementType::F32;
  llvm::SmallVector<int64_t, 4> shape;
  llvm::MutableArrayRef<char> bytes;
  std::shared_ptr<const void> owner;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_HOSTTENSOR_H
