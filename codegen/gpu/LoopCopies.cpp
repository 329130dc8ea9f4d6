//===- LoopCopies.cpp - copies in loops, element by element ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// An element of a buffer.
struct Element {
  Value buffer;
  SmallVector<Value> indices;
};
} // namespace

/// `offset` + `index`; the offset alone where there is one index, 0.
static Value addOffset(OpBuilder &b, Location loc, OpFoldResult offset,
                       bool isOne, Value index) {
  if (isOne)
    return getValueOrCreateConstantIndexOp(b, loc, offset);
  if (isZeroInteger(offset))
    return index;
  return arith::AddIOp::create(
      b, loc, getValueOrCreateConstantIndexOp(b, loc, offset), index);
}

/// The element where it lies in the buffer that views of the nest are of.
static Element findElement(OpBuilder &b, scf::ForOp nest, Element element) {
  Location loc = nest.getLoc();
  auto view = element.buffer.getDefiningOp<memref::SubViewOp>();
  if (!view || !nest->isProperAncestor(view))
    return element;
  llvm::SmallBitVector dropped = view.getDroppedDims();
  SmallVector<Value> indices;
  const auto *next = element.indices.begin();
  for (auto [i, offset, size] :
       llvm::enumerate(view.getMixedOffsets(), view.getMixedSizes())) {
    Value index = dropped[i] ? Value() : *next++;
    indices.push_back(addOffset(b, loc, offset, isOneInteger(size), index));
  }
  return findElement(b, nest, {view.getSource(), indices});
}

/// Whether the elements of `buffer` can be found so.
static bool hasElements(scf::ForOp nest, Value buffer) {
  auto view = buffer.getDefiningOp<memref::SubViewOp>();
  if (!view || !nest->isProperAncestor(view))
    return true;
  return llvm::all_of(view.getMixedStrides(), isOneInteger) &&
         hasElements(nest, view.getSource());
}

/// Erases views that nothing is left of.
static void eraseViews(Value buffer) {
  auto view = buffer.getDefiningOp<memref::SubViewOp>();
  if (!view || !view->use_empty())
    return;
  Value source = view.getSource();
  view.erase();
  eraseViews(source);
}

static void expandCopy(scf::ForOp nest, memref::CopyOp copy) {
  OpBuilder b(copy);
  Location loc = copy.getLoc();
  Value zero = arith::ConstantIndexOp::create(b, loc, 0),
        one = arith::ConstantIndexOp::create(b, loc, 1);
  SmallVector<Value> point;
  for (int64_t extent :
       cast<MemRefType>(copy.getTarget().getType()).getShape()) {
    if (extent == 1) {
      point.push_back(zero);
      continue;
    }
    Value end = arith::ConstantIndexOp::create(b, loc, extent);
    auto loop = scf::ForOp::create(b, loc, zero, end, one);
    point.push_back(loop.getInductionVar());
    b.setInsertionPointToStart(loop.getBody());
  }
  Element from = findElement(b, nest, {copy.getSource(), point}),
          to = findElement(b, nest, {copy.getTarget(), point});
  Value element = memref::LoadOp::create(b, loc, from.buffer, from.indices);
  memref::StoreOp::create(b, loc, element, to.buffer, to.indices);
  Value views[] = {copy.getSource(), copy.getTarget()};
  copy.erase();
  for (Value view : views)
    eraseViews(view);
}

void lowbit::expandCopies(scf::ForOp nest) {
  SmallVector<memref::CopyOp> copies;
  nest.walk([&](memref::CopyOp copy) {
    auto type = dyn_cast<MemRefType>(copy.getTarget().getType());
    if (type && type.hasStaticShape() && hasElements(nest, copy.getSource()) &&
        hasElements(nest, copy.getTarget()))
      copies.push_back(copy);
  });
  for (memref::CopyOp copy : copies)
    expandCopy(nest, copy);
}
