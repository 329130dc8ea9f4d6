//===- ModelMutator.h - other ONNX models -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random bytes rarely are a model. These mutations change the fields of one.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_FUZZ_MODELMUTATOR_H
#define LOWBIT_TEST_FUZZ_MODELMUTATOR_H

#include "llvm/ADT/StringRef.h"
#include <cstddef>
#include <cstdint>

namespace lowbit::fuzz {

/// Changes a field of the model at `data` in place, to at most `maxSize` bytes;
/// returns the new size. Bytes that are no model are changed as bytes, and so
/// is one model in eight. The result depends on the arguments and on
/// libFuzzer's state.
size_t mutateModel(uint8_t *data, size_t size, size_t maxSize, unsigned seed);

/// `first` with a message of `second`, at `out`; returns the size, 0 if one of
/// them is no model.
size_t mixModels(llvm::StringRef first, llvm::StringRef second, uint8_t *out,
                 size_t maxSize, unsigned seed);

} // namespace lowbit::fuzz

#endif // LOWBIT_TEST_FUZZ_MODELMUTATOR_H
