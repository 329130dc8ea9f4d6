//===- LowbitLaneOps.cpp - sums over the invocations of a workgroup -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lowbit;

/// Invocations whose numbers one of them adds up by itself.
static constexpr int64_t kShare = 8;

/// Fewer lanes than these are of no use to a subgroup: an invocation reads as
/// many numbers in a step or two.
static constexpr int64_t kFewestSubgroupLanes = 16;

LogicalResult ReduceLanesOp::verify() {
  // G1
  if (getValues().empty() || getValues().size() > kShare ||
      getValues().size() != getResults().size())
    return emitOpError("requires one to eight numbers and a result for each "
                       "(G1), found ")
           << getValues().size() << " and " << getResults().size();
  // G2
  if (!llvm::isPowerOf2_64(getLanes()))
    return emitOpError("requires lanes to be a power of two (G2), found ")
           << getLanes();
  // G3
  auto kernel = (*this)->getParentOfType<gpu::GPUFuncOp>();
  auto size = kernel ? kernel.getKnownBlockSize() : std::nullopt;
  if (!size)
    return emitOpError("requires a kernel with known_block_size (G3), found "
                       "none");
  if ((*size)[1] != 1 || (*size)[2] != 1 ||
      (*size)[0] % static_cast<int64_t>(getLanes()) != 0)
    return emitOpError("requires a workgroup of one dimension with a multiple "
                       "of ")
           << getLanes() << " invocations (G3), found " << (*size)[0] << " x "
           << (*size)[1] << " x " << (*size)[2];
  return success();
}

StringRef ReduceLanesOp::getDeviceFeature() {
  return getLanes() < kFewestSubgroupLanes ? "" : "subgroups";
}

namespace {

/// Builds what an operation stands for.
class LaneReduction {
public:
  LaneReduction(OpBuilder &builder, ReduceLanesOp op)
      : b(op.getLoc(), builder), op(op), lanes(op.getLanes()),
        count(op.getValues().size()) {
    auto kernel = op->getParentOfType<gpu::GPUFuncOp>();
    workgroup = (*kernel.getKnownBlockSize())[0];
    isFixed = !kernel->hasAttr(kGPUInvocationsAttrName);
    own = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  }

  SmallVector<Value> buildPortable();
  SmallVector<Value> buildNative();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value divide(Value value, int64_t by) {
    return arith::DivUIOp::create(b, value, index(by));
  }
  Value multiply(Value value, int64_t by) {
    return arith::MulIOp::create(b, value, index(by));
  }
  Value add(Value lhs, Value rhs) { return arith::AddIOp::create(b, lhs, rhs); }
  Value isBelow(Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, lhs, rhs);
  }
  Value toIndex(Value word) {
    return arith::IndexCastUIOp::create(b, b.getIndexType(), word);
  }
  /// What changes no result.
  Value identity() {
    float least = op.getIsMax() ? -std::numeric_limits<float>::max() : 0;
    return arith::ConstantOp::create(b, b.getF32FloatAttr(least));
  }
  Value combine(Value lhs, Value rhs) {
    if (!op.getIsMax())
      return arith::AddFOp::create(b, lhs, rhs);
    Value isLarger =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, rhs, lhs);
    return arith::SelectOp::create(b, isLarger, rhs, lhs);
  }
  Value reduceSubgroup(Value value, gpu::AllReduceOperation operation) {
    return gpu::SubgroupReduceOp::create(b, value, operation,
                                         /*uniform=*/false);
  }

  /// `value`, which shaders call so.
  Value named(Value value, StringRef name) {
    value.setLoc(NameLoc::get(b.getStringAttr(name)));
    return value;
  }

  Value allocate(int64_t size, StringRef name);
  Value storeValues();
  Value combineRun(Value memory, Value first, int64_t length, Value offset);
  SmallVector<Value> combineShares(Value found);
  SmallVector<Value> combineGroup(Value found, Value group);
  void waitBehind();

  ImplicitLocOpBuilder b;
  ReduceLanesOp op;
  int64_t lanes, count, workgroup;
  /// Whether the workgroup has this size, or the host chooses.
  bool isFixed;
  /// This invocation in the workgroup, and in its subgroup among those that
  /// are active.
  Value own, rank, active;
};

} // namespace

Value LaneReduction::allocate(int64_t size, StringRef name) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto memory = memref::AllocOp::create(
      b, MemRefType::get({size}, b.getF32Type(), AffineMap(), space));
  if (!isFixed)
    memory->setAttr(kGPUGrowsAttrName, b.getUnitAttr());
  return named(memory, name);
}

/// Memory in which all see what each invocation has.
Value LaneReduction::storeValues() {
  Value found = allocate(workgroup * count, "lanes");
  Value first = multiply(own, count);
  for (auto [i, value] : llvm::enumerate(op.getValues()))
    memref::StoreOp::create(b, value, found, add(first, index(i)));
  gpu::BarrierOp::create(b);
  return found;
}

/// Combines number `offset` of `length` invocations from `first` on.
Value LaneReduction::combineRun(Value memory, Value first, int64_t length,
                                Value offset) {
  Value base = add(multiply(first, count), offset), result;
  for (int64_t i = 0; i < length; ++i) {
    Value next = memref::LoadOp::create(b, memory, add(base, index(i * count)));
    result = result ? combine(result, next) : next;
  }
  return result;
}

