//===- Detection.cpp - boxes in images ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NonMaxSuppression takes the best box of a class again and again, and drops
// what overlaps it; how many boxes are left is an extent that data decides.
// RoiAlign reads images at positions inside of boxes, as GridSample does.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace scf = mlir::scf;
namespace tensor = mlir::tensor;
using llvm::Error;
using mlir::OpBuilder;
using mlir::ValueRange;
using onnx::TensorProto;
using MLIRValue = mlir::Value;

//===----------------------------------------------------------------------===//
// NonMaxSuppression
//===----------------------------------------------------------------------===//

namespace {
/// Suppression among the boxes [images, boxes, 4] of all classes.
class Suppressor {
public:
  Suppressor(Composer &c, const Value &boxes, const Value &scores);

  /// The kept boxes as int64 [kept], each (image * classes + class) * boxes +
  /// box, the best of a class first.
  Value keep();

private:
  MLIRValue scalar(int input, double otherwise, int32_t type);
  MLIRValue flat(const Value &x, const Expr &size);
  MLIRValue index(int64_t value) {
    return arith::ConstantIndexOp::create(c.ops, value);
  }
  void readBoxes(const Value &boxes);
  MLIRValue overlaps(mlir::ImplicitLocOpBuilder &b, MLIRValue one,
                     MLIRValue other);
  MLIRValue candidates(mlir::ImplicitLocOpBuilder &b, MLIRValue row);
  std::pair<MLIRValue, MLIRValue> best(mlir::ImplicitLocOpBuilder &b,
                                       MLIRValue alive);
  MLIRValue drop(mlir::ImplicitLocOpBuilder &b, MLIRValue alive,
                 MLIRValue chosen, MLIRValue image);
  llvm::SmallVector<MLIRValue> suppressRow(mlir::ImplicitLocOpBuilder &b,
                                           MLIRValue row, ValueRange state);

  Composer &c;
  Expr images, classes, boxesPerImage;
  /// Least and largest coordinates along both axes, all boxes in a row.
  MLIRValue low[2], high[2];
  MLIRValue scores, most, overlap, least, zero, one, boxCount, classCount,
      nothing;
};
} // namespace

Suppressor::Suppressor(Composer &c, const Value &boxes, const Value &scoresIn)
    : c(c), images(boxes.dims[0]), classes(scoresIn.dims[1]),
      boxesPerImage(boxes.dims[1]) {
  most = scalar(2, 0, TensorProto::INT64);
  overlap = scalar(3, 0, TensorProto::FLOAT);
  least =
      scalar(4, -std::numeric_limits<double>::infinity(), TensorProto::FLOAT);
  readBoxes(boxes);
  Expr all = c.product(c.product(images, classes), boxesPerImage);
  scores = flat(scoresIn, all);
  if (!c.ok())
    return;
  zero = index(0);
  one = index(1);
  boxCount = c.im.indexValue(boxesPerImage);
  classCount = c.im.indexValue(classes);
  nothing = arith::ConstantOp::create(
      c.ops, c.ops.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
}

/// Input `input`, one number, or another.
MLIRValue Suppressor::scalar(int input, double otherwise, int32_t type) {
  Value value =
      c.has(input) ? c.reshape(c.cast(c.in(input), type), {})
      : type == TensorProto::FLOAT
          ? knownValue(type, {}, {Scalar::of(otherwise)})
          : knownValue(type, {}, {Scalar::of(Expr(int64_t(otherwise)))});
  if (!c.ok())
    return nullptr;
  return tensor::ExtractOp::create(c.ops, c.im.full(value), ValueRange());
}

MLIRValue Suppressor::flat(const Value &x, const Expr &size) {
  Value row = c.reshape(x, {size});
  return c.ok() ? c.im.full(row) : nullptr;
}

/// Corners in any order, or centres and sizes.
void Suppressor::readBoxes(const Value &boxes) {
  Expr all = c.product(images, boxesPerImage);
  auto column = [&](int64_t i) { return c.slice(boxes, 2, Expr(i), Expr(1)); };
  bool isCentred = c.node.integer("center_point_box", 0) != 0;
  for (int64_t axis : {0, 1}) {
    Value first = column(axis), second = column(axis + 2);
    if (isCentred) {
      Value half = c.scale(second, 0.5);
      second = c.add(first, half);
      first = c.sub(first, half);
    }
    low[axis] = flat(c.apply("Min", {first, second}), all);
    high[axis] = flat(c.apply("Max", {first, second}), all);
  }
}

/// Whether the intersection of two boxes is more than the given share of their
/// union.
MLIRValue Suppressor::overlaps(mlir::ImplicitLocOpBuilder &b, MLIRValue first,
                               MLIRValue second) {
  MLIRValue shared, sizes[2], isShared;
  MLIRValue none = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  for (int axis : {0, 1}) {
    auto at = [&](MLIRValue of, MLIRValue box) -> MLIRValue {
      return tensor::ExtractOp::create(b, of, box);
    };
    MLIRValue l1 = at(low[axis], first), h1 = at(high[axis], first);
    MLIRValue l2 = at(low[axis], second), h2 = at(high[axis], second);
    MLIRValue length =
        arith::SubFOp::create(b, arith::MinimumFOp::create(b, h1, h2),
                              arith::MaximumFOp::create(b, l1, l2));
    MLIRValue is =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, length, none);
    MLIRValue s1 = arith::SubFOp::create(b, h1, l1);
    MLIRValue s2 = arith::SubFOp::create(b, h2, l2);
    bool isFirst = axis == 0;
    shared = isFirst ? length : arith::MulFOp::create(b, shared, length);
    sizes[0] = isFirst ? s1 : arith::MulFOp::create(b, sizes[0], s1);
    sizes[1] = isFirst ? s2 : arith::MulFOp::create(b, sizes[1], s2);
    isShared = isFirst ? is : arith::AndIOp::create(b, isShared, is);
  }
  MLIRValue all = arith::SubFOp::create(
      b, arith::AddFOp::create(b, sizes[0], sizes[1]), shared);
  MLIRValue isMore =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                            arith::DivFOp::create(b, shared, all), overlap);
  return arith::AndIOp::create(b, isShared, isMore);
}

