//===- LowbitDialect.cpp - registration of the dialect --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/LowbitGPUOps.h"
#include "lowbit/IR/LowbitTableOps.h"
#include "lowbit/IR/LowbitWordOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
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
      .Case([&](PerBlockAttr block) {
        os << "_b" << block.getRows() << 'x' << block.getColumns();
      })
      .Case([&](PerTensorAttr) { os << "_tensor"; });
  os << '_' << encoding.getScale();
  if (encoding.getStored())
    os << "_dq";
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
    if (auto streams = dyn_cast<StreamsAttr>(attribute)) {
      os << "streams" << streams.getRows();
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

Type lowbit::makeUnsigned(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto element =
      tensor ? dyn_cast<IntegerType>(tensor.getElementType()) : IntegerType();
  if (!element)
    return type;
  return tensor.clone(IntegerType::get(type.getContext(), element.getWidth(),
                                       IntegerType::Unsigned));
}

/// Checks what the rows of a result are said to be of.
static LogicalResult verifyRanges(Operation *op, Attribute attribute,
                                  ShapedType shaped) {
  // N4
  auto ranges = dyn_cast<ArrayAttr>(attribute);
  bool hasRows =
      !shaped || (ranges && shaped.hasRank() && shaped.getRank() == 2 &&
                  shaped.getDimSize(0) == static_cast<int64_t>(ranges.size()));
  auto isRange = [](Attribute range) {
    auto fields = dyn_cast<DictionaryAttr>(range);
    auto layers = fields ? fields.getAs<ArrayAttr>("layers") : nullptr;
    return layers && llvm::all_of(layers, llvm::IsaPred<StringAttr>) &&
           fields.getAs<FloatAttr>("low") && fields.getAs<FloatAttr>("high");
  };
  if (ranges && hasRows && llvm::all_of(ranges, isRange))
    return success();
  return op->emitOpError() << "requires layers, low and high for each row as "
                           << kRangesAttrName << " (N4), found " << attribute;
}

/// Checks a name that users know a tensor of type `type` by.
static LogicalResult verifyName(Operation *op, NamedAttribute attribute,
                                Type type) {
  // N1
  if (attribute.getName() == kNameAttrName)
    return isa<StringAttr>(attribute.getValue())
               ? success()
               : op->emitOpError() << "requires a string as " << kNameAttrName
                                   << " (N1), found " << attribute.getValue();
  auto shaped = dyn_cast_or_null<ShapedType>(type);
  // N3
  if (attribute.getName() == kUnsignedAttrName)
    return isa<UnitAttr>(attribute.getValue()) &&
                   (!shaped || shaped.getElementType().isSignlessInteger())
               ? success()
               : op->emitOpError()
                     << "requires no value and signless integers for "
                     << kUnsignedAttrName << " (N3), found "
                     << attribute.getValue() << " of " << type;
  if (attribute.getName() == kRangesAttrName)
    return verifyRanges(op, attribute.getValue(), shaped);
  if (attribute.getName() != kDimensionsAttrName)
    return success();
  // N2
  auto names = dyn_cast<ArrayAttr>(attribute.getValue());
  if (names && llvm::all_of(names, llvm::IsaPred<StringAttr>) &&
      (!shaped || !shaped.hasRank() ||
       shaped.getRank() == static_cast<int64_t>(names.size())))
    return success();
  return op->emitOpError() << "requires a string for each dimension of " << type
                           << " as " << kDimensionsAttrName << " (N2), found "
                           << attribute.getValue();
}

LogicalResult LowbitDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                      unsigned index,
                                                      NamedAttribute attr) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return verifyName(op, attr,
                    function ? function.getArgumentTypes()[index] : Type());
}

LogicalResult LowbitDialect::verifyRegionResultAttribute(Operation *op,
                                                         unsigned,
                                                         unsigned index,
                                                         NamedAttribute attr) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return verifyName(op, attr,
                    function ? function.getResultTypes()[index] : Type());
}

void LowbitDialect::initialize() {
  addInterfaces<LowbitAsmInterface>();
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lowbit/IR/LowbitOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "lowbit/IR/LowbitTableOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "lowbit/IR/LowbitGPUOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "lowbit/IR/LowbitWordOps.cpp.inc"
      >();
}
