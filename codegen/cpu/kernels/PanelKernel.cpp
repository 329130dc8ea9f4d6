//===- PanelKernel.cpp - activations as linear kernels read them ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes rows of a panel (PanelFormat): per segment the scale, the sums and the
// values. Scales are given, or the largest magnitude over the largest code;
// codes are rounded half to even: what `lowbit.quantize` means. FP8 codes are
// kept as the f32 numbers that they stand for. Where there are many rows, a
// format may have bf16 numbers in place of codes.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "KernelSpec.h"
#include "PanelPlaces.h"
#include "PanelReader.h"
#include "lowbit/Reference/Float8.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

using Values = llvm::SmallVector<Value>;

/// The largest code, c₊ of the specification.
static double largestCode(PanelKind kind) {
  return numerics::IntegerFormat{kind == PanelKind::Int8 ? 8u : 16u}
      .largestRuntimeValue();
}

namespace {

class PanelKernel {
public:
  PanelKernel(func::FuncOp function, const PanelFormat &format,
              const CPUDescription &target)
      : b(function.getLoc(), function.getContext()), format(format),
        function(function), reader(b, format, target), places(b, format) {}
  void emit();

private:
  VectorType lanes(Type element) { return b.vector(kLanes, element); }
  void emitSegment(Value row, Value segment, bool isWhole);
  void storeBFloats(Value row, Value segment, bool isWhole);
  void padBFloats(Value row);
  void emitRow(Value row, bool areBFloat);
  /// Columns of the segment that begins at `column`.
  Value countColumns(Value column, bool isWhole) {
    if (isWhole)
      return b.index(format.columns);
    // Rows that fill a tile have none, however far behind them a segment is.
    Value rest = b.max(b.sub(rowColumns, column), b.index(0));
    return b.min(rest, b.index(format.columns));
  }
  /// Whether segments that aren't a row's last are vectors without a gap, so
  /// that nothing needs a mask.
  bool hasWholeSegments() const {
    return !format.isPermuted && format.paddedColumns() == format.columns;
  }
  Value clampToCodes(Value level);
  Value roundToInteger(Value level);
  void storeCodes(const PanelPlaces::Place &place, Value row, Value column,
                  Value columns, Value scale, bool isWhole);
  void storeFloats(Value place, Value row, Value column, Value columns,
                   Value scale, bool isWhole);
  void storeWord(Value place, int64_t word, Value scalar);
  void storeBytes(Value codes, Value place);
  void storeWords(Value codes, Value place);

  KernelBuilder b;
  const PanelFormat &format;
  func::FuncOp function;
  PanelReader reader;
  PanelPlaces places;
  Value given, panel, k, m;
  /// Columns of the row at hand, none where there is no such row.
  Value rowColumns;
  /// The scale of the row at hand, where it has one.
  Value rowScale;
};

} // namespace

/// Half to even. Next to 1.5 * 2^23 there are integers alone, so that adding it
/// rounds, and the sum's last bits are the integer: two instructions of every
/// vector unit, for |level| < 2^22.
Value PanelKernel::roundToInteger(Value level) {
  VectorType ints = lanes(b.getI32Type());
  Value sum =
      arith::AddFOp::create(b, level, b.splat(lanes(b.getF32Type()), 0x1.8p23));
  return b.sub(b.bitcast(sum, ints), b.splat(ints, int64_t(0x4B400000)));
}

/// The nearest number that a code stands for. Tiny scales are rounded so
/// coarsely that a quotient can exceed the largest code. NaN, which no integer
/// stands for, becomes the smallest; its segment's scale is NaN, too.
Value PanelKernel::clampToCodes(Value level) {
  VectorType floats = lanes(b.getF32Type());
  unsigned width = format.kind == PanelKind::Int8 ? 8 : 16;
  Value least =
      b.splat(floats, double(numerics::IntegerFormat{width}.decode(0)));
  Value greatest = b.splat(floats, largestCode(format.kind));
  // Comparisons that NaN fails, so that each is one instruction.
  Value isAbove =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, level, least);
  level = arith::SelectOp::create(b, isAbove, level, least);
  Value isBelow =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, level, greatest);
  return arith::SelectOp::create(b, isBelow, level, greatest);
}

void PanelKernel::storeWord(Value place, int64_t word, Value scalar) {
  Value lane = b.broadcast(scalar, 1);
  b.store(lane, panel, b.add(place, 4 * word));
}

/// The low byte of each lane.
void PanelKernel::storeBytes(Value codes, Value place) {
  Value bytes = arith::TruncIOp::create(b, b.bytes(kLanes), codes);
  b.store(bytes, panel, place);
}