/// The scores of a class, with nothing for those that are too small.
MLIRValue Suppressor::candidates(mlir::ImplicitLocOpBuilder &b, MLIRValue row) {
  MLIRValue offset = arith::MulIOp::create(b, row, boxCount);
  MLIRValue empty = c.im.empty(b.getF32Type(), {boxesPerImage});
  auto loop = scf::ForOp::create(
      b, zero, boxCount, one, empty,
      [&](OpBuilder &r, mlir::Location loc, MLIRValue i, ValueRange state) {
        mlir::ImplicitLocOpBuilder n(loc, r);
        MLIRValue score = tensor::ExtractOp::create(
            n, scores, ValueRange{arith::AddIOp::create(n, offset, i)});
        MLIRValue is =
            arith::CmpFOp::create(n, arith::CmpFPredicate::OGT, score, least);
        MLIRValue kept = arith::SelectOp::create(n, is, score, nothing);
        scf::YieldOp::create(
            n, ValueRange{tensor::InsertOp::create(n, kept, state[0], i)});
      });
  return loop.getResult(0);
}

/// The best score that is left, the first of equal ones, and its box.
std::pair<MLIRValue, MLIRValue> Suppressor::best(mlir::ImplicitLocOpBuilder &b,
                                                 MLIRValue alive) {
  auto loop = scf::ForOp::create(
      b, zero, boxCount, one, ValueRange{nothing, zero},
      [&](OpBuilder &r, mlir::Location loc, MLIRValue i, ValueRange state) {
        mlir::ImplicitLocOpBuilder n(loc, r);
        MLIRValue score = tensor::ExtractOp::create(n, alive, i);
        MLIRValue is = arith::CmpFOp::create(n, arith::CmpFPredicate::OGT,
                                             score, state[0]);
        MLIRValue value = arith::SelectOp::create(n, is, score, state[0]);
        MLIRValue place = arith::SelectOp::create(n, is, i, state[1]);
        scf::YieldOp::create(n, ValueRange{value, place});
      });
  return {loop.getResult(0), loop.getResult(1)};
}

