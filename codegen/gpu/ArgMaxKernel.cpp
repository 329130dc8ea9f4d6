//===- ArgMaxKernel.cpp - where the largest number is ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads of a workgroup take the numbers of its part in turns. All find the
// largest; those that have it offer its place, and the least of these wins.
//
//===----------------------------------------------------------------------===//

#include "ArgMaxKernel.h"
#include "KernelParts.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lowbit;

/// Less than every number, and than every place that is negated.
static constexpr float kLeast = -std::numeric_limits<float>::max();

std::string GPUArgMaxSpec::name() const {
  return std::string(hasPlaces ? "argmax_of_parts_" : "argmax_") +
         std::to_string(count);
}

namespace {
/// Emits one kernel.
class ArgMaxBuilder : KernelParts {
public:
  ArgMaxBuilder(ImplicitLocOpBuilder &builder, const GPUArgMaxSpec &spec)
      : KernelParts(builder), spec(spec), parts(spec.getParts()) {}

  SmallVector<Type> getArgumentTypes();
  /// Emits the body; returns the grid.
  std::array<int64_t, 3> build(gpu::GPUFuncOp kernel);

private:
  void nameArguments(gpu::GPUFuncOp kernel);
  std::pair<Value, Value> findOwn(Value numbers, const Index &part);
  Value findFirst(Value place, Value isLargest);

  const GPUArgMaxSpec &spec;
  int64_t parts;
};
} // namespace

SmallVector<Type> ArgMaxBuilder::getArgumentTypes() {
  auto buffer = [&](int64_t count, Type element) -> Type {
    return MemRefType::get({count}, element);
  };
  SmallVector<Type> types{buffer(spec.count, b.getF32Type())};
  if (spec.hasPlaces)
    types.push_back(buffer(spec.count, b.getI32Type()));
  types.push_back(buffer(parts, b.getI32Type()));
  if (parts > 1)
    types.push_back(buffer(parts, b.getF32Type()));
  return types;
}

void ArgMaxBuilder::nameArguments(gpu::GPUFuncOp kernel) {
  describeKernel(kernel, parts > 1 ? "the place of each part's largest number"
                                   : "the place of the largest number");
  unsigned next = 0;
  describeBuffer(kernel, next++, "numbers");
  if (spec.hasPlaces)
    describeBuffer(kernel, next++, "places", "of the parts' largest numbers");
  describeBuffer(kernel, next++, "result", "the first place of the largest");
  if (parts > 1)
    describeBuffer(kernel, next++, "maxima", "the largest of each part");
}

/// The largest of a thread's numbers, and its place, an i32. Beyond the last
/// number is that again, which is no other place.
std::pair<Value, Value> ArgMaxBuilder::findOwn(Value numbers,
                                               const Index &part) {
  Index own = thread(), begin = indices.multiply(part, kGPUArgMaxPart);
  Value most = constantFloat(b.getF32Type(), kLeast);
  int64_t length = std::min(spec.count, kGPUArgMaxPart);
  auto loop = scf::ForOp::create(
      b, indices.materialize(own), constantIndex(length),
      constantIndex(kGPUWorkgroupSize), ValueRange{most, constantWord(0)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index at = named(clamp(indices.add(begin, counter(loop, "offset", length)),
                         spec.count, parts * kGPUArgMaxPart),
                   "at");
  named(loop.getRegionIterArg(0), "largest");
  named(loop.getRegionIterArg(1), "place");
  Value number = load(numbers, at);
  Value isLarger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, number,
                                         loop.getRegionIterArg(0));
  Value place =
      arith::IndexCastOp::create(b, b.getI32Type(), indices.materialize(at));
  Value next[] = {
      arith::SelectOp::create(b, isLarger, number, loop.getRegionIterArg(0)),
      arith::SelectOp::create(b, isLarger, place, loop.getRegionIterArg(1))};
  scf::YieldOp::create(b, next);
  return {loop.getResult(0), loop.getResult(1)};
}

/// The least `place` of threads that have the largest number.
Value ArgMaxBuilder::findFirst(Value place, Value isLargest) {
  Type number = b.getF32Type();
  Value negated =
      arith::NegFOp::create(b, arith::SIToFPOp::create(b, number, place));
  Value offered = arith::SelectOp::create(b, isLargest, negated,
                                          constantFloat(number, kLeast));
  Value least = reduceLanes(offered, kGPUWorkgroupSize, /*isMax=*/true).front();
  // No thread has what isn't a number.
  Value first = arith::MinNumFOp::create(b, arith::NegFOp::create(b, least),
                                         constantFloat(number, spec.count - 1));
  return arith::FPToSIOp::create(b, b.getI32Type(), first);
}

std::array<int64_t, 3> ArgMaxBuilder::build(gpu::GPUFuncOp kernel) {
  ArrayRef<BlockArgument> arguments = kernel.getArguments();
  nameArguments(kernel);
  Value numbers = arguments.consume_front();
  Value places;
  if (spec.hasPlaces)
    places = arguments.consume_front();
  Index part = block(gpu::Dimension::x, parts);
  auto [own, place] = findOwn(numbers, part);
  Value largest = reduceLanes(own, kGPUWorkgroupSize, /*isMax=*/true).front();
  Value isLargest =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, own, largest);
  Value first = findFirst(place, isLargest);
  auto writes = scf::IfOp::create(b, isBelow(thread(), 1), false);
  b.setInsertionPointToStart(writes.thenBlock());
  if (places)
    first = load(places, indices.value(arith::IndexCastOp::create(
                             b, b.getIndexType(), first)));
  store(first, arguments[0], part);
  if (parts > 1)
    store(largest, arguments[1], part);
  return {parts, 1, 1};
}

GPUKernel lowbit::getGPUArgMaxKernel(KernelModule &kernels,
                                     const GPUArgMaxSpec &spec,
                                     MLIRContext *context) {
  return emitGPUKernel<ArgMaxBuilder>(kernels, spec, context);
}