/// Each lane as 16 bits, even columns of a step before odd ones.
void PanelKernel::storeWords(Value codes, Value place) {
  SmallVector<int64_t> order;
  for (int64_t step = 0; step < kLanes; step += kStepColumns)
    order.append({step, step + 2, step + 1, step + 3});
  Value words = arith::TruncIOp::create(b, lanes(b.getI16Type()), codes);
  b.store(vector::ShuffleOp::create(b, words, words, order), panel, place);
}

void PanelKernel::storeCodes(const PanelPlaces::Place &place, Value row,
                             Value column, Value columns, Value scale,
                             bool isWhole) {
  VectorType ints = lanes(b.getI32Type());
  Value divisor = b.broadcast(scale, kLanes);
  Values init(2, b.zero(ints));
  auto body = [&](Value c, ValueRange in) -> Values {
    Value loaded =
        reader.load(row, b.add(column, c), b.sub(columns, c), isWhole);
    // The bounds are integers, so that rounding stays within them.
    Value level = clampToCodes(arith::DivFOp::create(b, loaded, divisor));
    Value code = roundToInteger(level);
    if (format.isWords) {
      storeWords(code, b.add(place.values, b.mul(c, 2)));
      return {b.add(in[0], code), in[1]};
    }
    if (format.kind == PanelKind::Int8) {
      storeBytes(code, places.valueOffset(place, c, 0));
      return {b.add(in[0], code), in[1]};
    }
    Value low = b.shift(b.shift(code, 24), -24);
    Value high = b.shift(b.sub(code, low), -8);
    storeBytes(high, places.valueOffset(place, c, 0));
    storeBytes(low, places.valueOffset(place, c, 1));
    return {b.add(in[0], high), b.add(in[1], low)};
  };
  Values sums =
      b.loop(b.index(0), b.index(format.paddedColumns()), kLanes, init, body);
  for (auto [word, sum] : llvm::enumerate(sums))
    storeWord(place.header, 1 + word,
              vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum));
}

/// Values as they are or, with a scale, rounded to the format's numbers times
/// that scale.
void PanelKernel::storeFloats(Value place, Value row, Value column,
                              Value columns, Value scale, bool isWhole) {
  Value factor = scale ? b.broadcast(scale, kLanes) : Value();
  VectorType floats = lanes(b.getF32Type());
  Value values = b.add(place, PanelFormat::kHeaderBytes);
  Values sums = b.loop(
      b.index(0), b.index(format.paddedColumns()), kLanes, b.zero(floats),
      [&](Value c, ValueRange in) -> Values {
        Value loaded =
            reader.load(row, b.add(column, c), b.sub(columns, c), isWhole);
        if (factor)
          loaded = b.mulf(
              buildRoundToFloat8(b, b.getLoc(),
                                 arith::DivFOp::create(b, loaded, factor),
                                 format.rounding),
              factor);
        b.store(loaded, panel, b.add(values, b.mul(c, 4)));
        return {arith::AddFOp::create(b, in[0], loaded)};
      });
  storeWord(
      place, 1,
      vector::ReductionOp::create(b, vector::CombiningKind::ADD, sums[0]));
}

void PanelKernel::emitSegment(Value row, Value segment, bool isWhole) {
  PanelPlaces::Place place = places.find(row, segment);
  Value column = b.mul(segment, format.columns);
  Value start = reader.getStart(row, k);
  Value columns = countColumns(column, isWhole);
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  if (format.kind == PanelKind::Float) {
    storeWord(place.header, 0, constant(1));
    Value scale = given ? given : rowScale;
    if (format.rounding && !scale)
      scale = reader.getScale(start, column, columns,
                              getLargestNumber(format.rounding));
    storeFloats(place.header, start, column, columns, scale, isWhole);
    return;
  }
  if (Value scale = given ? given : rowScale) {
    storeWord(place.header, 0, scale);
    storeCodes(place, start, column, columns, scale, isWhole);
    return;
  }
  Value largest = reader.largestMagnitude(start, column, columns);
  Value scale =
      arith::DivFOp::create(b, largest, constant(largestCode(format.kind)));
  storeWord(place.header, 0, scale);
  // Where the scale is 0, so is every code; any divisor will do.
  Value isZero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale, constant(0));
  Value divisor = arith::SelectOp::create(b, isZero, constant(1), scale);
  storeCodes(place, start, column, columns, divisor, isWhole);
}