/// Leaves nothing of a box and of those that overlap it.
MLIRValue Suppressor::drop(mlir::ImplicitLocOpBuilder &b, MLIRValue alive,
                           MLIRValue chosen, MLIRValue image) {
  MLIRValue offset = arith::MulIOp::create(b, image, boxCount);
  MLIRValue box = arith::AddIOp::create(b, offset, chosen);
  auto loop = scf::ForOp::create(
      b, zero, boxCount, one, alive,
      [&](OpBuilder &r, mlir::Location loc, MLIRValue i, ValueRange state) {
        mlir::ImplicitLocOpBuilder n(loc, r);
        MLIRValue score = tensor::ExtractOp::create(n, state[0], i);
        MLIRValue other = arith::AddIOp::create(n, offset, i);
        MLIRValue self =
            arith::CmpIOp::create(n, arith::CmpIPredicate::eq, i, chosen);
        MLIRValue is = arith::OrIOp::create(n, self, overlaps(n, box, other));
        MLIRValue kept = arith::SelectOp::create(n, is, nothing, score);
        scf::YieldOp::create(
            n, ValueRange{tensor::InsertOp::create(n, kept, state[0], i)});
      });
  return loop.getResult(0);
}

/// Appends what is kept of one class of one image to `state`: a tensor of
/// places, and their number.
llvm::SmallVector<MLIRValue>
Suppressor::suppressRow(mlir::ImplicitLocOpBuilder &b, MLIRValue row,
                        ValueRange state) {
  MLIRValue image = arith::DivUIOp::create(b, row, classCount);
  MLIRValue offset = arith::MulIOp::create(b, row, boxCount);
  MLIRValue limit = arith::AddIOp::create(
      b, state[1], arith::IndexCastOp::create(b, b.getIndexType(), most));
  MLIRValue inits[] = {candidates(b, row), state[0], state[1]};
  auto before = [&](OpBuilder &r, mlir::Location loc, ValueRange now) {
    mlir::ImplicitLocOpBuilder n(loc, r);
    auto [score, place] = best(n, now[0]);
    MLIRValue isLeft =
        arith::CmpFOp::create(n, arith::CmpFPredicate::OGT, score, nothing);
    MLIRValue hasRoom =
        arith::CmpIOp::create(n, arith::CmpIPredicate::slt, now[2], limit);
    scf::ConditionOp::create(n, arith::AndIOp::create(n, isLeft, hasRoom),
                             ValueRange{now[0], now[1], now[2], place});
  };
  auto after = [&](OpBuilder &r, mlir::Location loc, ValueRange now) {
    mlir::ImplicitLocOpBuilder n(loc, r);
    MLIRValue code = arith::IndexCastOp::create(
        n, n.getI64Type(), arith::AddIOp::create(n, offset, now[3]));
    MLIRValue places = tensor::InsertOp::create(n, code, now[1], now[2]);
    MLIRValue alive = drop(n, now[0], now[3], image);
    scf::YieldOp::create(
        n, ValueRange{alive, places, arith::AddIOp::create(n, now[2], one)});
  };
  llvm::SmallVector<mlir::Type> types;
  for (MLIRValue value : inits)
    types.push_back(value.getType());
  types.push_back(b.getIndexType());
  auto loop = scf::WhileOp::create(b, types, inits, before, after);
  return {loop.getResult(1), loop.getResult(2)};
}

Value Suppressor::keep() {
  Expr rows = c.product(images, classes);
  Expr all = c.product(rows, boxesPerImage);
  if (!c.ok())
    return Value();
  MLIRValue inits[] = {c.im.empty(c.ops.getI64Type(), {all}), zero};
  auto loop = scf::ForOp::create(
      c.ops, zero, c.im.indexValue(rows), one, inits,
      [&](OpBuilder &r, mlir::Location loc, MLIRValue row, ValueRange state) {
        mlir::ImplicitLocOpBuilder n(loc, r);
        scf::YieldOp::create(n, suppressRow(n, row, state));
      });
  llvm::Expected<Expr> extent = c.im.computedExtent(c.node, loop.getResult(1));
  if (!extent) {
    c.fail(extent.takeError());
    return Value();
  }
  Value places = c.im.fromTensor(TensorProto::INT64, {all}, loop.getResult(0));
  return c.slice(places, 0, Expr(0), *extent);
}

