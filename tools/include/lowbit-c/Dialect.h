/*===-- lowbit-c/Dialect.h - C API of the lowbit dialect ----------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Attributes and types of the dialect for programs in C and for bindings, in *|
|* the manner of MLIR's own C API: objects belong to their context and need   *|
|* no release. A `Get` function that is given something invalid emits the     *|
|* verifier's diagnostic at an unknown location and returns a null object.    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_C_DIALECT_H
#define LOWBIT_C_DIALECT_H

#include "lowbit-c/Support.h"
#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Lowbit, lowbit);

/** Adds the lowbit dialect, the upstream dialects that its phases produce, and
 * the external models that packing and bufferization ask for. */
MLIR_CAPI_EXPORTED void lowbitRegisterAllDialects(MlirDialectRegistry registry);

/*===----------------------------------------------------------------------===*\
|* Element formats and granularity                                            *|
\*===----------------------------------------------------------------------===*/

/** `#lowbit.int<width>`, or `#lowbit.int<width, restricted>`. */
MLIR_CAPI_EXPORTED MlirAttribute lowbitIntAttrGet(MlirContext context,
                                                  unsigned width,
                                                  bool restricted);

/** `#lowbit.uint<width>`. */
MLIR_CAPI_EXPORTED MlirAttribute lowbitUIntAttrGet(MlirContext context,
                                                   unsigned width);

/** Whether an attribute, of any dialect, says what codes stand for. */
MLIR_CAPI_EXPORTED bool lowbitAttributeIsAElementFormat(MlirAttribute attr);

/** Bits that one code of an element format takes. */
MLIR_CAPI_EXPORTED unsigned lowbitElementFormatGetCodeBits(MlirAttribute attr);

/** One scale for the whole tensor. */
MLIR_CAPI_EXPORTED MlirAttribute lowbitPerTensorAttrGet(MlirContext context);

/** One scale for each row. */
MLIR_CAPI_EXPORTED MlirAttribute lowbitPerChannelAttrGet(MlirContext context);

/** One scale for each run of `size` columns; the last may be short. */
MLIR_CAPI_EXPORTED MlirAttribute lowbitPerGroupAttrGet(MlirContext context,
                                                       int64_t size);

/*===----------------------------------------------------------------------===*\
|* Encodings                                                                  *|
\*===----------------------------------------------------------------------===*/

/** What is subtracted from a decoded code. */
typedef enum LowbitZeroPoint LOWBIT_ANY_INT {
  LowbitZeroPointNone = 0,
  LowbitZeroPointInteger = 1,
  LowbitZeroPointFractional = 2,
} LowbitZeroPoint;

/** An encoding: `element` says what codes mean, `granularity` which of them
 * share a scale of the float type `scale`. */
MLIR_CAPI_EXPORTED MlirAttribute lowbitEncodingAttrGet(
    MlirAttribute element, LowbitZeroPoint zeroPoint, bool minimum,
    MlirAttribute granularity, MlirType scale, bool permuted);

MLIR_CAPI_EXPORTED bool lowbitAttributeIsAEncoding(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirAttribute
lowbitEncodingAttrGetElement(MlirAttribute encoding);
MLIR_CAPI_EXPORTED LowbitZeroPoint
lowbitEncodingAttrGetZeroPoint(MlirAttribute encoding);
MLIR_CAPI_EXPORTED bool lowbitEncodingAttrHasMinimum(MlirAttribute encoding);
MLIR_CAPI_EXPORTED MlirAttribute
lowbitEncodingAttrGetGranularity(MlirAttribute encoding);
MLIR_CAPI_EXPORTED MlirType lowbitEncodingAttrGetScale(MlirAttribute encoding);

/*===----------------------------------------------------------------------===*\
|* The quantized tensor                                                       *|
\*===----------------------------------------------------------------------===*/

/** `!lowbit.tensor<shape x elementType, encoding, layout>`. `elementType` is
 * what values stand for; a null `layout` makes the tensor dense. */
MLIR_CAPI_EXPORTED MlirType lowbitTensorTypeGet(intptr_t rank,
                                                const int64_t *shape,
                                                MlirType elementType,
                                                MlirAttribute encoding,
                                                MlirAttribute layout);

/** Shape and element type are read as those of every shaped type are. */
MLIR_CAPI_EXPORTED bool lowbitTypeIsATensor(MlirType type);
MLIR_CAPI_EXPORTED MlirAttribute lowbitTensorTypeGetEncoding(MlirType type);
/** The layout; null where the tensor is dense. */
MLIR_CAPI_EXPORTED MlirAttribute lowbitTensorTypeGetLayout(MlirType type);
/** Bytes that hold the value with its parameters; -1 unless the shape is
 * static. */
MLIR_CAPI_EXPORTED int64_t lowbitTensorTypeGetStoredBytes(MlirType type);

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_C_DIALECT_H */