/// Nobody may write what others still read: in a loop, all wait at its end,
/// unless they meet at a barrier there anyway.
void LaneReduction::waitBehind() {
  if (!op->getParentOfType<LoopLikeOpInterface>())
    return;
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode())
    if (isa<gpu::BarrierOp>(next))
      return;
  gpu::BarrierOp::create(b);
}

/// Each of the first invocations combines eight numbers; what they find is
/// there for all after a barrier.
SmallVector<Value> LaneReduction::combineShares(Value found) {
  Value partial = allocate(workgroup / kShare * count, "shares");
  Value size = isFixed ? index(workgroup)
                       : gpu::BlockDimOp::create(b, gpu::Dimension::x);
  auto combines = scf::IfOp::create(
      b, isBelow(own, multiply(divide(size, kShare), count)), false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(combines.thenBlock());
    Value which = arith::RemUIOp::create(b, own, index(count));
    Value first = multiply(divide(own, count), kShare);
    memref::StoreOp::create(b, combineRun(found, first, kShare, which), partial,
                            own);
  }
  gpu::BarrierOp::create(b);
  Value first = multiply(divide(own, lanes), lanes / kShare);
  SmallVector<Value> results;
  for (int64_t i = 0; i < count; ++i)
    results.push_back(combineRun(partial, first, lanes / kShare, index(i)));
  return results;
}

SmallVector<Value> LaneReduction::buildPortable() {
  if (lanes == 1)
    return SmallVector<Value>(op.getValues());
  Value found = storeValues();
  SmallVector<Value> results;
  if (lanes > kShare) {
    results = combineShares(found);
  } else {
    Value first = multiply(divide(own, lanes), lanes);
    for (int64_t i = 0; i < count; ++i)
      results.push_back(combineRun(found, first, lanes, index(i)));
  }
  waitBehind();
  return results;
}

/// The numbers of a group, of which each invocation of the subgroup takes
/// those of its rank and of every so many following. The number of steps is
/// the same for all of them.
SmallVector<Value> LaneReduction::combineGroup(Value found, Value group) {
  auto loop = scf::ForOp::create(b, index(0), index(lanes), active,
                                 SmallVector<Value>(count, identity()));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value at = add(named(loop.getInductionVar(), "first_lane"), rank);
    Value isInside = isBelow(at, index(lanes));
    Value inside = arith::MinUIOp::create(b, at, index(lanes - 1));
    Value base = multiply(add(multiply(group, lanes), inside), count);
    SmallVector<Value> next;
    for (auto [i, sum] : llvm::enumerate(loop.getRegionIterArgs())) {
      Value number = memref::LoadOp::create(b, found, add(base, index(i)));
      next.push_back(combine(
          sum, arith::SelectOp::create(b, isInside, number, identity())));
    }
    scf::YieldOp::create(b, next);
  }
  return llvm::map_to_vector(loop.getResults(), [&](Value part) {
    return reduceSubgroup(part, op.getIsMax() ? gpu::AllReduceOperation::MAXNUMF
                                              : gpu::AllReduceOperation::ADD);
  });
}

/// Nothing says which invocations of a workgroup are a subgroup, nor that all
/// of a subgroup are in use. So what each has goes through workgroup memory,
/// once, and a subgroup adds up the groups that its invocations belong to: from
/// the least to the largest of them, which is one, or a few neighbours.
SmallVector<Value> LaneReduction::buildNative() {
  Value found = storeValues();
  Value one = named(arith::ConstantIntOp::create(b, 1, 32), "one");
  active = toIndex(
      named(reduceSubgroup(one, gpu::AllReduceOperation::ADD), "in_use"));
  rank = toIndex(named(SubgroupRankOp::create(b, b.getI32Type()), "rank"));
  if (isFixed && lanes == workgroup) {
    SmallVector<Value> results = combineGroup(found, index(0));
    waitBehind();
    return results;
  }
  Value group = named(divide(own, lanes), "own_group");
  Value word = arith::IndexCastOp::create(b, b.getI32Type(), group);
  Value first = toIndex(named(
      reduceSubgroup(word, gpu::AllReduceOperation::MINUI), "first_group"));
  Value last = toIndex(named(
      reduceSubgroup(word, gpu::AllReduceOperation::MAXUI), "last_group"));
  auto loop = scf::ForOp::create(b, first, add(last, index(1)), index(1),
                                 SmallVector<Value>(count, identity()));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value isOwn =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                              named(loop.getInductionVar(), "group"), group);
    SmallVector<Value> next;
    for (auto [sum, before] :
         llvm::zip_equal(combineGroup(found, loop.getInductionVar()),
                         loop.getRegionIterArgs()))
      next.push_back(arith::SelectOp::create(b, isOwn, sum, before));
    scf::YieldOp::create(b, next);
  }
  waitBehind();
  return llvm::to_vector_of<Value>(loop.getResults());
}

SmallVector<Value> ReduceLanesOp::buildPortable(OpBuilder &builder) {
  return LaneReduction(builder, *this).buildPortable();
}

SmallVector<Value> ReduceLanesOp::buildNative(OpBuilder &builder) {
  return LaneReduction(builder, *this).buildNative();
}
