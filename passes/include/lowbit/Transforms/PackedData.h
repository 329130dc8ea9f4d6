//===- PackedData.h - between packed bytes and globals ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PACKEDDATA_H
#define LOWBIT_TRANSFORMS_PACKEDDATA_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Matrix.h"
#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

/// Attribute of a global: the weights whose rows it has, as a dictionary of
/// `names` and `rows`, one behind the other or, with `alternating`, in turn.
inline constexpr llvm::StringLiteral kPartsAttrName = "lowbit.parts";

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

/// Erases globals that another form has replaced. A resource belongs to the
/// context and would outlive them; with `releasesData` it is freed at once,
/// unless something else in the module refers to it. Other modules of the
/// context can't be seen: they lose what they shared.
class GlobalEraser {
public:
  GlobalEraser(mlir::ModuleOp module, bool releasesData);
  void erase(GlobalOp global);
  /// The same, if no symbol refers to it; returns whether.
  bool eraseIfUnused(GlobalOp global);

private:
  mlir::ModuleOp module;
  bool releasesData;
  /// Resources that operations other than globals refer to.
  llvm::DenseSet<const void *> elsewhere;
};

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_PACKEDDATA_H
