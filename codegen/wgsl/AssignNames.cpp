//===- AssignNames.cpp - names of a shader's values -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expressions.h"
#include "NameHints.h"
#include "Subset.h"
#include "lowbit/CodeGen/WGSL/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace lowbit {
#define GEN_PASS_DEF_WGSLASSIGNNAMESPASS
#include "lowbit/CodeGen/WGSL/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Operations in one statement, at most: longer ones are hard to read.
static constexpr unsigned kLongestStatement = 7;

namespace {

/// Names of one shader, all different.
class NameTable {
public:
  std::string add(StringRef hint) {
    std::string name = clean(hint);
    unsigned &count = counts[name];
    std::string unique = name;
    while (isReservedWord(unique) || !taken.insert(unique).second)
      unique = name + "_" + std::to_string(++count);
    return unique;
  }

private:
  /// Letters, digits and single underscores, a letter first.
  static std::string clean(StringRef hint) {
    std::string name;
    for (char c : hint) {
      char kept = llvm::isAlnum(c) ? c : '_';
      if (kept != '_' || (!name.empty() && name.back() != '_'))
        name += kept;
    }
    while (!name.empty() && name.back() == '_')
      name.pop_back();
    if (name.empty() || llvm::isDigit(name.front()))
      name.insert(0, "v");
    return name;
  }

  llvm::StringSet<> taken;
  llvm::StringMap<unsigned> counts;
};

bool isCast(Operation *op) {
  return isa<arith::IndexCastOp, arith::IndexCastUIOp>(op);
}

/// Nothing is computed: a literal, or a part of a built-in value.
bool isLeaf(Operation *op) {
  return isa<arith::ConstantOp>(op) || !getBuiltinText(op).empty();
}

/// Whether the text of `op` holds an operand's more than once, or a component
/// of it.
bool takesApart(Operation *op, Value operand) {
  if (isa<vector::InsertOp>(op))
    return cast<vector::InsertOp>(op).getDest() == operand;
  if (isa<vector::ReductionOp>(op))
    return !operand.getDefiningOp<arith::MulFOp>();
  return isa<vector::ShuffleOp>(op);
}

/// Whether `user` is evaluated with other values than its operands were made
/// of: all but the first variable of a loop have been assigned before it.
bool assignsSeveral(Operation *user) {
  return isa<scf::YieldOp, scf::ConditionOp>(user) &&
         isa<scf::ForOp, scf::WhileOp>(user->getParentOp()) &&
         user->getNumOperands() > 1;
}

/// The variable of a loop around it that `loop` goes on with: nothing else
/// needs what that was before, and what it is after is its next value. Null if
/// there is none.
Value findPassedOn(scf::ForOp loop, unsigned number) {
  auto outer = dyn_cast<scf::ForOp>(loop->getParentOp());
  auto start = dyn_cast<BlockArgument>(loop.getInitArgs()[number]);
  Value end = loop.getResult(number);
  if (!outer || !start || start.getOwner() != outer.getBody() ||
      start == outer.getInductionVar() || !start.hasOneUse() ||
      !end.hasOneUse())
    return {};
  unsigned place = start.getArgNumber() - outer.getNumInductionVars();
  OpOperand &use = *end.use_begin();
  return use.getOwner() == outer.getBody()->getTerminator() &&
                 use.getOperandNumber() == place
             ? outer.getResult(place)
             : Value();
}

class NameAssigner {
public:
  explicit NameAssigner(gpu::GPUFuncOp kernel)
      : kernel(kernel), hints(kernel) {}

  void run() {
    names.add(kernel.getName());
    nameArguments();
    kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != kernel)
        visit(op);
    });
  }

  unsigned numNamed = 0, numInlined = 0;

