//===- Support.h - small things that all of the importer uses ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_SUPPORT_H
#define LOWBIT_FRONTENDS_ONNX_SUPPORT_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <cstdint>

namespace lowbit::frontend {

/// The largest tensor a model may hold; what is larger is taken for damage.
constexpr int64_t maxTensorBytes = int64_t(1) << 44;

inline llvm::Error failure(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_SUPPORT_H
