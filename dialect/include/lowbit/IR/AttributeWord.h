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

/// What the name of a layer's kernel says of its epilogue, such as
/// `_bias_silu_residual`. Without an activation, `activation` is null.
std::string spellEpilogue(bool hasBias, mlir::Attribute activation,
                          bool isGated, bool hasResidual);

} // namespace lowbit

#endif // LOWBIT_IR_ATTRIBUTEWORD_H
