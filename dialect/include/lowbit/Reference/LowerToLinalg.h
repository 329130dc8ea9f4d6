//===- LowerToLinalg.h - the meaning of lowbit in linalg --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The executable reference: what each operation means, in upstream dialects.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_LOWERTOLINALG_H
#define LOWBIT_REFERENCE_LOWERTOLINALG_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/Transforms/DialectConversion.h"

namespace lowbit {

/// Expands `!lowbit.tensor` into its components (QuantizedTensorType::
/// getComponents): one tensor each, then the extents of dynamic dimensions as
/// values of type index. Other types stay.
void populateReferenceTypeConversions(mlir::TypeConverter &converter);

/// Patterns from every lowbit operation on values to linalg, tensor, arith and
/// math, and from quantized globals and their uses to one plain global for each
/// component, called `<name>.<component>`. `converter` must have the
/// conversions above.
void populateLowbitToLinalgPatterns(const mlir::TypeConverter &converter,
                                    mlir::RewritePatternSet &patterns);

/// Emits an error for each operation under `root` that the patterns can't
/// lower, and says what is required instead.
mlir::LogicalResult verifyReferenceLowering(mlir::Operation *root);

} // namespace lowbit

#endif // LOWBIT_REFERENCE_LOWERTOLINALG_H
