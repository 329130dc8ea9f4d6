//===- LowbitDialect.cpp - registration of the dialect --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

#include "lowbit/IR/LowbitDialect.cpp.inc"
#include "lowbit/IR/LowbitEnums.cpp.inc"
#include "lowbit/IR/LowbitInterfaces.cpp.inc"

/// A word for an encoding that names what matters, such as int4_g32.
static void printAlias(EncodingAttr encoding, llvm::raw_ostream &os) {
  Attribute element = encoding.getElement();
  if (auto format = dyn_cast<SmallFloatAttr>(element))
    os << format.getType();
  else // int4 for #lowbit.int<4>, and for formats of other dialects alike
    os << element.getAbstractAttribute().getName().rsplit('.').second
       << encoding.getCodeBits();
  TypeSwitch<Attribute>(encoding.getGranularity())
      .Case([&](PerGroupAttr group) { os << "_g" << group.getSize(); })
      .Case([&](PerTensorAttr) { os << "_tensor"; });
  os << '_' << encoding.getScale();
}

namespace {

/// Encodings and layouts are printed once, at the top, and by name after that.
struct LowbitAsmInterface : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attribute, raw_ostream &os) const override {
    if (auto encoding = dyn_cast<EncodingAttr>(attribute)) {
      printAlias(encoding, os);
      return AliasResult::OverridableAlias;
    }
    if (auto planes = dyn_cast<PlanesAttr>(attribute)) {
      os << "planes" << planes.getRows();
      return AliasResult::OverridableAlias;
    }
    if (isa<TilesAttr>(attribute)) {
      os << "tiles";
      return AliasResult::OverridableAlias;
    }
    return AliasResult::NoAlias;
  }
};

} // namespace

void LowbitDialect::initialize() {
  addInterfaces<LowbitAsmInterface>();
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lowbit/IR/LowbitOps.cpp.inc"
      >();
}
