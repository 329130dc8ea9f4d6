//===- Packer.h - codes and parameters to bytes and back --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One packer for every layout. The truth is the bit-by-bit form, which does
// nothing but ask BoundLayout for addresses; Packer derives from the atom's
// pieces a table of byte moves and gives the same bytes faster.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_PACKER_H
#define LOWBIT_NUMERICS_PACKER_H

#include "lowbit/Numerics/Layout.h"
#include "lowbit/Numerics/Matrix.h"
#include "lowbit/Numerics/Status.h"
#include <memory>

namespace lowbit::numerics {

/// What is packed: codes and parameters as QuantizedMatrix holds them.
/// Components that the encoding lacks are null.
struct MatrixView {
  const uint8_t *codes = nullptr;
  const float *scales = nullptr, *zeroPoints = nullptr, *minima = nullptr;
  /// What is stored of them where they are quantized; null otherwise. What a
  /// layout doesn't place stays out of the buffers.
  const std::vector<QuantizedMatrix> *stored = nullptr;

  MatrixView() = default;
  MatrixView(const QuantizedMatrix &matrix);
};

/// The buffers of BitAddress; unused ones are empty.
struct PackedMatrix {
  std::vector<uint8_t> buffers[4];

  PackedMatrix() = default;
  /// Buffers of zeros, of the sizes that `layout` needs.
  explicit PackedMatrix(const BoundLayout &layout);
};

/// Packs and unpacks matrices of one bound layout. Padding is zero bits.
/// Parameters are converted to the storage format, halves to nearest even and
/// integer zero points clamped to the code's range.
class Packer {
public:
  explicit Packer(const BoundLayout &layout);
  ~Packer();
  Packer(Packer &&) noexcept;
  Packer &operator=(Packer &&) noexcept;

  /// Packs the whole matrix.
  PackedMatrix pack(const MatrixView &matrix) const;
  /// Packs row blocks [firstBlock, endBlock) into `buffers` (addresses of
  /// buffers 0 to 3), which must be zero there. When blocksAreIndependent(),
  /// ranges that don't overlap may be packed at the same time.
  void packBlocks(const MatrixView &matrix, int64_t firstBlock,
                  int64_t endBlock, uint8_t *const buffers[4]) const;
  /// Whether no two row blocks share a byte.
  bool blocksAreIndependent() const;

  /// The inverse. `buffers` hold as many bytes as the layout needs; unused ones
  /// may be null.
  QuantizedMatrix unpack(const uint8_t *const buffers[4]) const;
  QuantizedMatrix unpack(const PackedMatrix &packed) const;
  /// Unpacks row blocks [firstBlock, endBlock) into `matrix`, which has been
  /// reset to the layout's encoding and shape.
  void unpackBlocks(const uint8_t *const buffers[4], int64_t firstBlock,
                    int64_t endBlock, QuantizedMatrix &matrix) const;

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

/// Packer(layout).pack(matrix), and its inverse.
PackedMatrix pack(const BoundLayout &layout, const MatrixView &matrix);
QuantizedMatrix unpack(const BoundLayout &layout, const PackedMatrix &packed);

/// Whether codes and parameters of one encoding mean the same in the other.
bool haveSameMeaning(const Encoding &a, const Encoding &b);

/// From one layout to another, through unpacked codes. Fails unless both are
/// bound to one encoding and shape.
Status repack(const BoundLayout &from, const uint8_t *const buffers[4],
              const BoundLayout &to, PackedMatrix &result);

/// The truth that the table-driven form is tested against.
PackedMatrix packBitByBit(const BoundLayout &layout, const MatrixView &matrix);
QuantizedMatrix unpackBitByBit(const BoundLayout &layout,
                               const PackedMatrix &packed);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_PACKER_H
