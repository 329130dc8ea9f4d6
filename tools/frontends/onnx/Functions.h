//===- Functions.h - model-local functions, inlined -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_FUNCTIONS_H
#define LOWBIT_FRONTENDS_ONNX_FUNCTIONS_H

#include "llvm/Support/Error.h"

#include <onnx/onnx_pb.h>

namespace lowbit::frontend {

/// Replaces calls of the model's own functions by their nodes. Errors: calls
/// without end, and a function that imports other operator sets than the model.
llvm::Error inlineFunctions(onnx::ModelProto &model);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_FUNCTIONS_H