static Error emitNonMaxSuppression(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &boxes = c.in(0), &scores = c.in(1);
  c.require(boxes.type == TensorProto::FLOAT && boxes.rank() == 3 &&
                boxes.dims[2].isConstant(4) && scores.rank() == 3 &&
                scores.type == TensorProto::FLOAT,
            "needs boxes [N, boxes, 4] and scores [N, classes, boxes] of type "
            "float, found " +
                im.str(boxes.dims) + " and " + im.str(scores.dims));
  if (!c.ok())
    return c.finish();
  c.requireEqual(boxes.dims[0], scores.dims[0], "needs scores for each image");
  c.requireEqual(boxes.dims[1], scores.dims[2], "needs a score for each box");
  if (!c.ok())
    return c.finish();
  Suppressor suppressor(c, boxes, scores);
  if (!c.ok())
    return c.finish();
  Value places = suppressor.keep();
  auto scalar = [](const Expr &e) {
    return knownValue(TensorProto::INT64, {}, {Scalar::of(e)});
  };
  Value count = scalar(boxes.dims[1]), classes = scalar(scores.dims[1]);
  Value row = c.apply("Div", {places, count});
  if (!c.ok())
    return c.finish();
  Dims column{places.dims[0], Expr(1)};
  c.define(0, c.concat({c.reshape(c.apply("Div", {row, classes}), column),
                        c.reshape(c.apply("Mod", {row, classes}), column),
                        c.reshape(c.apply("Mod", {places, count}), column)},
                       1));
  return c.finish();
}

//===----------------------------------------------------------------------===//
// RoiAlign
//===----------------------------------------------------------------------===//

namespace {
/// Where samples lie along one axis of the image, for each region: the two
/// pixels beside them and how much each counts, all [regions, samples].
struct Samples {
  Value low, high, lowWeight, highWeight;
};
} // namespace

/// `count` bins of `perBin` samples between columns `axis` and `axis + 2` of
/// the regions, in an image of `size` pixels.
static Samples sampleAxis(Composer &c, int64_t axis, int64_t count,
                          int64_t perBin, const Expr &size) {
  const Value &regions = c.in(1);
  auto number = [&](double value) { return Importer::scalar(regions, value); };
  bool isHalf = c.node.version() >= 16 &&
                c.node.string("coordinate_transformation_mode", "half_pixel") ==
                    "half_pixel";
  double scale = c.node.real("spatial_scale", 1), offset = isHalf ? 0.5 : 0;
  auto edge = [&](int64_t column) {
    return c.sub(c.scale(c.slice(regions, 1, Expr(column), Expr(1)), scale),
                 number(offset));
  };
  Value start = edge(axis), length = c.sub(edge(axis + 2), start);
  if (!isHalf)
    length = c.apply("Max", {length, number(1)});
  std::vector<Scalar> shares;
  for (int64_t i = 0; i < count * perBin; ++i)
    shares.push_back(
        Scalar::of((double(i) + 0.5) / double(perBin) / double(count)));
  Value at =
      c.add(start, c.mul(length, knownValue(regions.type, {1, count * perBin},
                                            std::move(shares))));
  Value extent = c.cast(knownValue(TensorProto::INT64, {}, {Scalar::of(size)}),
                        regions.type);
  // Up to a pixel outside counts as the border, and nothing beyond.
  Value inside = c.apply("And", {c.apply("GreaterOrEqual", {at, number(-1)}),
                                 c.apply("LessOrEqual", {at, extent})});
  Value last = c.sub(extent, number(1));
  at = c.apply("Min", {c.apply("Max", {at, number(0)}), last});
  Value low = c.apply("Floor", {at});
  Value high = c.apply("Min", {c.add(low, number(1)), last});
  Value part = c.sub(at, low), valid = c.cast(inside, regions.type);
  return {c.cast(low, TensorProto::INT64), c.cast(high, TensorProto::INT64),
          c.mul(c.sub(number(1), part), valid), c.mul(part, valid)};
}

