//===- Encoding.cpp - constraints of an encoding --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an encoding must satisfy before codes are computed, packed or read.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Encoding.h"

namespace lowbit::numerics {

std::string checkEncoding(const Encoding &encoding) {
  const IntegerFormat &element = encoding.element;
  if (element.width < 1 || element.width > 8)
    return "weights need codes of 1 to 8 bits, found " +
           std::to_string(element.width);
  if (element.kind == IntegerKind::SignedRestricted && element.width < 2)
    return "a restricted range needs codes of at least 2 bits, found 1";
  if (encoding.granularity == Granularity::Group && encoding.groupSize < 1)
    return "a group needs at least 1 column, found " +
           std::to_string(encoding.groupSize);
  return {};
}

} // namespace lowbit::numerics
