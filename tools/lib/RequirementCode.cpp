//===- RequirementCode.cpp - requirements as compiled code ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RequirementCode.h"
#include "mlir/IR/AffineExprVisitor.h"
#include "llvm/IR/IRBuilder.h"

using namespace lowbit;

namespace {
/// Expressions over extents as 64-bit numbers. Null stands for an expression
/// without value: a symbol, or a quotient whose divisor isn't a positive
/// constant.
class ExpressionBuilder
    : public mlir::AffineExprVisitor<ExpressionBuilder, llvm::Value *> {
public:
  ExpressionBuilder(llvm::IRBuilder<> &builder,
                    llvm::ArrayRef<llvm::Value *> extents)
      : builder(builder), extents(extents) {}

  llvm::Value *visitConstantExpr(mlir::AffineConstantExpr e) {
    return builder.getInt64(e.getValue());
  }
  llvm::Value *visitDimExpr(mlir::AffineDimExpr e) {
    return extents[e.getPosition()];
  }
  llvm::Value *visitSymbolExpr(mlir::AffineSymbolExpr) { return nullptr; }
  llvm::Value *visitAddExpr(mlir::AffineBinaryOpExpr e) {
    return visitBoth(e, [&](llvm::Value *lhs, llvm::Value *rhs) {
      return builder.CreateBinaryIntrinsic(llvm::Intrinsic::sadd_sat, lhs, rhs);
    });
  }
  llvm::Value *visitMulExpr(mlir::AffineBinaryOpExpr e) {
    return visitBoth(e, [&](llvm::Value *lhs, llvm::Value *rhs) {
      return builder.CreateIntrinsic(
          builder.getInt64Ty(), llvm::Intrinsic::smul_fix_sat,
          {lhs, rhs, /*fraction bits=*/builder.getInt32(0)});
    });
  }
  llvm::Value *visitFloorDivExpr(mlir::AffineBinaryOpExpr e) {
    return divide(e, [&](llvm::Value *quotient, llvm::Value *rest) {
      // Of negative numbers, the processor's quotient is rounded up.
      llvm::Value *isBelow = builder.CreateICmpSLT(rest, builder.getInt64(0));
      return builder.CreateSub(
          quotient, builder.CreateZExt(isBelow, builder.getInt64Ty()));
    });
  }
  llvm::Value *visitCeilDivExpr(mlir::AffineBinaryOpExpr e) {
    return divide(e, [&](llvm::Value *quotient, llvm::Value *rest) {
      llvm::Value *isAbove = builder.CreateICmpSGT(rest, builder.getInt64(0));
      return builder.CreateAdd(
          quotient, builder.CreateZExt(isAbove, builder.getInt64Ty()));
    });
  }
  llvm::Value *visitModExpr(mlir::AffineBinaryOpExpr e) {
    return divide(e, [&](llvm::Value *, llvm::Value *rest) {
      llvm::Value *isBelow = builder.CreateICmpSLT(rest, builder.getInt64(0));
      return builder.CreateSelect(
          isBelow, builder.CreateAdd(rest, visit(e.getRHS())), rest);
    });
  }

private:
  template <typename Combine>
  llvm::Value *visitBoth(mlir::AffineBinaryOpExpr e, Combine combine) {
    llvm::Value *lhs = visit(e.getLHS()), *rhs = visit(e.getRHS());
    return lhs && rhs ? combine(lhs, rhs) : nullptr;
  }
  /// `combine` takes the quotient, rounded to zero, and the rest.
  template <typename Combine>
  llvm::Value *divide(mlir::AffineBinaryOpExpr e, Combine combine) {
    auto divisor = llvm::dyn_cast<mlir::AffineConstantExpr>(e.getRHS());
    if (!divisor || divisor.getValue() <= 0)
      return nullptr;
    return visitBoth(e, [&](llvm::Value *lhs, llvm::Value *rhs) {
      return combine(builder.CreateSDiv(lhs, rhs),
                     builder.CreateSRem(lhs, rhs));
    });
  }

  llvm::IRBuilder<> &builder;
  llvm::ArrayRef<llvm::Value *> extents;
};
} // namespace

llvm::Function *lowbit::addRequirement(llvm::Module &module,
                                       const Requirement &requirement,
                                       llvm::StringRef name) {
  llvm::LLVMContext &context = module.getContext();
  auto *type =
      llvm::FunctionType::get(llvm::Type::getInt32Ty(context),
                              {llvm::PointerType::get(context, 0)}, false);
  auto *function = llvm::Function::Create(
      type, llvm::GlobalValue::PrivateLinkage, name, module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", function));
  llvm::SmallVector<llvm::Value *> extents;
  for (unsigned i = 0; i < requirement.holds.getNumDims(); ++i)
    extents.push_back(
        builder.CreateLoad(builder.getInt64Ty(),
                           builder.CreateConstGEP1_64(builder.getInt64Ty(),
                                                      function->getArg(0), i)));
  ExpressionBuilder expressions(builder, extents);
  llvm::Value *holds = builder.getTrue(), *zero = builder.getInt64(0);
  mlir::IntegerSet set = requirement.holds;
  for (auto [i, constraint] : llvm::enumerate(set.getConstraints())) {
    llvm::Value *value = expressions.visit(constraint);
    llvm::Value *one = !value        ? builder.getFalse()
                       : set.isEq(i) ? builder.CreateICmpEQ(value, zero)
                                     : builder.CreateICmpSGE(value, zero);
    holds = builder.CreateAnd(holds, one);
  }
  builder.CreateRet(builder.CreateZExt(holds, builder.getInt32Ty()));
  return function;
}