private:
  std::string addArgument(BlockArgument argument, Attribute given,
                          const Twine &fallback) {
    std::string hint = hints.getGivenName(argument.getLoc());
    if (auto text = dyn_cast_or_null<StringAttr>(given))
      hint = text.str();
    ++numNamed;
    return names.add(hint.empty() ? fallback.str() : hint);
  }

  void nameArguments() {
    Builder b(kernel.getContext());
    for (BlockArgument argument : getBuffers(kernel)) {
      unsigned i = argument.getArgNumber();
      kernel.setArgAttr(i, kWGSLNameAttrName,
                        b.getStringAttr(addArgument(
                            argument, kernel.getArgAttr(i, kWGSLNameAttrName),
                            "buffer" + Twine(i))));
    }
    SmallVector<std::string> shared;
    for (BlockArgument memory : kernel.getWorkgroupAttributions())
      shared.push_back(addArgument(memory, Attribute(), "tile"));
    SmallVector<StringRef> views(shared.begin(), shared.end());
    if (!views.empty())
      kernel->setAttr(kWGSLNamesAttrName, b.getStrArrayAttr(views));
  }

  void setNames(Operation *op, ArrayRef<Value> values) {
    SmallVector<std::string> given;
    for (auto [i, value] : llvm::enumerate(values)) {
      auto loop = dyn_cast<scf::ForOp>(op);
      Value same =
          loop && i < loop->getNumResults() ? findPassedOn(loop, i) : Value();
      given.push_back(same ? getValueName(same).str()
                           : names.add(hints.getHint(value)));
    }
    numNamed += given.size();
    SmallVector<StringRef> views(given.begin(), given.end());
    op->setAttr(kWGSLNamesAttrName,
                Builder(op->getContext()).getStrArrayAttr(views));
  }

  /// What loops and branches leave, and their variables.
  void nameStatement(Operation *op) {
    SmallVector<Value> values(op->getResults());
    if (auto loop = dyn_cast<scf::ForOp>(op))
      values.push_back(loop.getInductionVar());
    if (auto loop = dyn_cast<scf::WhileOp>(op))
      llvm::append_range(values, loop.getBeforeArguments());
    if (!values.empty())
      setNames(op, values);
  }

  /// Operations on literals alone would be evaluated by the compiler, which
  /// refuses what overflows: a name makes them ordinary ones.
  void nameConstantOperand(Operation *op) {
    if (isLeaf(op) || op->getNumOperands() == 0 || isCast(op))
      return;
    auto isConstant = [](Value value) {
      return value.getDefiningOp<arith::ConstantOp>() &&
             getValueName(value).empty();
    };
    if (llvm::all_of(op->getOperands(), isConstant))
      setNames(op->getOperand(0).getDefiningOp(), {op->getOperand(0)});
  }

  /// Operations in the text of `op`.
  unsigned countOperations(Operation *op) {
    unsigned size = 1;
    for (Value operand : op->getOperands())
      if (Operation *definer = operand.getDefiningOp())
        size += sizes.lookup(definer);
    return size;
  }

  /// Names operands of `op` until its text is short enough: those that their
  /// locations name before others, then the longest.
  void shorten(Operation *op) {
    while (countOperations(op) > kLongestStatement) {
      Operation *chosen = nullptr;
      std::pair<bool, unsigned> most;
      for (Value operand : op->getOperands()) {
        Operation *definer = operand.getDefiningOp();
        unsigned size = definer ? sizes.lookup(definer) : 0;
        std::pair<bool, unsigned> found(
            size > 1 && !hints.getGivenName(operand.getLoc()).empty(), size);
        if (size > 0 && (!chosen || found > most)) {
          chosen = definer;
          most = found;
        }
      }
      sizes.erase(chosen);
      --numInlined;
      setNames(chosen, {chosen->getResult(0)});
    }
  }

  /// Whether the text of `op` has none of the variables that `loop` assigns
  /// before the one with this number.
  bool isOfLaterVariables(Operation *op, scf::ForOp loop, unsigned number) {
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      auto variable = dyn_cast<BlockArgument>(operand);
      if (variable)
        return variable.getOwner() != loop.getBody() ||
               variable == loop.getInductionVar() ||
               variable.getArgNumber() - loop.getNumInductionVars() >= number;
      Operation *definer = operand.getDefiningOp();
      return !getValueName(operand).empty() ||
             isOfLaterVariables(definer, loop, number);
    });
  }

  /// Whether `op` is the same where `use` assigns it to a variable.
  bool isAssignable(Operation *op, OpOperand &use) {
    auto loop = dyn_cast<scf::ForOp>(use.getOwner()->getParentOp());
    return !assignsSeveral(use.getOwner()) ||
           (loop && isOfLaterVariables(op, loop, use.getOperandNumber()));
  }

  bool isInline(Operation *op) {
    if (isLeaf(op))
      return true;
    if (!isMemoryEffectFree(op) || op->hasAttr(kWGSLNamesAttrName))
      return false;
    unsigned size = countOperations(op);
    if (isCast(op) && size == 1)
      return true;
    if (!op->hasOneUse())
      return false;
    OpOperand &use = *op->use_begin();
    Operation *user = use.getOwner();
    if (user->getBlock() != op->getBlock() || isa<scf::WhileOp>(user) ||
        takesApart(user, use.get()) || !isAssignable(op, use))
      return false;
    sizes[op] = size;
    return true;
  }

  void visit(Operation *op) {
    if (isa<memref::StoreOp>(op))
      shorten(op);
    if (isStatement(op))
      return nameStatement(op);
    if (!getExpressionForm(op))
      return;
    shorten(op);
    nameConstantOperand(op);
    if (isInline(op))
      ++numInlined;
    else if (!op->hasAttr(kWGSLNamesAttrName))
      setNames(op, {op->getResult(0)});
  }

  gpu::GPUFuncOp kernel;
  NameHints hints;
  NameTable names;
  /// Operations in the text of one that is printed where it is used.
  DenseMap<Operation *, unsigned> sizes;
};

struct WGSLAssignNamesPass
    : lowbit::impl::WGSLAssignNamesPassBase<WGSLAssignNamesPass> {
  void runOnOperation() override {
    NameAssigner assigner(getOperation());
    assigner.run();
    numNamed += assigner.numNamed;
    numInlined += assigner.numInlined;
  }
};

} // namespace
