//===- KernelParts.cpp - what handwritten kernels are made of -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelParts.h"
#include "lowbit/IR/LowbitWordOps.h"

using namespace mlir;
using namespace lowbit;

Value KernelParts::loadColumns(Value buffer, const Index &row,
                               const Index &column, int64_t count,
                               int64_t most) {
  auto floats = VectorType::get({kGPUStep}, b.getF32Type());
  if (count % kGPUStep == 0) {
    int64_t steps = count / kGPUStep;
    Index step = indices.divide(column, kGPUStep);
    Index at = clamp(step, steps, most / kGPUStep);
    Value numbers = load(buffer, indices.add(indices.multiply(row, steps), at));
    if (most == count)
      return numbers;
    Value isInside = isBelow(step, steps);
    return arith::SelectOp::create(
        b, splat(isInside, VectorType::get({kGPUStep}, b.getI1Type())), numbers,
        constantFloat(floats, 0));
  }
  SmallVector<Value> numbers;
  for (int64_t i = 0; i < kGPUStep; ++i) {
    Index one = indices.add(column, indices.constant(i));
    Value number = load(buffer, indices.add(indices.multiply(row, count),
                                            clamp(one, count, most)));
    numbers.push_back(arith::SelectOp::create(
        b, isBelow(one, count), number, constantFloat(b.getF32Type(), 0)));
  }
  return vector::FromElementsOp::create(b, floats, numbers);
}

SmallVector<Value> KernelParts::reduceLanes(ValueRange values, int64_t lanes,
                                            bool isMax) {
  auto op = ReduceLanesOp::create(b, values.getTypes(), isMax, values, lanes);
  return llvm::to_vector_of<Value>(op.getResults());
}

Index lowbit::buildGPUThreadNumber(ImplicitLocOpBuilder &b,
                                   IndexBuilder &indices, gpu::GPUFuncOp kernel,
                                   int64_t count) {
  kernel->setAttr(kGPUInvocationsAttrName, b.getI64IntegerAttr(count));
  Index block = indices.value(gpu::BlockIdOp::create(b, gpu::Dimension::x));
  if (getGPUGrid(llvm::divideCeil(count, kGPUWorkgroupSize))[1] > 1)
    block = indices.add(
        block,
        indices.multiply(
            indices.value(gpu::BlockIdOp::create(b, gpu::Dimension::y)),
            indices.value(gpu::GridDimOp::create(b, gpu::Dimension::x))));
  Index size = indices.value(gpu::BlockDimOp::create(b, gpu::Dimension::x));
  Index own = indices.value(gpu::ThreadIdOp::create(b, gpu::Dimension::x),
                            kLargestGPUWorkgroup);
  return indices.add(indices.multiply(block, size), own);
}

bool lowbit::hasGPUThreadsBeyond(int64_t count) {
  return count % kLargestGPUWorkgroup != 0 ||
         getGPUGrid(llvm::divideCeil(count, kGPUWorkgroupSize))[1] > 1;
}

std::array<int64_t, 3> KernelParts::spread(gpu::GPUFuncOp kernel, int64_t count,
                                           Index &number) {
  isFixed = false;
  number = buildGPUThreadNumber(b, indices, kernel, count);
  return getGPUGrid(llvm::divideCeil(count, kGPUWorkgroupSize));
}
