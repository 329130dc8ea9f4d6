//===- CodeFields.h - a layout as vectors, shifts and masks -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that feed a four-way dot product need the codes of 16 rows and 4
// columns as 64 bytes, lane j and byte c holding row j and column c. A layout
// serves them if each such block is a bit field of whole 64-byte vectors. This
// header finds those fields by asking the layout's address function, so that
// masks, shifts and the differential form follow from the layout alone.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEFIELDS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEFIELDS_H

#include "lowbit/Numerics/Layout.h"
#include <optional>
#include <vector>

namespace lowbit::cpu {

/// Rows of one 64-byte vector, one for each 32-bit lane.
inline constexpr int64_t kLanes = 16;
/// Columns of one step of the dot product, one for each byte of a lane.
inline constexpr int64_t kStepColumns = 4;
/// Bytes of a vector.
inline constexpr int64_t kVectorBytes = 64;

/// Some bits of the codes of a block of 16 rows x 4 columns: bits
/// [shift, shift + width) of each byte of vector `vector` are the code's bits
/// from `codeBit` on.
struct CodeField {
  int64_t vector;
  unsigned shift, width, codeBit;

  unsigned mask() const { return ((1u << width) - 1) << shift; }
};

/// All fields of an atom.
struct CodeFields {
  /// Blocks of 16 rows, steps of 4 columns, and vectors in an atom.
  int64_t subBlocks, steps, vectors;
  /// Indexed by step * subBlocks + sub-block.
  std::vector<std::vector<CodeField>> fields;

  const std::vector<CodeField> &at(int64_t step, int64_t subBlock) const {
    return fields[step * subBlocks + subBlock];
  }
};

/// The fields of `layout` for codes of `encoding`, or nothing if the layout
/// doesn't keep 16 x 4 blocks in whole vectors.
std::optional<CodeFields> findCodeFields(const numerics::Layout &layout,
                                         const numerics::Encoding &encoding);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEFIELDS_H
