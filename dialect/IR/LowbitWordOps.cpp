//===- LowbitWordOps.cpp - four bytes at once, and one by one -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/LowbitWordOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace lowbit;

#include "lowbit/IR/LowbitFeatureInterface.cpp.inc"

/// Instructions for bytes in a word: SPV_KHR_integer_dot_product, and WGSL's
/// packed_4x8_integer_dot_product.
static constexpr llvm::StringLiteral kPackedDot = "packed_dot";

/// The bytes of `word` as four words, with their signs or without: each goes to
/// the upper end of a word, and back.
static Value unpackBytes(OpBuilder &b, Location loc, Value word,
                         bool isSigned) {
  auto type = VectorType::get({4}, b.getI32Type());
  auto counts = [&](ArrayRef<int32_t> each) -> Value {
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(type, each));
  };
  Value all = vector::BroadcastOp::create(b, loc, type, word);
  Value upper = arith::ShLIOp::create(b, loc, all, counts({24, 16, 8, 0}));
  if (isSigned)
    return arith::ShRSIOp::create(b, loc, upper, counts({24, 24, 24, 24}));
  return arith::ShRUIOp::create(b, loc, upper, counts({24, 24, 24, 24}));
}

StringRef UnpackBytesOp::getDeviceFeature() { return kPackedDot; }

SmallVector<Value> UnpackBytesOp::buildPortable(OpBuilder &b) {
  Value bytes = unpackBytes(b, getLoc(), getWord(), getIsSigned());
  if (getIsSigned())
    return {arith::SIToFPOp::create(b, getLoc(), getType(), bytes)};
  return {arith::UIToFPOp::create(b, getLoc(), getType(), bytes)};
}

StringRef DotBytesOp::getDeviceFeature() { return kPackedDot; }

SmallVector<Value> DotBytesOp::buildPortable(OpBuilder &b) {
  Value lhs = unpackBytes(b, getLoc(), getLhs(), /*isSigned=*/true);
  Value rhs = unpackBytes(b, getLoc(), getRhs(), /*isSigned=*/true);
  Value products = arith::MulIOp::create(b, getLoc(), lhs, rhs);
  Value sum = getAccumulator();
  for (int64_t i = 0; i < 4; ++i)
    sum = arith::AddIOp::create(
        b, getLoc(), sum, vector::ExtractOp::create(b, getLoc(), products, i));
  return {sum};
}
