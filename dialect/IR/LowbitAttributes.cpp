//===- LowbitAttributes.cpp - registration, granularity -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of all attributes; granularity (SPEC.md, section G).
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

#define GET_ATTRDEF_CLASSES
#include "lowbit/IR/LowbitAttributes.cpp.inc"

void LowbitDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lowbit/IR/LowbitAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Granularity
//===----------------------------------------------------------------------===//

std::array<int64_t, 2> PerTensorAttr::getParameterShape(int64_t,
                                                        int64_t) const {
  return {1, 1};
}
numerics::Granularity PerTensorAttr::getKind() const {
  return numerics::Granularity::Tensor;
}

std::array<int64_t, 2> PerChannelAttr::getParameterShape(int64_t rows,
                                                         int64_t) const {
  return {rows, 1};
}
numerics::Granularity PerChannelAttr::getKind() const {
  return numerics::Granularity::Channel;
}

LogicalResult
PerGroupAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     int64_t size) {
  // G1: far beyond any dimension, and sums with it can't overflow.
  constexpr int64_t limit = int64_t(1) << 31;
  if (size >= 1 && size < limit)
    return success();
  return emitError() << "requires a group of 1 to " << limit - 1
                     << " columns (G1), found " << size;
}

std::array<int64_t, 2> PerGroupAttr::getParameterShape(int64_t rows,
                                                       int64_t columns) const {
  if (ShapedType::isDynamic(columns))
    return {rows, ShapedType::kDynamic};
  return {rows, static_cast<int64_t>(llvm::divideCeil(columns, getSize()))};
}
int64_t PerGroupAttr::getGroupSize() const { return getSize(); }
numerics::Granularity PerGroupAttr::getKind() const {
  return numerics::Granularity::Group;
}

LogicalResult
PerBlockAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     int64_t rows, int64_t columns) {
  // G2
  constexpr int64_t limit = int64_t(1) << 31;
  if (rows >= 2 && rows < limit && columns >= 1 && columns < limit)
    return success();
  return emitError() << "requires a block of 2 to " << limit - 1
                     << " rows and 1 to " << limit - 1
                     << " columns (G2), found [" << rows << ", " << columns
                     << "]";
}

std::array<int64_t, 2> PerBlockAttr::getParameterShape(int64_t rows,
                                                       int64_t columns) const {
  auto divide = [](int64_t extent, int64_t size) {
    return ShapedType::isDynamic(extent)
               ? extent
               : static_cast<int64_t>(llvm::divideCeil(extent, size));
  };
  return {divide(rows, getRows()), divide(columns, getColumns())};
}
int64_t PerBlockAttr::getGroupSize() const { return getColumns(); }
int64_t PerBlockAttr::getGroupRows() const { return getRows(); }
numerics::Granularity PerBlockAttr::getKind() const {
  return numerics::Granularity::Group;
}
