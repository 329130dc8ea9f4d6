//===- TextFormat.h - an element format of another dialect ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formats that lowbit doesn't define may have any number of bits, window bits
// and values per code. A string stands for them in tests.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_TEXTFORMAT_H
#define LOWBIT_TEST_TEXTFORMAT_H

#include "lowbit/IR/Lowbit.h"
#include <cmath>

namespace lowbit::test {

/// "bits per code, bits per window, values per code"; decodes to numbers that
/// differ in every place. For `StringAttr::attachInterface`.
struct TextFormat
    : ElementFormatInterface::ExternalModel<TextFormat, mlir::StringAttr> {
  static unsigned getNumber(mlir::Attribute format, unsigned index) {
    llvm::SmallVector<llvm::StringRef> words;
    llvm::cast<mlir::StringAttr>(format).getValue().split(words, ' ');
    unsigned number = 0;
    words[index].getAsInteger(10, number);
    return number;
  }
  unsigned getCodeBits(mlir::Attribute format) const {
    return getNumber(format, 0);
  }
  unsigned getWindowBits(mlir::Attribute format) const {
    return getNumber(format, 1);
  }
  unsigned getValuesPerCode(mlir::Attribute format) const {
    return getNumber(format, 2);
  }
  void decode(mlir::Attribute, uint64_t window,
              llvm::MutableArrayRef<float> values) const {
    for (auto [i, value] : llvm::enumerate(values))
      value = std::sin(static_cast<float>(window * values.size() + i));
  }
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_TEXTFORMAT_H
