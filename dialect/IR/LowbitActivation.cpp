//===- LowbitActivation.cpp - activation functions as attributes ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Spelling and default constants.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"

using namespace mlir;
using namespace lowbit;

ActivationAttr ActivationAttr::get(MLIRContext *context, ActivationKind kind,
                                   double alpha, double beta) {
  return get(context, kind, APFloat(alpha), APFloat(beta));
}

ActivationAttr ActivationAttr::get(MLIRContext *context, ActivationKind kind) {
  if (kind == ActivationKind::HardSwish || kind == ActivationKind::HardSigmoid)
    return get(context, kind, 1.0 / 6, 0.5);
  return get(context, kind, kind == ActivationKind::LeakyRelu ? 0.01 : 0.0,
             0.0);
}

/// Constants that the text gives in parentheses after the name.
static unsigned countConstants(ActivationKind kind) {
  if (kind == ActivationKind::HardSigmoid)
    return 2;
  return kind == ActivationKind::LeakyRelu;
}

Attribute ActivationAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  auto activation = parseBare(parser);
  if (!activation || parser.parseGreater())
    return {};
  return activation;
}

ActivationAttr ActivationAttr::parseBare(AsmParser &parser) {
  llvm::SMLoc location = parser.getCurrentLocation();
  StringRef word;
  if (parser.parseKeyword(&word))
    return {};
  std::optional<ActivationKind> kind = symbolizeActivationKind(word);
  if (!kind) {
    parser.emitError(location) << "unknown activation '" << word << "'";
    return {};
  }
  ActivationAttr activation = get(parser.getContext(), *kind);
  double constants[] = {activation.getAlpha().convertToDouble(),
                        activation.getBeta().convertToDouble()};
  unsigned count = countConstants(*kind);
  if (count && succeeded(parser.parseOptionalLParen())) {
    for (unsigned i = 0; i < count; ++i)
      if ((i && parser.parseComma()) || parser.parseFloat(constants[i]))
        return {};
    if (parser.parseRParen())
      return {};
  }
  return get(parser.getContext(), *kind, constants[0], constants[1]);
}

void ActivationAttr::printBare(AsmPrinter &printer) const {
  printer << stringifyActivationKind(getKind());
  unsigned count = countConstants(getKind());
  if (!count)
    return;
  printer << '(';
  printer.printFloat(getAlpha());
  if (count == 2) {
    printer << ", ";
    printer.printFloat(getBeta());
  }
  printer << ')';
}

void ActivationAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printBare(printer);
  printer << '>';
}