static Error emitRoiAlign(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &x = c.in(0), &regions = c.in(1), &numbers = c.in(2);
  c.require(isFloat(x.type) && x.rank() == 4 && regions.rank() == 2 &&
                regions.type == x.type && regions.dims[1].isConstant(4) &&
                numbers.rank() == 1,
            "needs images [N, C, H, W], regions [regions, 4] of the same type "
            "and the image of each, found " +
                im.str(x.dims) + ", " + im.str(regions.dims) + " and " +
                im.str(numbers.dims));
  if (!c.ok())
    return c.finish();
  Dims d = x.dims;
  Expr count = regions.dims[0];
  int64_t perBin = node.integer("sampling_ratio", 0);
  int64_t height = node.integer("output_height", 1);
  int64_t width = node.integer("output_width", 1);
  int64_t down = height * perBin, across = width * perBin;
  Samples rows = sampleAxis(c, 1, height, perBin, d[2]);
  Samples columns = sampleAxis(c, 0, width, perBin, d[3]);
  auto scalar = [](const Expr &e) {
    return knownValue(TensorProto::INT64, {}, {Scalar::of(e)});
  };
  // Channels come last, so that a pixel is a row.
  Value pixels = c.reshape(c.transpose(x, {0, 2, 3, 1}),
                           {c.product(d[0], c.product(d[2], d[3])), d[1]});
  Value first = c.mul(
      c.reshape(c.cast(numbers, TensorProto::INT64), {count, Expr(1), Expr(1)}),
      scalar(d[2]));
  // The largest of weighted pixels, each by itself, or their sum.
  bool isMax = node.string("mode", "avg") == "max";
  Value all;
  for (bool isLower : {false, true})
    for (bool isRight : {false, true}) {
      Value y = c.reshape(isLower ? rows.high : rows.low, {count, down, 1});
      Value at =
          c.reshape(isRight ? columns.high : columns.low, {count, 1, across});
      Value place = c.add(c.mul(c.add(first, y), scalar(d[3])), at);
      Value weight =
          c.mul(c.reshape(isLower ? rows.highWeight : rows.lowWeight,
                          {count, down, 1, 1}),
                c.reshape(isRight ? columns.highWeight : columns.lowWeight,
                          {count, 1, across, 1}));
      Value read = c.mul(c.apply("Gather", {pixels, place}), weight);
      if (!all.type)
        all = read;
      else
        all = isMax ? c.apply("Max", {all, read}) : c.add(all, read);
    }
  all = c.reshape(all, {count, height, perBin, width, perBin, d[1]});
  Value bins = c.apply(isMax ? "ReduceMax" : "ReduceMean",
                       {all, Composer::integers({Expr(2), Expr(4)})},
                       {{"keepdims", int64_t(0)}});
  c.define(0, c.transpose(bins, {0, 3, 1, 2}));
  return c.finish();
}

/// Their places are constants.
static constexpr int64_t maxSamples = 1 << 16;

static std::string refuseRoiAlign(const Node &node) {
  std::string mode = node.string("mode", "avg");
  if (mode != "avg" && mode != "max")
    return "attribute mode must be avg or max, found '" + mode + "'";
  auto isSmall = [&](llvm::StringRef name, int64_t otherwise) {
    int64_t value = node.integer(name, otherwise);
    return value >= 1 && value <= 4096;
  };
  if (!isSmall("sampling_ratio", 0))
    return "attribute sampling_ratio must be 1 to 4096: 0 takes as many "
           "samples as each region is large";
  if (!isSmall("output_height", 1) || !isSmall("output_width", 1))
    return "attributes output_height and output_width must be 1 to 4096";
  int64_t most = std::max(node.integer("output_height", 1),
                          node.integer("output_width", 1)) *
                 node.integer("sampling_ratio", 0);
  if (most > maxSamples)
    return "attribute sampling_ratio must take at most " +
           std::to_string(maxSamples) + " samples along an axis, found " +
           std::to_string(most);
  return "";
}

void lowbit::frontend::addDetectionOperators(OperatorTable &table) {
  table.add({
      {"NonMaxSuppression", 10, newest, 2, 5, 1, "center_point_box:i",
       emitNonMaxSuppression},
      {"RoiAlign", 10, newest, 3, 3, 1,
       "coordinate_transformation_mode:s mode:s output_height:i "
       "output_width:i sampling_ratio:i spatial_scale:f",
       emitRoiAlign, refuseRoiAlign},
  });
}
