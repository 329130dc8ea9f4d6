//===- WidenBooleans.cpp - booleans in memory take bytes ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An i1 in memory is a byte, but a vector of i1 in memory is a string of bits:
// what scalar code, a vector of another width, or the program outside stores is
// not what a vector load finds. With i8 in memory all of them agree.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AttrTypeSubElements.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUWIDENBOOLEANSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

static bool holdsBooleans(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  return memref && memref.getElementType().isInteger(1);
}

static Value widen(OpBuilder &b, Location loc, Value bit) {
  return arith::ExtUIOp::create(b, loc, b.getI8Type(), bit);
}

static Value narrow(OpBuilder &b, Location loc, Value byte) {
  return arith::TruncIOp::create(b, loc, b.getI1Type(), byte);
}

/// Elements reach the body as bytes and leave it as bytes.
static void widenBody(linalg::LinalgOp op) {
  OpBuilder b(op.getContext());
  Location loc = op.getLoc();
  Block *body = op.getBlock();
  for (OpOperand &operand : op->getOpOperands()) {
    if (!holdsBooleans(operand.get().getType()))
      continue;
    BlockArgument element = op.getMatchingBlockArgument(&operand);
    b.setInsertionPointToStart(body);
    element.setType(b.getI8Type());
    if (element.use_empty())
      continue;
    Value bit = narrow(b, loc, element);
    element.replaceAllUsesExcept(bit, bit.getDefiningOp());
  }
  Operation *yield = body->getTerminator();
  b.setInsertionPoint(yield);
  for (auto [result, init] : llvm::enumerate(op.getDpsInits()))
    if (holdsBooleans(init.getType()))
      yield->setOperand(result, widen(b, loc, yield->getOperand(result)));
}

/// A fill builds its own body, so it is made again once its buffer has bytes.
static void rebuildFill(linalg::FillOp fill) {
  Value bit = fill.getInputs()[0], buffer = fill.getOutputs()[0];
  if (!bit.getType().isInteger(1))
    return;
  OpBuilder b(fill);
  linalg::FillOp::create(b, fill.getLoc(), widen(b, fill.getLoc(), bit),
                         buffer);
  fill->erase();
}

static void widenAccesses(Operation *op) {
  OpBuilder b(op);
  if (auto load = dyn_cast<memref::LoadOp>(op)) {
    if (!holdsBooleans(load.getMemRefType()))
      return;
    b.setInsertionPointAfter(op);
    Value byte = load.getResult();
    byte.setType(b.getI8Type());
    Value bit = narrow(b, op->getLoc(), byte);
    byte.replaceAllUsesExcept(bit, bit.getDefiningOp());
  } else if (auto store = dyn_cast<memref::StoreOp>(op)) {
    if (holdsBooleans(store.getMemRefType()))
      store.getValueMutable().assign(
          widen(b, op->getLoc(), store.getValueToStore()));
  } else if (isa<linalg::LinalgOp>(op) && !isa<linalg::FillOp>(op)) {
    widenBody(cast<linalg::LinalgOp>(op));
  } else if (auto global = dyn_cast<memref::GlobalOp>(op)) {
    auto data =
        dyn_cast_or_null<DenseElementsAttr>(global.getInitialValueAttr());
    if (holdsBooleans(global.getType()) && data)
      global.setInitialValueAttr(data.mapValues(
          b.getI8Type(), [](const APInt &bit) { return bit.zext(8); }));
  }
}

namespace {
struct CPUWidenBooleansPass
    : lowbit::impl::CPUWidenBooleansPassBase<CPUWidenBooleansPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      numBuffers += llvm::count_if(op->getResultTypes(), holdsBooleans);
      widenAccesses(op);
    }

    AttrTypeReplacer replacer;
    replacer.addReplacement([](MemRefType type) -> std::optional<Type> {
      if (!holdsBooleans(type))
        return std::nullopt;
      return MemRefType(MemRefType::Builder(type).setElementType(
          IntegerType::get(type.getContext(), 8)));
    });
    getOperation()->walk([&](Operation *op) {
      replacer.replaceElementsIn(op, /*replaceAttrs=*/false,
                                 /*replaceLocs=*/false, /*replaceTypes=*/true);
      if (auto function = dyn_cast<func::FuncOp>(op))
        function.setFunctionType(
            cast<FunctionType>(replacer.replace(function.getFunctionType())));
      else if (auto global = dyn_cast<memref::GlobalOp>(op))
        global.setType(cast<MemRefType>(replacer.replace(global.getType())));
    });
    for (Operation *op : ops)
      if (auto fill = dyn_cast<linalg::FillOp>(op))
        rebuildFill(fill);
  }
};
} // namespace
