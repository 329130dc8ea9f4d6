//===- ElementTypes.cpp - Element types of files and of MLIR --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A table in code; the inverse direction is needed nowhere.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/ElementTypes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace lowbit;

static std::optional<ElementType> getIntegerType(mlir::IntegerType type) {
  bool isUnsigned = type.isUnsigned();
  switch (type.getWidth()) {
  case 1:
    return ElementType::Bool;
  case 8:
    return isUnsigned ? ElementType::U8 : ElementType::I8;
  case 16:
    return isUnsigned ? ElementType::U16 : ElementType::I16;
  case 32:
    return isUnsigned ? ElementType::U32 : ElementType::I32;
  case 64:
    return isUnsigned ? ElementType::U64 : ElementType::I64;
  default:
    return std::nullopt;
  }
}

std::optional<ElementType> lowbit::getElementType(mlir::Type type) {
  using Result = std::optional<ElementType>;
  return llvm::TypeSwitch<mlir::Type, Result>(type)
      .Case([](mlir::IntegerType integer) { return getIntegerType(integer); })
      .Case([](mlir::Float8E8M0FNUType) { return ElementType::F8E8M0; })
      .Case([](mlir::Float8E4M3FNType) { return ElementType::F8E4M3; })
      .Case([](mlir::Float8E5M2Type) { return ElementType::F8E5M2; })
      .Case([](mlir::Float16Type) { return ElementType::F16; })
      .Case([](mlir::BFloat16Type) { return ElementType::BF16; })
      .Case([](mlir::Float32Type) { return ElementType::F32; })
      .Case([](mlir::Float64Type) { return ElementType::F64; })
      .Default([](mlir::Type) { return Result(); });
}
