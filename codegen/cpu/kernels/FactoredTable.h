//===- FactoredTable.h - long tables as a hash and a short one --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The numbers of a trellis follow from a few sums (modulo 2) of the bits of a
// window, so that its table of 4096 entries repeats itself: there are masks d
// with table[i] = table[i xor d] for every i. This header finds them, and from
// them a linear map of indices to shorter ones. It asks nothing but the table.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_FACTOREDTABLE_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_FACTOREDTABLE_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace lowbit {

/// table[i] = entries[the xor of images[b] over the bits b of i that are set].
struct FactoredTable {
  std::vector<uint16_t> images;
  std::vector<int8_t> entries;
};

/// The shortest factor of a table of a power of two of bytes; where it has no
/// masks such as those above, the table itself. If a change of index negates
/// every entry, the second half of `entries` is the first one's negative.
FactoredTable factorTable(llvm::ArrayRef<int8_t> table);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_FACTOREDTABLE_H
