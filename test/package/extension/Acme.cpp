//===- Acme.cpp - the dialect --------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Acme.h"
#include <llvm/ADT/TypeSwitch.h>
#include <mlir/IR/DialectImplementation.h>

using namespace mlir;

#include "AcmeDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "AcmeAttributes.cpp.inc"

namespace acme {

void AcmeDialect::initialize() { registerAttributes(); }

void AcmeDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "AcmeAttributes.cpp.inc"
      >();
}

} // namespace acme
