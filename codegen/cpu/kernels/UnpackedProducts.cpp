//===- UnpackedProducts.cpp - products of many rows, unpacked -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UnpackedProducts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

void UnpackedProducts::emit(const Operands &given, Value first, Value last,
                            Value rows, Store store) {
  operands = given;
  this->store = store;
  segments = b.ceilDiv(operands.k, spec.panel.columns);
  prepare();
  // A single row must not pay for the panel's memory.
  Value isNeeded =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, rows, b.index(0));
  auto op = scf::IfOp::create(b, isNeeded, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  emitPanels(first, last, rows);
}

Value UnpackedProducts::allocate(Value elements, Type element) {
  return memref::AllocOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, element), ValueRange{elements},
      b.getI64IntegerAttr(kVectorBytes));
}

void UnpackedProducts::clear(Value memory, Value elements, Type element) {
  Value zero = b.zero(b.vector(kLanes, element));
  b.loop(b.index(0), elements, kLanes, {}, [&](Value i, ValueRange) -> Values {
    vector::StoreOp::create(b, zero, memory, i);
    return {};
  });
}

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

Value UnpackedProducts::groupOf(Value segment) {
  if (!isGrouped())
    return b.index(0);
  return b.div(segment,
               llvm::divideCeil(encoding.groupSize, spec.panel.columns));
}

UnpackedProducts::SegmentPlace
UnpackedProducts::placeSegment(Value base, Value block, Value segment) {
  Value group = groupOf(segment), inGroup = segment;
  if (isGrouped())
    inGroup = b.sub(
        segment,
        b.mul(group, llvm::divideCeil(encoding.groupSize, spec.panel.columns)));
  GroupParameters::Place place = placeGroup(base, block, group);
  return {place,
          b.add(place.offset, b.add(b.mul(inGroup, operands.segmentBytes),
                                    parameters.bytes()))};
}

SegmentOperands UnpackedProducts::prepareBlock(Value block) {
  SegmentOperands segment;
  segment.weights = operands.weights;
  segment.slices = {1, b.index(0)};
  Value row = b.mul(block, layout.atom.rows);
  for (int64_t i = 0; i < registers(); ++i)
    if (Value table = tables.load(b.add(row, i * kLanes), operands.n))
      segment.tables.push_back(products.prepareTable(table));
  return segment;
}

void UnpackedProducts::forEachSegment(
    Value first, Value full, Value end,
    llvm::function_ref<void(Value, Extent columns)> body) {
  int64_t columns = spec.panel.columns;
  b.loop(first, full, 1, {}, [&](Value segment, ValueRange) -> Values {
    body(segment, {columns, {}});
    return {};
  });
  b.loop(full, end, 1, {}, [&](Value segment, ValueRange) -> Values {
    body(segment, {std::nullopt, b.sub(operands.k, b.mul(segment, columns))});
    return {};
  });
}

int64_t UnpackedProducts::countAtoms(int64_t columns) const {
  int64_t padding = layout.columnPadding * encoding.element.valuesPerCode();
  return llvm::divideCeil(columns, padding) *
         (layout.columnPadding / layout.atom.columns);
}

Value UnpackedProducts::countAtoms(Extent columns) {
  if (columns.known)
    return b.index(countAtoms(*columns.known));
  int64_t padding = layout.columnPadding * encoding.element.valuesPerCode();
  return b.mul(b.ceilDiv(columns.value, padding),
               layout.columnPadding / layout.atom.columns);
}
