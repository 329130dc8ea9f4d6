//===- Acme.cpp - the dialect and its number format -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Acme.h"
#include <cmath>
#include <llvm/ADT/TypeSwitch.h>
#include <mlir/IR/DialectImplementation.h>

using namespace mlir;

#include "AcmeDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "AcmeAttributes.cpp.inc"

namespace acme {

unsigned LogAttr::getCodeBits() const { return getWidth(); }

void LogAttr::decode(uint64_t code, MutableArrayRef<float> values) const {
  uint64_t ones = (uint64_t(1) << (getWidth() - 1)) - 1;
  uint64_t exponent = code & ones;
  float magnitude = exponent == ones ? 0.0f : std::ldexp(1.0f, -int(exponent));
  values[0] = code > ones ? -magnitude : magnitude;
}

LogicalResult LogAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              unsigned width) {
  if (width < 2 || width > 6)
    return emitError() << "requires a width of 2 to 6 bits, found " << width;
  return success();
}

void AcmeDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "AcmeAttributes.cpp.inc"
      >();
  attachTargetModel(*getContext());
}

void registerDialect(DialectRegistry &registry) {
  registry.insert<AcmeDialect>();
  // A pass option may name the format in a module that doesn't mention the
  // dialect, and by then no dialect can be loaded; so it comes with Lowbit.
  registry.addExtension(+[](MLIRContext *context, lowbit::LowbitDialect *) {
    context->loadDialect<AcmeDialect>();
  });
}

} // namespace acme
