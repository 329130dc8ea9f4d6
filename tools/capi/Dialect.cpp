//===- Dialect.cpp - C API of the dialect and the passes ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit-c/Dialect.h"
#include "lowbit-c/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include <mutex>

using namespace lowbit;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Lowbit, lowbit, lowbit::LowbitDialect)

void lowbitRegisterAllDialects(MlirDialectRegistry registry) {
  registerDialects(*unwrap(registry));
}

void lowbitRegisterPasses(void) {
  static std::once_flag once;
  std::call_once(once, registerPasses);
}

/// Where diagnostics of attributes and types that have no place in a file go.
static auto emitErrorIn(mlir::MLIRContext *context) {
  return mlir::detail::getDefaultDiagnosticEmitFn(context);
}

//===----------------------------------------------------------------------===//
// Element formats and granularity
//===----------------------------------------------------------------------===//

MlirAttribute lowbitIntAttrGet(MlirContext context, unsigned width,
                               bool restricted) {
  mlir::MLIRContext *unwrapped = unwrap(context);
  return wrap(IntAttr::getChecked(emitErrorIn(unwrapped), unwrapped, width,
                                  restricted));
}

MlirAttribute lowbitUIntAttrGet(MlirContext context, unsigned width) {
  mlir::MLIRContext *unwrapped = unwrap(context);
  return wrap(UIntAttr::getChecked(emitErrorIn(unwrapped), unwrapped, width));
}

bool lowbitAttributeIsAElementFormat(MlirAttribute attr) {
  return mlir::isa_and_nonnull<ElementFormatInterface>(unwrap(attr));
}

unsigned lowbitElementFormatGetCodeBits(MlirAttribute attr) {
  return mlir::cast<ElementFormatInterface>(unwrap(attr)).getCodeBits();
}

MlirAttribute lowbitPerTensorAttrGet(MlirContext context) {
  return wrap(PerTensorAttr::get(unwrap(context)));
}

MlirAttribute lowbitPerChannelAttrGet(MlirContext context) {
  return wrap(PerChannelAttr::get(unwrap(context)));
}

MlirAttribute lowbitPerGroupAttrGet(MlirContext context, int64_t size) {
  mlir::MLIRContext *unwrapped = unwrap(context);
  return wrap(
      PerGroupAttr::getChecked(emitErrorIn(unwrapped), unwrapped, size));
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

/// `attr` as what a parameter must be, or null with a diagnostic.
template <typename T, typename Object>
static T require(Object object, mlir::MLIRContext *context,
                 llvm::StringRef parameter) {
  auto result = llvm::dyn_cast_or_null<T>(object);
  if (!result)
    emitErrorIn(context)() << parameter << " is none: found " << object;
  return result;
}

MlirAttribute lowbitEncodingAttrGet(MlirAttribute element,
                                    LowbitZeroPoint zeroPoint, bool minimum,
                                    MlirAttribute granularity, MlirType scale,
                                    bool permuted) {
  if (mlirTypeIsNull(scale))
    return {};
  mlir::MLIRContext *context = unwrap(scale).getContext();
  if (zeroPoint < LowbitZeroPointNone ||
      zeroPoint > LowbitZeroPointFractional) {
    emitErrorIn(context)() << "the zero point is none: found the number "
                           << static_cast<int>(zeroPoint);
    return {};
  }
  auto format = require<ElementFormatInterface>(unwrap(element), context,
                                                "the element format");
  auto groups = require<GranularityInterface>(unwrap(granularity), context,
                                              "the granularity");
  auto type =
      require<mlir::FloatType>(unwrap(scale), context, "the float type");
  if (!format || !groups || !type)
    return {};
  return wrap(EncodingAttr::getChecked(emitErrorIn(context), context, format,
                                       static_cast<ZeroPointKind>(zeroPoint),
                                       minimum, groups, type, permuted));
}

bool lowbitAttributeIsAEncoding(MlirAttribute attr) {
  return mlir::isa_and_nonnull<EncodingAttr>(unwrap(attr));
}

MlirAttribute lowbitEncodingAttrGetElement(MlirAttribute encoding) {
  return wrap(mlir::cast<EncodingAttr>(unwrap(encoding)).getElement());
}

LowbitZeroPoint lowbitEncodingAttrGetZeroPoint(MlirAttribute encoding) {
  return static_cast<LowbitZeroPoint>(
      mlir::cast<EncodingAttr>(unwrap(encoding)).getZeroPoint());
}

bool lowbitEncodingAttrHasMinimum(MlirAttribute encoding) {
  return mlir::cast<EncodingAttr>(unwrap(encoding)).getMinimum();
}

MlirAttribute lowbitEncodingAttrGetGranularity(MlirAttribute encoding) {
  return wrap(mlir::cast<EncodingAttr>(unwrap(encoding)).getGranularity());
}

MlirType lowbitEncodingAttrGetScale(MlirAttribute encoding) {
  return wrap(mlir::cast<EncodingAttr>(unwrap(encoding)).getScale());
}

//===----------------------------------------------------------------------===//
// The quantized tensor
//===----------------------------------------------------------------------===//

MlirType lowbitTensorTypeGet(intptr_t rank, const int64_t *shape,
                             MlirType elementType, MlirAttribute encoding,
                             MlirAttribute layout) {
  if (mlirTypeIsNull(elementType))
    return {};
  mlir::Type expressed = unwrap(elementType);
  mlir::MLIRContext *context = expressed.getContext();
  if (rank < 0 || (rank > 0 && !shape)) {
    emitErrorIn(context)() << "the shape requires a rank of at least 0 and as "
                              "many extents, found a rank of "
                           << static_cast<int64_t>(rank);
    return {};
  }
  auto unwrapped =
      require<EncodingAttr>(unwrap(encoding), context, "the encoding");
  LayoutInterface place;
  if (!mlirAttributeIsNull(layout) &&
      !(place =
            require<LayoutInterface>(unwrap(layout), context, "the layout")))
    return {};
  if (!unwrapped)
    return {};
  return wrap(QuantizedTensorType::getChecked(
      emitErrorIn(context),
      llvm::ArrayRef<int64_t>(shape, static_cast<size_t>(rank)), expressed,
      unwrapped, place));
}

bool lowbitTypeIsATensor(MlirType type) {
  return mlir::isa_and_nonnull<QuantizedTensorType>(unwrap(type));
}

MlirAttribute lowbitTensorTypeGetEncoding(MlirType type) {
  return wrap(mlir::cast<QuantizedTensorType>(unwrap(type)).getEncoding());
}

MlirAttribute lowbitTensorTypeGetLayout(MlirType type) {
  return wrap(mlir::cast<QuantizedTensorType>(unwrap(type)).getLayout());
}

int64_t lowbitTensorTypeGetStoredBytes(MlirType type) {
  auto tensor = mlir::cast<QuantizedTensorType>(unwrap(type));
  return tensor.hasStaticShape() ? tensor.getStoredBytes() : -1;
}
