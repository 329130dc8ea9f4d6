//===- IndexNames.cpp - what indices should be called ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An index that no location names is called by the first of these that says
// something:
//
//   rows         a quotient whose remainder is `row`: whole rows before it
//   row          `row + 2u`, `min(row, 15u)`: another row
//   x_at         where buffer `x` is read or written; `at` if several are
//   row_offset   `row * 8u`
//   row_group    `row / 8u`; `row_in_group` is `row % 8u`
//   x_offset     a part of where `x` is read or written; `offset` if several
//                are
//
//===----------------------------------------------------------------------===//

#include "Expressions.h"
#include "NameHints.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace lowbit;

/// What addresses are computed with.
static bool isAddressPart(Operation *op) {
  return op->getNumResults() == 1 && op->getResult(0).getType().isIndex() &&
         isa_and_nonnull<arith::ArithDialect>(op->getDialect());
}

/// Adds the buffers that `value` is an index of; with `seen`, also those that
/// it is a part of an index of.
static void collectBuffers(Value value, SetVector<Value> &buffers,
                           DenseSet<Value> *seen = nullptr) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto load = dyn_cast<memref::LoadOp>(user)) {
      buffers.insert(load.getMemRef());
    } else if (auto store = dyn_cast<memref::StoreOp>(user)) {
      if (use.get() != store.getValueToStore())
        buffers.insert(store.getMemRef());
    } else if (seen && isAddressPart(user) &&
               seen->insert(user->getResult(0)).second) {
      collectBuffers(user->getResult(0), buffers, seen);
    }
  }
}

static bool isConstant(Value value) {
  return getConstantIntValue(value).has_value();
}

/// The operand of an operation of which the other is a number; null for others.
static Value getVariable(Operation *op) {
  if (!op || op->getNumOperands() != 2 || !isConstant(op->getOperand(1)) ||
      isConstant(op->getOperand(0)))
    return {};
  return op->getOperand(0);
}

/// Of which things an index is one: `row`.
std::string NameHints::getSubject(Value value) const {
  std::string name = getGivenName(value.getLoc());
  Operation *op = value.getDefiningOp();
  Value variable = getVariable(op);
  if (!name.empty() || !variable)
    return name;
  if (isa<arith::AddIOp, arith::MinUIOp, arith::MaxUIOp>(op))
    return getSubject(variable);
  if (!isa<arith::DivUIOp>(op))
    return "";
  // The first by name, whichever is used first.
  for (Operation *user : value.getUsers()) {
    if (!isa<arith::RemUIOp>(user) || getVariable(user) != value)
      continue;
    std::string given = getGivenName(user->getLoc());
    if (!given.empty() && (name.empty() || given < name))
      name = given;
  }
  return name.empty() ? name : name + "s";
}

std::string NameHints::getIndexHint(Value value) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return "i";
  if (std::string subject = getSubject(value); !subject.empty())
    return subject;
  auto getName = [](const SetVector<Value> &buffers, StringRef word) {
    if (buffers.size() > 1)
      return word.str();
    StringRef name = getValueName(buffers.front());
    return (name.empty() ? word : name + "_" + word).str();
  };
  SetVector<Value> buffers;
  collectBuffers(value, buffers);
  if (!buffers.empty())
    return getName(buffers, "at");
  Value variable = getVariable(op);
  std::string subject = variable ? getSubject(variable) : "";
  if (!subject.empty() && isa<arith::MulIOp>(op))
    return subject + "_offset";
  if (!subject.empty() && isa<arith::DivUIOp>(op))
    return subject + "_group";
  if (!subject.empty() && isa<arith::RemUIOp>(op))
    return subject + "_in_group";
  DenseSet<Value> seen;
  collectBuffers(value, buffers, &seen);
  return buffers.empty() ? "i" : getName(buffers, "offset");
}
