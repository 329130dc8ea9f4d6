//===- CodedTensor.h - codes and parameters in any spelling -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every front end spells a quantized constant as codes over some loops and
// parameters that some of those loops select. This is that common form, and the
// one place that turns it into a `lowbit.global`.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IMPORT_CODEDTENSOR_H
#define LOWBIT_IMPORT_CODEDTENSOR_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SetVector.h"
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

/// Numbers that loops select: index = sum of loop * stride.
struct LoopParameters {
  std::vector<float> values;
  /// One per loop; 0 where the loop doesn't select. Empty without values.
  llvm::SmallVector<int64_t> strides;

  float at(llvm::ArrayRef<int64_t> loops) const;
};

/// A constant as codes and parameters:
///   value(i) = scale(i) * (decode(code(i)) - zeroPoint(i)).
struct CodedTensor {
  /// What users call it.
  std::string name;
  /// Extents of the loops, outermost first.
  llvm::SmallVector<int64_t> extents;
  /// What a code stands for: `int<b>`, `uint<b>` or a small float. Codes of
  /// signed integers are in two's complement, as front ends store them.
  ElementFormatInterface element;
  /// Row-major over the loops.
  std::vector<uint8_t> codes;
  LoopParameters scale, zeroPoint;
  /// The loop over groups, where there are groups: the loops right after it
  /// that select no parameter run through a group.
  std::optional<unsigned> groupLoop;
  /// f32, f16 or bf16.
  mlir::Type expressedType;
};

/// The loop over groups where parameters are selected by several loops: the
/// last one that is followed by a loop that selects none. Nothing where there
/// is no such loop.
std::optional<unsigned> findGroupLoop(const CodedTensor &tensor);

/// Makes globals of coded tensors. Constants of equal data share one global.
class WeightImporter {
public:
  explicit WeightImporter(mlir::ModuleOp module);

  /// The values of `tensor`, of the shape of its loops: a `lowbit.weight`, a
  /// `lowbit.dequantize`, and what rearranges the matrix. Codes keep their
  /// values; scales are f16 where that loses nothing and f32 elsewhere.
  /// Nothing, with a reason, for what an encoding can't say.
  mlir::Value import(mlir::OpBuilder &builder, mlir::Location loc,
                     CodedTensor tensor, std::string &reason);

  /// Erases the constants and globals, named in imported tensors, that nothing
  /// reads any more. Imported weights take over the names.
  void dropReplaced();

  unsigned getNumGlobals() const { return globals.size(); }

private:
  GlobalOp findEqual(mlir::Type type, mlir::DictionaryAttr components);

  mlir::ModuleOp module;
  llvm::SmallVector<GlobalOp> globals;
  /// What users called each.
  llvm::SmallVector<std::string> names;
};

} // namespace lowbit

#endif // LOWBIT_IMPORT_CODEDTENSOR_H
