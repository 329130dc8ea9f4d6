//===- LinearHalves.cpp - tiles of matrix products in f16 -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For devices with arithmetic in f16, many of which do twice as much of it in
// the same time: tiles take half of the workgroup memory, and products are
// added up in f16 before they go to sums in f32.
//
// f16 ends at 65504, and f32 doesn't. So half a row of a tile, 16 numbers that
// one thread has, is multiplied with the power of two that brings the largest
// to 16 and below 32, and its sums are multiplied with what undoes that. No sum
// of 16 products reaches 16 * 32 * 32 = 2^14 then, whatever the model's numbers
// are, and what falls below the normal numbers of f16 (2^-14), which devices
// may take for 0, is less than a hundredth of the largest one's rounding
// (2^-7). Beside 3e38 that is every number of a usual size, also where the
// largest is multiplied with 0. Where sums leave f32, it is 16 products at once
// that do, and infinities of one sign may be what f32 has as NaN.
//
//===----------------------------------------------------------------------===//

#include "LinearBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lowbit;

/// The bits of an f32 that are its exponent, and the lowest of them.
static constexpr int64_t kExponent = 0x7f800000, kExponentUnit = 1 << 23;
/// The exponent of what the largest number becomes, and that of 1 as it is
/// stored.
static constexpr int64_t kLargest = 4, kBias = 127;

/// Stores half a row of a tile, which this thread has, as f16, and what undoes
/// its factor.
void LinearBuilder::storeHalves(ArrayRef<Value> numbers, Value tile,
                                Value scales) {
  auto words = VectorType::get({kGPUStep}, b.getI32Type());
  Value mask = arith::ConstantOp::create(
      b, DenseElementsAttr::get(words, static_cast<int32_t>(kExponent)));
  // Exponents are compared as words: those of infinities and NaN, which stay
  // what they are, come last.
  Value largest;
  for (Value each : numbers) {
    Value exponent = arith::AndIOp::create(
        b, arith::BitcastOp::create(b, words, each), mask);
    largest = largest ? arith::MaxUIOp::create(b, largest, exponent).getResult()
                      : exponent;
  }
  Value exponent =
      vector::ReductionOp::create(b, vector::CombiningKind::MAXUI, largest);
  // Factors must be normal numbers; nobody misses what is below 2^-122.
  exponent =
      named(arith::MaxUIOp::create(
                b, exponent, constantWord((kLargest + 1) * kExponentUnit)),
            "exponent");
  auto toFloat = [&](Value bits) -> Value {
    return arith::BitcastOp::create(b, b.getF32Type(), bits);
  };
  Value scale = toFloat(arith::SubIOp::create(
      b, exponent, constantWord(kLargest * kExponentUnit)));
  Value factor = named(
      toFloat(arith::SubIOp::create(
          b, constantWord((2 * kBias + kLargest) * kExponentUnit), exponent)),
      "factor");
  Index own = thread();
  store(scale, scales, own);
  for (auto [i, each] : llvm::enumerate(numbers)) {
    Value scaled = arith::MulFOp::create(b, each, splat(factor, floats));
    store(arith::TruncFOp::create(b, halves, scaled), tile,
          indices.add(indices.multiply(own, numbers.size()),
                      indices.constant(i)));
  }
}

/// Two threads load a row of each tile, each one half.
void LinearBuilder::loadHalfTiles(const Tiles &tiles, const Index &firstRow,
                                  const Index &firstWeight, const Index &atom) {
  SmallVector<Value> numbers;
  loadWeightTile(firstWeight, atom,
                 [&](Value each, const Index &) { numbers.push_back(each); });
  storeHalves(numbers, tiles.weights, tiles.weightScales);
  int64_t steps = weight->getSteps();
  Index own = thread();
  Index row = named(clamp(indices.add(firstRow, indices.divide(own, 2)), spec.m,
                          llvm::alignTo(spec.m, kTile)),
                    "row");
  Index first =
      indices.add(indices.multiply(atom, steps),
                  indices.multiply(indices.remainder(own, 2), steps / 2));
  numbers.clear();
  for (int64_t i = 0; i < steps / 2; ++i)
    numbers.push_back(
        loadInput(row, indices.multiply(indices.add(first, indices.constant(i)),
                                        kGPUStep)));
  storeHalves(numbers, tiles.inputs, tiles.inputScales);
}

/// Adds what products of half a tile's columns, vectors of f16, come to.
SmallVector<Value> LinearBuilder::addHalves(const Tiles &tiles,
                                            const Index &half,
                                            ArrayRef<Value> products,
                                            ValueRange sums) {
  SmallVector<Value> ofInputs =
      loadOwn(tiles.inputScales, threadRow(), 2, half);
  SmallVector<Value> ofWeights =
      loadOwn(tiles.weightScales, threadColumn(), 2, half);
  SmallVector<Value> next;
  for (int64_t i = 0; i < kOwn; ++i)
    for (int64_t j = 0; j < kOwn; ++j) {
      int64_t at = i * kOwn + j;
      Value product =
          arith::ExtFOp::create(b, b.getF32Type(), sum(products[at]));
      Value scale = arith::MulFOp::create(b, ofInputs[i], ofWeights[j]);
      next.push_back(math::FmaOp::create(b, product, scale, sums[at]));
    }
  return next;
}

/// Adds the products of a tile to 4 x 4 sums, one half of its columns after the
/// other.
SmallVector<Value> LinearBuilder::multiplyHalfTiles(const Tiles &tiles,
                                                    ValueRange sums) {
  int64_t count = weight->getSteps() / 2;
  return accumulate(
      "half", 2, kOwn, sums, [&](const Index &half, ValueRange before) {
        SmallVector<Value> products(kOwn * kOwn, constantFloat(halves, 0));
        products = multiplySteps(
            tiles.inputs, tiles.weights, indices.multiply(half, count), count,
            products, [&](Value input, Value weight, Value sum) -> Value {
              return vector::FMAOp::create(b, input, weight, sum);
            });
        return addHalves(tiles, half, products, before);
      });
}

void LinearBuilder::buildHalf(gpu::GPUFuncOp kernel,
                              std::array<int64_t, 3> grid) {
  takeArguments(kernel);
  isHalf = true;
  if (spec.hasHalfInputs)
    kernel->setAttr(kGPUUnaskedAttrName, b.getUnitAttr());
  std::array<int64_t, 3> own = buildTiles();
  assert(own == grid && "tiles are those of the kernel in f32");
  (void)own, (void)grid;
}
