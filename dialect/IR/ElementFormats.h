//===- ElementFormats.h - spelling of element formats -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formats of this dialect are spelled without `#lowbit.` inside of other
// attributes; those of other dialects are spelled in full.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_ELEMENTFORMATS_H
#define LOWBIT_IR_ELEMENTFORMATS_H

#include "lowbit/IR/Lowbit.h"

namespace lowbit {

/// Null after an error.
ElementFormatInterface parseElementFormat(mlir::AsmParser &parser);

void printElementFormat(mlir::AsmPrinter &printer,
                        ElementFormatInterface format);

} // namespace lowbit

#endif // LOWBIT_IR_ELEMENTFORMATS_H
