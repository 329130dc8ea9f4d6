//===- PackedData.h - between packed bytes and globals ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PACKEDDATA_H
#define LOWBIT_TRANSFORMS_PACKEDDATA_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Matrix.h"

namespace lowbit {

/// Packs `matrix` in the layout of `type`, all threads of the context busy, and
/// returns the components of a global of that type; resources are called
/// `name`.<component>. A permuted encoding takes its `permutation` as it is.
mlir::DictionaryAttr packComponents(QuantizedTensorType type,
                                    const numerics::QuantizedMatrix &matrix,
                                    llvm::StringRef name,
                                    mlir::Attribute permutation = {});

/// The matrix that `global`, a quantized weight in any layout, holds. Fails,
/// with a diagnostic, if its data are absent.
llvm::FailureOr<numerics::QuantizedMatrix> unpackComponents(GlobalOp global);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_PACKEDDATA_H
