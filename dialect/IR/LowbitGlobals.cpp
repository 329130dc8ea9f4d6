//===- LowbitGlobals.cpp - weights and what they are made of --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constraints are numbered as in SPEC.md, one section per operation.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Matrix.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace lowbit;

ElementsAttr GlobalOp::getComponent(StringRef name) {
  return dyn_cast_or_null<ElementsAttr>(getComponents().get(name));
}

int64_t GlobalOp::getStoredBytes() {
  int64_t bits = 0;
  for (NamedAttribute component : getComponents()) {
    ShapedType type = cast<ElementsAttr>(component.getValue()).getShapedType();
    bits += type.getNumElements() * type.getElementTypeBitWidth();
  }
  return llvm::divideCeil(bits, 8);
}

void GlobalOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &) {}

/// Names and types of the components that a global of `type` must have.
static SmallVector<std::pair<StringRef, RankedTensorType>, 5>
expectedComponents(Type type) {
  if (auto quantized = dyn_cast<QuantizedTensorType>(type))
    return quantized.getComponents();
  return {{component::kData, cast<RankedTensorType>(type)}};
}

/// W8: bytes that are at hand are as many as the type takes. A resource may
/// hold any number; compiled code would read beyond them.
static LogicalResult verifyByteCount(GlobalOp op, StringRef name,
                                     ElementsAttr elements) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(elements);
  ShapedType type = elements.getShapedType();
  AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob || type.getElementTypeBitWidth() % 8 != 0)
    return success();
  int64_t bytes = type.getNumElements() * (type.getElementTypeBitWidth() / 8);
  int64_t found = blob->getData().size();
  if (found == bytes)
    return success();
  return op.emitOpError() << "requires " << bytes << " bytes of component '"
                          << name << "' (W8), found " << found;
}

/// W7: places outside the row would be read outside the data. Bytes that are
/// not at hand (a resource to be mapped later) are checked by whoever maps
/// them.
static LogicalResult verifyPermutation(GlobalOp op) {
  ElementsAttr permutation = op.getComponent(component::kPermutation);
  if (!permutation || isa<RankedTensorType>(op.getType()))
    return success();
  SmallVector<int32_t> places;
  if (auto resource = dyn_cast<DenseI32ResourceElementsAttr>(permutation)) {
    if (auto data = resource.tryGetAsArrayRef())
      llvm::append_range(places, *data);
  } else {
    // K is the file's word: a splat claims any number of places in one element.
    auto dense = dyn_cast<DenseElementsAttr>(permutation);
    if (!dense || (dense.isSplat() && dense.getNumElements() > 1))
      return op.emitOpError()
             << "requires a permutation (W7), found "
             << (dense ? "one place repeated" : "elements that are not dense");
    llvm::append_range(places, dense.getValues<int32_t>());
  }
  // Empty if the bytes are not at hand.
  SmallVector<bool> isTaken(places.size(), false);
  for (int32_t place : places) {
    if (place < 0 || place >= static_cast<int64_t>(isTaken.size()) ||
        isTaken[place])
      return op.emitOpError()
             << "requires a permutation of 0 to " << isTaken.size() - 1
             << " (W7), found " << place << " out of range or twice";
    isTaken[place] = true;
  }
  return success();
}

/// The bytes of `elements`, a component of i8; none where they aren't at hand.
/// A splat is written out if it is short.
static SmallVector<uint8_t> readBytes(ElementsAttr elements) {
  constexpr int64_t kLongestSplat = int64_t(1) << 20;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    ArrayRef<char> raw = blob ? blob->getData() : ArrayRef<char>();
    return SmallVector<uint8_t>(raw.begin(), raw.end());
  }
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!dense || (dense.isSplat() && dense.getNumElements() > kLongestSplat))
    return {};
  auto numbers = dense.getValues<uint8_t>();
  return SmallVector<uint8_t>(numbers.begin(), numbers.end());
}

