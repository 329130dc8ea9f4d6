//===- KernelCalls.cpp - calls of kernels, and what they read -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelCalls.h"
#include "GroupParameters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;
using numerics::Component;

Value KernelCalls::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value KernelCalls::call(func::FuncOp kernel, Value tiles, Value grain,
                        ValueRange inputs, Value size, Type element) {
  RankedTensorType type = flatTensor(element);
  Value result = tensor::EmptyOp::create(b, type, ValueRange{size});
  return CallKernelOp::create(b, TypeRange{type}, kernel.getSymName(), tiles,
                              grain, inputs, ValueRange{result})
      .getResult(0);
}

/// Tasks of a call that has more than one. Where three are shared by two
/// threads, one thread has twice as much to do as the other.
static constexpr int64_t kLeastTasks = 16;

Value KernelCalls::getTaskGrain(Value tiles, Value workPerTile,
                                int64_t taskWork) {
  Value work = arith::MaxSIOp::create(b, workPerTile, index(1));
  Value grain = arith::DivUIOp::create(b, index(taskWork), work);
  grain = arith::MaxSIOp::create(b, grain, index(1));
  Value even = arith::CeilDivUIOp::create(b, tiles, index(kLeastTasks));
  even = arith::MinSIOp::create(b, grain, even);
  Value isOne =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule, tiles, grain);
  return arith::SelectOp::create(b, isOne, grain, even);
}

/// A global of one tensor that takes over a part of `like`.
GlobalOp KernelCalls::createPlain(GlobalOp like, StringRef suffix,
                                  ElementsAttr data) {
  std::string name = (like.getSymName() + suffix).str();
  for (unsigned i = 0; module.lookupSymbol(name); ++i)
    name = (like.getSymName() + suffix + "." + Twine(i)).str();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(like);
  return GlobalOp::create(
      b, like.getLoc(), name, data.getType(),
      b.getDictionaryAttr(b.getNamedAttr(component::kData, data)));
}

Value KernelCalls::getBlob(WeightOp weight) {
  GlobalOp global = weight.getGlobalOp();
  GlobalOp &blob = blobs[global];
  if (!blob)
    blob = createPlain(global, ".blob", global.getComponent(component::kBlob));
  return asDynamic(b, WeightOp::create(b, blob.getType(), blob.getSymName()));
}

Value KernelCalls::getTablePart(GlobalOp global, StringRef name) {
  GlobalOp &part = parts[{global, b.getStringAttr(name)}];
  if (!part)
    part = createPlain(global, (".table." + name).str(),
                       global.getComponent(name));
  return flattenAll(b, WeightOp::create(b, part.getType(), part.getSymName()))
      .flat;
}

Value KernelCalls::getStoredScales(GlobalOp global, Component component) {
  auto type = cast<QuantizedTensorType>(global.getType());
  if (component == Component::Minimum && !type.getEncoding().getMinimum())
    return {};
  StringRef kind =
      component == Component::Scale ? component::kScale : component::kMinimum;
  std::string name = (kind + component::kSeparator + component::kScale).str();
  GlobalOp &part = parts[{global, b.getStringAttr(name)}];
  if (!part) {
    std::string suffix = ".blob." + name;
    part =
        createPlain(global, suffix,
                    arrangeStoredScales(type, global.getComponent(name),
                                        (global.getSymName() + suffix).str()));
  }
  return asDynamic(b, WeightOp::create(b, part.getType(), part.getSymName()));
}
