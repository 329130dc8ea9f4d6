//===- GridSample.cpp - images read at computed positions -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each result is a sum of neighbours of its position, weighted by kernels along
// both axes. Extents: N images of C channels, P positions each.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::Error;
using onnx::TensorProto;

namespace {
class GridSampler {
public:
  GridSampler(Composer &c, const Value &x)
      : c(c), x(x), mode(c.node.string("mode", "linear")),
        padding(c.node.string("padding_mode", "zeros")),
        corners(c.node.integer("align_corners", 0) != 0) {}

  Value sample(const Value &grid);

private:
  /// One neighbour along an axis: its position, and its weight.
  struct Tap {
    Value position, weight;
  };

  Value number(double value) { return Importer::scalar(x, value); }
  Value extent(int64_t axis) {
    return c.cast(
        knownValue(TensorProto::INT64, {}, {Scalar::of(x.dims[axis])}), x.type);
  }
  Value clamp(const Value &position, const Value &size) {
    Value last = c.sub(size, number(1));
    return c.apply("Max", {c.apply("Min", {position, last}), number(0)});
  }
  Value reflect(const Value &position, const Value &size);
  Value kernel(const Value &distance);
  std::vector<Tap> taps(const Value &coordinate, const Value &size);

  Composer &c;
  const Value &x;
  std::string mode, padding;
  bool corners;
};
} // namespace

/// `position` mirrored at the borders until it is inside.
Value GridSampler::reflect(const Value &position, const Value &size) {
  Value low = number(corners ? 0 : -0.5);
  Value span =
      corners ? c.apply("Max", {c.sub(size, number(1)), number(1)}) : size;
  Value away = c.apply("Abs", {c.sub(position, low)});
  // Two reflections are a period.
  Value period = c.mul(span, number(2));
  Value turns = c.apply("Floor", {c.apply("Div", {away, period})});
  Value rest = c.sub(away, c.mul(turns, period));
  return c.add(c.apply("Min", {rest, c.sub(period, rest)}), low);
}

/// The weight at a distance; cubic with a = -0.75.
Value GridSampler::kernel(const Value &distance) {
  Value t = c.apply("Abs", {distance});
  if (mode == "linear" || mode == "bilinear")
    return c.apply("Max", {c.sub(number(1), t), number(0)});
  auto polynomial = [&](double k3, double k2, double k1, double k0) {
    Value sum = c.add(c.mul(t, number(k3)), number(k2));
    sum = c.add(c.mul(t, sum), number(k1));
    return c.add(c.mul(t, sum), number(k0));
  };
  Value far = c.apply("Where", {c.apply("Less", {t, number(2)}),
                                polynomial(-0.75, 3.75, -6, 3), number(0)});
  return c.apply("Where", {c.apply("LessOrEqual", {t, number(1)}),
                           polynomial(1.25, -2.25, 0, 1), far});
}

/// Neighbours of a coordinate in [-1, 1].
std::vector<GridSampler::Tap> GridSampler::taps(const Value &coordinate,
                                                const Value &size) {
  Value half = number(0.5), one = number(1);
  Value unit = c.mul(c.add(coordinate, one), half);
  Value at =
      corners ? c.mul(unit, c.sub(size, one)) : c.sub(c.mul(unit, size), half);
  bool cubic = mode == "cubic" || mode == "bicubic";
  if (padding == "border" && !cubic)
    at = clamp(at, size);
  else if (padding == "reflection" && !cubic)
    at = clamp(reflect(at, size), size);
  std::vector<std::pair<Value, Value>> places;
  if (mode == "nearest") {
    places.push_back({c.apply("Round", {at}), one});
  } else {
    Value base = c.apply("Floor", {at});
    for (int64_t k = cubic ? -1 : 0; k <= (cubic ? 2 : 1); ++k) {
      Value place = c.add(base, number(k));
      places.push_back({place, kernel(c.sub(place, at))});
    }
  }
  std::vector<Tap> result;
  for (auto &[place, weight] : places) {
    Value inside = padding == "reflection" ? reflect(place, size) : place;
    if (padding == "zeros") {
      Value valid =
          c.apply("And", {c.apply("GreaterOrEqual", {place, number(0)}),
                          c.apply("Less", {place, size})});
      weight = c.apply("Where", {valid, weight, number(0)});
    }
    result.push_back({clamp(inside, size), weight});
  }
  return result;
}

