//===- NameHints.cpp - what values should be called -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NameHints.h"
#include "Expressions.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

NameHints::NameHints(gpu::GPUFuncOp kernel) {
  kernel.getLoc()->walk([&](Location loc) {
    if (auto named = dyn_cast<NameLoc>(loc))
      ownNames.push_back(named.getName());
    return WalkResult::advance();
  });
}

/// `ReduceMean_12` as `reduce_mean`: a number tells nodes apart, not values.
static std::string toSnakeCase(StringRef name) {
  StringRef stem = name.rtrim("0123456789");
  if (stem.size() > 1 && stem.back() == '_')
    name = stem.drop_back();
  std::string text;
  for (auto [i, c] : llvm::enumerate(name)) {
    bool begins = i > 0 && llvm::isUpper(c) && llvm::isLower(name[i - 1]);
    if (begins)
      text += '_';
    text += llvm::toLower(c);
  }
  return text;
}

std::string NameHints::getGivenName(Location loc) const {
  auto named = loc->findInstanceOf<NameLoc>();
  if (!named || llvm::is_contained(ownNames, named.getName()))
    return "";
  StringRef path = named.getName().getValue();
  StringRef last = path.rsplit('/').second;
  return toSnakeCase(last.empty() ? path : last);
}

/// A choice by which of both numbers is larger is one of these.
static StringRef getSelectWord(arith::SelectOp op) {
  auto compare = op.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return "chosen";
  bool isLarger = compare.getPredicate() == arith::CmpFPredicate::OGT ||
                  compare.getPredicate() == arith::CmpFPredicate::UGT;
  bool isSmaller = compare.getPredicate() == arith::CmpFPredicate::OLT ||
                   compare.getPredicate() == arith::CmpFPredicate::ULT;
  if (compare.getLhs() == op.getFalseValue() &&
      compare.getRhs() == op.getTrueValue())
    std::swap(isLarger, isSmaller);
  else if (compare.getLhs() != op.getTrueValue() ||
           compare.getRhs() != op.getFalseValue())
    return "chosen";
  return isLarger ? "larger" : isSmaller ? "smaller" : "chosen";
}

/// What an operation on numbers computes; empty where that says little.
static StringRef getResultWord(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case<arith::AddFOp, arith::AddIOp, math::FmaOp, vector::FMAOp>(
          [](auto) { return "sum"; })
      .Case<arith::SubFOp, arith::SubIOp>([](auto) { return "difference"; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return "product"; })
      .Case<arith::DivFOp, arith::DivUIOp, arith::DivSIOp>(
          [](auto) { return "quotient"; })
      .Case<arith::RemUIOp, arith::RemSIOp, arith::RemFOp>(
          [](auto) { return "remainder"; })
      .Case<arith::MaxNumFOp, arith::MaximumFOp, arith::MaxUIOp,
            arith::MaxSIOp>([](auto) { return "larger"; })
      .Case<arith::MinNumFOp, arith::MinimumFOp, arith::MinUIOp,
            arith::MinSIOp>([](auto) { return "smaller"; })
      .Case<math::ExpOp, math::Exp2Op>([](auto) { return "exponential"; })
      .Case<math::SqrtOp, math::RsqrtOp>([](auto) { return "root"; })
      .Case<arith::SelectOp>(getSelectWord)
      .Case<arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::ShLIOp,
            arith::ShRUIOp, arith::ShRSIOp, arith::BitcastOp,
            vector::BitCastOp>([](auto) { return "bits"; })
      .Case<arith::UIToFPOp, arith::SIToFPOp, arith::ExtFOp, arith::TruncFOp>(
          [](auto) { return "number"; })
      .Case<vector::ReductionOp>([](auto) { return "total"; })
      .Case<DotBytesOp>([](auto) { return "sum"; })
      .Default([](Operation *) { return ""; });
}

/// Whether all that is done with `value` is to shift words by it.
static bool isShiftAmount(Value value) {
  auto isAmount = [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto broadcast = dyn_cast<vector::BroadcastOp>(user))
      return isShiftAmount(broadcast.getVector());
    return isa<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>(user) &&
           use.getOperandNumber() == 1;
  };
  return !value.use_empty() && llvm::all_of(value.getUses(), isAmount);
}

static StringRef getTypeWord(Type type) {
  if (isa<VectorType>(type))
    return "values";
  if (type.isInteger(1))
    return "condition";
  return type.isInteger(32) ? "word" : "value";
}

/// A loop's variable: what it is called inside, or what its next value is.
std::string NameHints::getLoopHint(Value value, Value next,
                                   Value variable) const {
  std::string name = getGivenName(variable.getLoc());
  if (name.empty())
    name = getGivenName(value.getLoc());
  if (name.empty() && next.getDefiningOp())
    name = getHint(next);
  if (name.empty())
    return value.getType().isIndex() ? "i" : getTypeWord(value.getType()).str();
  return name;
}

std::string NameHints::getHint(Value value) const {
  if (auto result = dyn_cast<OpResult>(value)) {
    unsigned i = result.getResultNumber();
    if (auto loop = dyn_cast<scf::ForOp>(result.getOwner()))
      return getLoopHint(value, loop.getYieldedValues()[i],
                         loop.getRegionIterArg(i));
    if (auto branch = dyn_cast<scf::IfOp>(result.getOwner()))
      return getLoopHint(value, branch.thenYield().getOperand(i), value);
  }
  std::string name = getGivenName(value.getLoc());
  if (!name.empty())
    return name;
  if (auto load = value.getDefiningOp<memref::LoadOp>())
    return (getValueName(load.getMemRef()) + "_value").str();
  if (isa<MemRefType>(value.getType()))
    return "local";
  // The same number in each place.
  if (auto broadcast = value.getDefiningOp<vector::BroadcastOp>())
    return getHint(broadcast.getSource());
  if (value.getType().isIndex())
    return getIndexHint(value);
  if (isShiftAmount(value))
    return "shift";
  Operation *op = value.getDefiningOp();
  if (op && !value.getType().isInteger(1))
    if (StringRef word = getResultWord(op); !word.empty())
      return word.str();
  return getTypeWord(value.getType()).str();
}
