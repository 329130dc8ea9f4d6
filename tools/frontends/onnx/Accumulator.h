//===- Accumulator.h - what products are summed in --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_ACCUMULATOR_H
#define LOWBIT_FRONTENDS_ONNX_ACCUMULATOR_H

#include "ModelFile.h"
#include "Value.h"

namespace lowbit::frontend {

/// ONNX type of sums of products of `type`: f32 where 16-bit floats would lose
/// digits.
inline int32_t accumulatorOf(int32_t type) {
  bool isNarrow = isFloat(type) && byteSize(type) == 2;
  return isNarrow ? int32_t(onnx::TensorProto::FLOAT) : type;
}

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_ACCUMULATOR_H