Value GridSampler::sample(const Value &grid) {
  Dims d = x.dims, g = grid.dims;
  Expr points = c.product(g[1], g[2]), pixels = c.product(d[2], d[3]);
  Value flat = c.reshape(x, {d[0], d[1], pixels});
  Value pairs = c.cast(c.reshape(grid, {g[0], points, Expr(2)}), x.type);
  auto coordinate = [&](int64_t i) {
    return c.reshape(c.slice(pairs, 2, Expr(i), Expr(1)),
                     {g[0], Expr(1), points});
  };
  Value width = extent(3), sum;
  auto columns = taps(coordinate(0), width);
  for (const Tap &row : taps(coordinate(1), extent(2)))
    for (const Tap &column : columns) {
      Value place = c.cast(c.add(c.mul(row.position, width), column.position),
                           TensorProto::INT64);
      place =
          c.apply("Expand", {place, Composer::integers({d[0], d[1], points})});
      Value read =
          c.apply("GatherElements", {flat, place}, {{"axis", int64_t(2)}});
      Value part = c.mul(read, c.mul(row.weight, column.weight));
      sum = sum.type ? c.add(sum, part) : part;
    }
  return c.reshape(sum, {d[0], d[1], g[1], g[2]});
}

static Error emitGridSample(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &x = c.in(0), &grid = c.in(1);
  c.require(isFloat(x.type) && x.rank() == 4 && grid.rank() == 4 &&
                grid.dims[3].isConstant(2),
            "needs images [N, C, H, W] of floats and a grid [N, H, W, 2], "
            "found " +
                im.str(x.dims) + " and " + im.str(grid.dims));
  if (!c.ok())
    return c.finish();
  c.requireEqual(x.dims[0], grid.dims[0], "needs a grid for each image");
  c.define(0, GridSampler(c, x).sample(grid));
  return c.finish();
}

//===----------------------------------------------------------------------===//
// AffineGrid
//===----------------------------------------------------------------------===//

/// Positions along spatial axis `axis` of `rank`, in [-1, 1]: of the corners of
/// a line of pixels, or of its pixels' centres. [1, ..., size, ..., 1, 1]
static Value positionsOf(Composer &c, const Expr &size, int64_t axis,
                         int64_t rank, int32_t type) {
  bool corners = c.node.integer("align_corners", 0) != 0;
  Value at = c.cast(countAlong(c, size, axis + 1, rank + 2), type);
  Value whole =
      c.cast(knownValue(TensorProto::INT64, {}, {Scalar::of(size)}), type);
  if (!c.ok())
    return Value();
  Value one = Importer::scalar(at, 1);
  Value steps = corners ? c.apply("Max", {c.sub(whole, one), one}) : whole;
  Value first = corners ? at : c.add(at, Importer::scalar(at, 0.5));
  return c.sub(c.apply("Div", {c.scale(first, 2), steps}), one);
}

/// theta [N, d, d + 1] times the homogeneous position of each pixel of images
/// of the given size [N, C, ...]; the last axis of an image comes first.
static Error emitAffineGrid(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &theta = c.in(0);
  llvm::Expected<Dims> size = im.shapeInput(node, 1);
  if (!size)
    return size.takeError();
  int64_t rank = int64_t(size->size()) - 2;
  c.require(
      isFloat(theta.type) && (rank == 2 || rank == 3) && theta.rank() == 3 &&
          theta.dims[1].isConstant(rank) && theta.dims[2].isConstant(rank + 1),
      "needs matrices [N, 2, 3] of floats and a size of 4 numbers, or [N, "
      "3, 4] and 5, found " +
          im.str(theta.dims) + " and " + im.str(*size));
  if (!c.ok())
    return c.finish();
  c.requireEqual(theta.dims[0], size->front(), "needs a matrix for each image");
  Dims wide(rank + 2, Expr(1));
  wide.front() = theta.dims[0];
  wide.back() = Expr(rank);
  auto column = [&](int64_t i) {
    return c.reshape(c.slice(theta, 2, Expr(i), Expr(1)), wide);
  };
  Value sum = column(rank);
  for (int64_t i = 0; i < rank && c.ok(); ++i) {
    int64_t axis = rank - 1 - i;
    sum = c.add(sum, c.mul(column(i), positionsOf(c, (*size)[axis + 2], axis,
                                                  rank, theta.type)));
  }
  c.define(0, sum);
  return c.finish();
}

static std::string refuse(const Node &node) {
  std::string mode = node.string("mode", "linear");
  if (!llvm::is_contained({"linear", "bilinear", "nearest", "cubic", "bicubic"},
                          mode))
    return "attribute mode = '" + mode + "' is not supported";
  std::string padding = node.string("padding_mode", "zeros");
  if (!llvm::is_contained({"zeros", "border", "reflection"}, padding))
    return "attribute padding_mode = '" + padding + "' is not supported";
  return "";
}

void lowbit::frontend::addGridSampleOperators(OperatorTable &table) {
  table.add({
      {"GridSample", 16, newest, 2, 2, 1,
       "align_corners:i mode:s padding_mode:s", emitGridSample, refuse},
      {"AffineGrid", 20, newest, 2, 2, 1, "align_corners:i", emitAffineGrid},
  });
}