/// The segment's numbers in bf16, at their place in a row without headers.
void PanelKernel::storeBFloats(Value row, Value segment, bool isWhole) {
  int64_t padded = format.paddedColumns();
  Value place = b.add(b.mul(row, countBFloatRowBytes(b, format, k)),
                      b.mul(segment, 2 * padded));
  Value column = b.mul(segment, format.columns);
  Value start = reader.getStart(row, k);
  Value columns = countColumns(column, isWhole);
  b.loop(b.index(0), b.index(padded), kLanes, {},
         [&](Value c, ValueRange) -> Values {
           Value loaded =
               reader.load(start, b.add(column, c), b.sub(columns, c), isWhole);
           Value numbers =
               arith::TruncFOp::create(b, lanes(b.getBF16Type()), loaded);
           b.store(numbers, panel, b.add(place, b.mul(c, 2)));
           return {};
         });
}

/// Zeros up to the end of a line of bf16 numbers.
void PanelKernel::padBFloats(Value row) {
  Value segments = b.ceilDiv(k, format.columns);
  Value begin = b.mul(segments, 2 * format.paddedColumns());
  Value end =
      b.mul(b.ceilDiv(begin, PanelFormat::kLineBytes), PanelFormat::kLineBytes);
  Value start = b.mul(row, countBFloatRowBytes(b, format, k));
  Value zero = b.zero(lanes(b.getBF16Type()));
  b.loop(begin, end, 2 * PanelFormat::kPadding, {},
         [&](Value place, ValueRange) -> Values {
           b.store(zero, panel, b.add(start, place));
           return {};
         });
}

void PanelKernel::emitRow(Value row, bool areBFloat) {
  if (format.scalesPerRow && !given && !areBFloat)
    rowScale =
        reader.getScale(reader.getStart(row, k), b.index(0), rowColumns,
                        format.rounding ? getLargestNumber(format.rounding)
                                        : largestCode(format.kind));
  auto emitSegments = [&](Value first, Value end, bool areWhole) {
    b.loop(first, end, 1, {}, [&](Value segment, ValueRange) -> Values {
      if (areBFloat)
        storeBFloats(row, segment, areWhole);
      else
        emitSegment(row, segment, areWhole);
      return {};
    });
  };
  Value whole = b.index(0);
  if (hasWholeSegments()) {
    whole = b.div(rowColumns, format.columns);
    emitSegments(b.index(0), whole, /*areWhole=*/true);
  }
  emitSegments(whole, b.ceilDiv(k, format.columns), /*areWhole=*/false);
  if (areBFloat && format.hasBFloatTiles && format.hasPartOfLine())
    padBFloats(row);
}

void PanelKernel::emit() {
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto argument = entry->args_begin();
  reader.bindArguments(argument);
  if (format.hasGivenScale)
    given = *argument++;
  k = *argument++;
  if (format.takesRowCount())
    m = *argument++;
  panel = *argument++;
  Value first = *argument++, last = *argument++;
  places.setShape(m, k);
  Value bfloatRows = countBFloatRows(b, format, m);
  b.loop(first, last, 1, {}, [&](Value row, ValueRange) -> Values {
    rowColumns = k;
    if (format.hasTiles() || format.hasBFloatTiles) {
      Value exists =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, m);
      rowColumns = arith::SelectOp::create(b, exists, k, b.index(0));
    }
    if (!format.hasBFloat()) {
      emitRow(row, /*areBFloat=*/false);
      return {};
    }
    Value isBFloat =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, bfloatRows);
    auto op = scf::IfOp::create(b, isBFloat, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    emitRow(row, /*areBFloat=*/true);
    b.setInsertionPointToStart(op.elseBlock());
    emitRow(row, /*areBFloat=*/false);
    return {};
  });
  func::ReturnOp::create(b);
}

func::FuncOp cpu::getOrCreatePanelKernel(ModuleOp module,
                                         const PanelFormat &format,
                                         const CPUDescription &target) {
  std::string name = format.kernelName();
  if (auto existing = module.lookupSymbol<func::FuncOp>(name))
    return existing;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type index = builder.getIndexType();
  Type bytes = flatBuffer(builder.getI8Type());
  Type floats = flatBuffer(builder.getF32Type());
  SmallVector<Type> arguments{floats};
  if (format.isPermuted)
    arguments.append({flatBuffer(builder.getI32Type()), index});
  if (format.hasFactors)
    arguments.push_back(floats);
  if (format.hasGivenScale)
    arguments.push_back(builder.getF32Type());
  arguments.append(format.takesRowCount() ? 2 : 1, index);
  arguments.append({bytes, index, index});
  auto type = builder.getFunctionType(arguments, {});
  auto function = func::FuncOp::create(builder, module.getLoc(), name, type);
  function.setPrivate();
  PanelKernel(function, format, target).emit();
  return function;
}
