//===- AttributeWord.h - attributes in names of kernels ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_ATTRIBUTEWORD_H
#define LOWBIT_IR_ATTRIBUTEWORD_H

#include "mlir/IR/Attributes.h"
#include <string>

namespace lowbit {

/// The assembly of an attribute as a word of letters, digits and underscores,
/// for the names of kernels: `#lowbit.encoding<int<4>, group = 32>` is
/// `int_4_group_32`. Long ones, and those with numbers below 0, such as tables,
/// are told apart by a hash.
std::string spellWord(mlir::Attribute attribute);

} // namespace lowbit

#endif // LOWBIT_IR_ATTRIBUTEWORD_H
