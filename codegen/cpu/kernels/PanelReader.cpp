//===- PanelReader.cpp - activations that become a panel ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PanelReader.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

using Values = llvm::SmallVector<Value>;

void PanelReader::bindArguments(Block::args_iterator &argument) {
  x = *argument++;
  if (format.isPermuted) {
    order = *argument++;
    xColumns = *argument++;
  }
  if (format.hasFactors)
    factors = *argument++;
}

Value PanelReader::load(Value row, Value column, Value count, bool areAll) {
  VectorType floats = b.vector(kLanes, b.getF32Type()),
             ints = b.vector(kLanes, b.getI32Type());
  if (areAll && !format.isPermuted)
    return round(
        vector::LoadOp::create(b, floats, x, ValueRange{b.add(row, column)}));
  count = b.max(count, b.index(0));
  if (!format.isPermuted)
    return round(
        b.loadFirst(x, b.add(row, column), count, floats, target.hasMasks));
  Value columns = b.loadFirst(order, column, count, ints, target.hasMasks);
  Value mask = vector::CreateMaskOp::create(b, b.vector(kLanes, b.getI1Type()),
                                            ValueRange{count});
  Value values = vector::GatherOp::create(b, floats, x, ValueRange{row},
                                          columns, mask, b.zero(floats));
  if (!factors)
    return round(values);
  return round(b.mulf(
      values, b.loadFirst(factors, column, count, floats, target.hasMasks)));
}

/// f32 numbers as bf16 rounds them, where the format does.
Value PanelReader::round(Value values) {
  if (!format.roundsToBFloat)
    return values;
  Value rounded =
      arith::TruncFOp::create(b, b.vector(kLanes, b.getBF16Type()), values);
  return arith::ExtFOp::create(b, b.vector(kLanes, b.getF32Type()), rounded);
}

/// Magnitudes are ordered as the integers that their bits are, NaN above all:
/// one instruction, and what follows from NaN is NaN.
Value PanelReader::largestMagnitude(Value row, Value column, Value columns) {
  VectorType ints = b.vector(kLanes, b.getI32Type());
  Value whole = b.mul(b.div(columns, kLanes), kLanes);
  Values largest{b.zero(ints)};
  auto take = [&](Value first, Value end, bool areAll) {
    largest = b.loop(
        first, end, kLanes, largest, [&](Value c, ValueRange in) -> Values {
          Value values = load(row, b.add(column, c), b.sub(columns, c), areAll);
          Value bits = b.bitcast(math::AbsFOp::create(b, values), ints);
          return {arith::MaxSIOp::create(b, in[0], bits)};
        });
  };
  take(b.index(0), whole, /*areAll=*/true);
  take(whole, columns, /*areAll=*/false);
  Value bits =
      vector::ReductionOp::create(b, vector::CombiningKind::MAXSI, largest[0]);
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

/// What maps the largest magnitude of some columns to `largest`; 1 where there
/// is nothing but zeros, for then any divisor will do.
Value PanelReader::getScale(Value row, Value column, Value columns,
                            double largest) {
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  Value scale = arith::DivFOp::create(b, largestMagnitude(row, column, columns),
                                      constant(largest));
  Value isZero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale, constant(0));
  return arith::SelectOp::create(b, isZero, constant(1), scale);
}