/// W10: parts have as many columns as the type says; more would be read from
/// outside the part.
static LogicalResult verifyColumnParts(GlobalOp op) {
  auto type = dyn_cast<QuantizedTensorType>(op.getType());
  MixedAttr mixed = type ? type.getEncoding().getMixed() : MixedAttr();
  if (!mixed)
    return success();
  SmallVector<uint8_t> bytes =
      readBytes(op.getComponent(component::kColumnPart));
  unsigned bits = type.getEncoding().getNumerics().partBits();
  SmallVector<int64_t> counts(size_t(1) << bits);
  for (int64_t k = 0; k < type.getColumns() && !bytes.empty(); ++k)
    ++counts[numerics::readStream(bytes.data(), k, bits)];
  counts.resize(mixed.getColumns().size());
  if (bytes.empty() || ArrayRef(counts) == mixed.getColumns())
    return success();
  return op.emitOpError()
         << "requires as many columns of each part as the type "
            "has, "
         << mixed.getColumns() << " (W10), found " << counts;
}

/// W9: sizes in bytes and bits fit 64 bits. Quantized types see to it (T5).
static LogicalResult verifyElementCount(GlobalOp op) {
  constexpr int64_t kLimit = int64_t(1) << 48;
  int64_t elements = 1;
  for (int64_t extent : cast<ShapedType>(op.getType()).getShape()) {
    if (extent > kLimit / elements)
      return op.emitOpError()
             << "requires dimensions with a product of at most "
                "2^48 (W9), found "
             << op.getType();
    elements *= std::max<int64_t>(extent, 1);
  }
  return success();
}

/// With W9, sizes in bits fit 64 bits, too.
static constexpr unsigned kMaxElementBits = 64;

LogicalResult GlobalOp::verify() {
  auto shaped = dyn_cast<ShapedType>(getType());
  // W1
  if (!shaped || !isa<RankedTensorType, QuantizedTensorType>(getType()) ||
      !shaped.hasStaticShape() || !shaped.getElementType().isIntOrFloat() ||
      shaped.getElementTypeBitWidth() > kMaxElementBits)
    return emitOpError() << "requires a tensor of static shape of integers or "
                            "floats of at most 64 bits (W1), found "
                         << getType();
  if (failed(verifyElementCount(*this)))
    return failure();
  auto expected = expectedComponents(getType());
  for (auto &[name, type] : expected) {
    Attribute attribute = getComponents().get(name);
    // W2
    if (!attribute)
      return emitOpError() << "requires component '" << name << "' of type "
                           << type << " (W2), found none";
    auto elements = dyn_cast<ElementsAttr>(attribute);
    // W3
    if (!elements || elements.getShapedType() != type) {
      InFlightDiagnostic diagnostic = emitOpError() << "requires component '"
                                                    << name << "' of type "
                                                    << type << " (W3), found ";
      if (elements)
        return diagnostic << elements.getShapedType();
      return diagnostic << "an attribute that holds no elements";
    }
    if (failed(verifyByteCount(*this, name, elements)))
      return failure();
  }
  // W4
  for (NamedAttribute component : getComponents())
    if (llvm::none_of(expected, [&](auto &entry) {
          return entry.first == component.getName().strref();
        }))
      return emitOpError() << "has no place for component '"
                           << component.getName().strref()
                           << "' (W4) in a value "
                           << "of type " << getType();
  if (failed(verifyColumnParts(*this)))
    return failure();
  return verifyPermutation(*this);
}

GlobalOp WeightOp::getGlobalOp() {
  return SymbolTable::lookupNearestSymbolFrom<GlobalOp>(*this, getGlobalAttr());
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto global =
      symbols.lookupNearestSymbolFrom<GlobalOp>(*this, getGlobalAttr());
  // W5
  if (!global)
    return emitOpError() << "requires a lowbit.global called '" << getGlobal()
                         << "' (W5), found none";
  // W6
  if (global.getType() == getType())
    return success();
  InFlightDiagnostic diagnostic =
      emitOpError() << "requires the type of its global, " << global.getType()
                    << " (W6), found " << getType();
  diagnostic.attachNote(global.getLoc()) << "declared here";
  return diagnostic;
}
