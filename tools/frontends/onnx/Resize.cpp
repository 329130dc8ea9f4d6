//===- Resize.cpp - interpolation along axes ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Interpolation is separable: along one axis each result is a weighted sum of a
// few neighbours, whose positions and weights depend on the result's position
// alone. Known extents make both constants; else a small loop computes them.
// Axes are resized one after the other, each as a gather and a sum.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include <cmath>

using namespace lowbit::frontend;
using llvm::Error;
using llvm::StringRef;
using onnx::TensorProto;

namespace {
/// How one axis is resized.
struct AxisPlan {
  int64_t axis;
  Expr from, to;
  double scale = 0; ///< to / from as given, or 0 where only the size is.
  Value start, end; ///< Region of interest, if there is one.
};

struct Options {
  std::string mode, coordinates, nearest;
  double cubic, extrapolation;
  bool antialias, excludeOutside;
};
} // namespace

static Options readOptions(const Node &node) {
  bool old = node.op() == "Upsample" || node.version() < 11;
  Options options;
  options.mode = node.string("mode", "nearest");
  if (options.mode == "bilinear")
    options.mode = "linear";
  options.coordinates = node.string("coordinate_transformation_mode",
                                    old ? "asymmetric" : "half_pixel");
  options.nearest =
      node.string("nearest_mode", old ? "floor" : "round_prefer_floor");
  options.cubic = node.real("cubic_coeff_a", -0.75f);
  options.extrapolation = node.real("extrapolation_value", 0);
  options.antialias = node.integer("antialias", 0) != 0;
  options.excludeOutside = node.integer("exclude_outside", 0) != 0;
  return options;
}

//===----------------------------------------------------------------------===//
// Arithmetic on vectors of positions
//===----------------------------------------------------------------------===//

namespace {
/// Positions and weights along one axis, in double precision.
class Sampler {
public:
  Sampler(Composer &c, const Options &options, const AxisPlan &plan)
      : c(c), options(options), plan(plan), from(extent(plan.from)),
        to(extent(plan.to)) {
    ratio = plan.scale != 0 ? number(plan.scale) : div(to, from);
  }

  /// `x` with the axis resized.
  Value sample(const Value &x);

private:
  Value number(double value) {
    return knownValue(TensorProto::DOUBLE, {}, {Scalar::of(value)});
  }
  Value extent(const Expr &e) {
    return c.cast(knownValue(TensorProto::INT64, {}, {Scalar::of(e)}),
                  TensorProto::DOUBLE);
  }
  Value div(const Value &a, const Value &b) { return c.apply("Div", {a, b}); }
  Value less(const Value &a, const Value &b) { return c.apply("Less", {a, b}); }

  Value coordinates();
  Value nearestPosition(const Value &x);
  Value kernel(const Value &distance);
  Value take(const Value &x, const Value &positions);
  Value along(const Value &vector, int64_t rank);
  Value interpolate(const Value &x, const Value &at);

  Composer &c;
  const Options &options;
  const AxisPlan &plan;
  Value from, to, ratio;
};
} // namespace

/// Where each position of the result lies in the operand.
Value Sampler::coordinates() {
  Value x = c.cast(countAlong(c, plan.to, 0, 1), TensorProto::DOUBLE);
  Value one = number(1), half = number(0.5);
  Value middle = div(c.add(x, half), ratio);
  const std::string &mode = options.coordinates;
  if (mode == "asymmetric")
    return div(x, ratio);
  if (mode == "tf_half_pixel_for_nn")
    return middle;
  if (mode == "half_pixel")
    return c.sub(middle, half);
  if (mode == "pytorch_half_pixel")
    return c.apply("Where", {less(one, to), c.sub(middle, half), number(0)});
  if (mode == "half_pixel_symmetric") {
    Value adjustment = div(to, c.mul(ratio, from));
    Value offset = c.mul(c.mul(from, half), c.sub(one, adjustment));
    return c.sub(c.add(offset, middle), half);
  }
  // Ends of the operand, or of a region of it, on ends of the result.
  Value last = c.sub(from, one), steps = c.apply("Max", {c.sub(to, one), one});
  if (mode == "align_corners" && plan.scale != 0)
    steps = c.apply("Max", {c.sub(c.mul(from, ratio), one), number(1e-9)});
  if (mode == "align_corners")
    return div(c.mul(x, last), steps);
  Value start = c.mul(plan.start, last), end = c.mul(plan.end, last);
  Value inside = c.add(start, div(c.mul(x, c.sub(end, start)), steps));
  Value centre = c.mul(half, c.add(start, end));
  return c.apply("Where", {less(one, to), inside, centre});
}

Value Sampler::nearestPosition(const Value &x) {
  if (options.nearest == "floor")
    return c.apply("Floor", {x});
  if (options.nearest == "ceil")
    return c.apply("Ceil", {x});
  if (options.nearest == "round_prefer_ceil")
    return c.apply("Floor", {c.add(x, number(0.5))});
  return c.apply("Ceil", {c.sub(x, number(0.5))});
}

/// The weight of a neighbour. Cubic: Keys, "Cubic convolution interpolation for
/// digital image processing" (1981).
Value Sampler::kernel(const Value &distance) {
  Value t = c.apply("Abs", {distance});
  if (options.mode == "linear")
    return c.apply("Max", {c.sub(number(1), t), number(0)});
  double a = options.cubic;
  auto polynomial = [&](double k3, double k2, double k1, double k0) {
    Value sum = c.add(c.mul(t, number(k3)), number(k2));
    sum = c.add(c.mul(t, sum), number(k1));
    return c.add(c.mul(t, sum), number(k0));
  };
  Value near = polynomial(a + 2, -(a + 3), 0, 1);
  Value far = polynomial(a, -5 * a, 8 * a, -4 * a);
  Value inner = c.apply("LessOrEqual", {t, number(1)});
  Value outer = c.apply("Where", {less(t, number(2)), far, number(0)});
  return c.apply("Where", {inner, near, outer});
}

/// `x` at `positions`, which are moved inside.
Value Sampler::take(const Value &x, const Value &positions) {
  auto integer = [](Expr e) {
    return knownValue(TensorProto::INT64, {}, {Scalar::of(std::move(e))});
  };
  Value last = integer(c.difference(plan.from, Expr(1)));
  Value inside = c.apply("Min", {c.cast(positions, TensorProto::INT64), last});
  inside = c.apply("Max", {inside, integer(0)});
  return c.apply("Gather", {x, inside}, {{"axis", plan.axis}});
}

/// A vector with one element for each position of the axis.
Value Sampler::along(const Value &vector, int64_t rank) {
  Dims dims(rank, Expr(1));
  dims[plan.axis] = plan.to;
  return c.reshape(vector, dims);
}

/// The sum of neighbours of each coordinate, by their weights.
Value Sampler::interpolate(const Value &x, const Value &at) {
  double reach = options.mode == "cubic" ? 2 : 1, shrink = 1;
  if (options.antialias && plan.scale != 0)
    shrink = std::min(plan.scale, 1.0);
  constexpr double maxSide = 512;
  double width = std::ceil(reach / shrink);
  c.require(width <= maxSide, "antialias takes more than " +
                                  llvm::Twine(int64_t(maxSide)) +
                                  " neighbours on a side");
  int64_t side = c.ok() ? int64_t(width) : 0;
  Value base = c.apply("Floor", {at}), total;
  std::vector<Value> positions, weights;
  for (int64_t k = 1 - side; k <= side; ++k) {
    Value position = c.add(base, number(k));
    Value weight = kernel(c.scale(c.sub(position, at), shrink));
    if (options.excludeOutside) {
      Value inside =
          c.apply("And", {c.apply("GreaterOrEqual", {position, number(0)}),
                          less(position, from)});
      weight = c.apply("Where", {inside, weight, number(0)});
    }
    positions.push_back(position);
    weights.push_back(weight);
    total = total.type ? c.add(total, weight) : weight;
  }
  bool normalise = options.excludeOutside || shrink != 1;
  Value sum;
  for (auto [position, weight] : llvm::zip_equal(positions, weights)) {
    Value share = normalise ? div(weight, total) : weight;
    Value part =
        c.mul(take(x, position), c.cast(along(share, x.rank()), x.type));
    sum = sum.type ? c.add(sum, part) : part;
  }
  return sum;
}

Value Sampler::sample(const Value &x) {
  if (!c.ok())
    return Value();
  Value at = coordinates();
  Value result = options.mode == "nearest" ? take(x, nearestPosition(at))
                                           : interpolate(x, at);
  if (options.coordinates != "tf_crop_and_resize" || !c.ok())
    return result;
  Value outside =
      c.apply("Or", {less(at, number(0)), less(c.sub(from, number(1)), at)});
  return c.apply("Where",
                 {along(outside, x.rank()),
                  Importer::scalar(result, options.extrapolation), result});
}

//===----------------------------------------------------------------------===//
// Whole factors
//===----------------------------------------------------------------------===//

/// How often each element is repeated, or 0 if it is not as simple as that.
static int64_t repetitions(const Options &options, const AxisPlan &plan,
                           Composer &c) {
  bool half = options.coordinates == "half_pixel" ||
              options.coordinates == "pytorch_half_pixel";
  bool rounds = llvm::StringRef(options.nearest).starts_with("round");
  bool floors =
      options.coordinates == "asymmetric" && options.nearest == "floor";
  if (options.mode != "nearest" || !(floors || (half && rounds)))
    return 0;
  std::optional<Expr> factor = c.im.symbols.divideExactly(plan.to, plan.from);
  if (!factor || !factor->isConstant() ||
      (plan.scale != 0 && plan.scale != factor->constant()))
    return 0;
  return factor->constant();
}

static Value repeat(Composer &c, const Value &x, int64_t axis, int64_t times) {
  if (!c.ok())
    return Value();
  Dims apart = x.dims, wide = x.dims;
  apart.insert(apart.begin() + axis + 1, Expr(1));
  Dims repeated = apart;
  repeated[axis + 1] = Expr(times);
  wide[axis] = c.product(wide[axis], Expr(times));
  Value view =
      c.apply("Expand", {c.reshape(x, apart), Composer::integers(repeated)});
  return c.reshape(view, wide);
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

/// `size`, which was computed from a scale, as an extent.
static Expr wholeExtent(Composer &c, double size) {
  std::optional<int64_t> whole = wholeNumber(Scalar::of(size));
  c.require(whole && *whole >= 0,
            "cannot scale to an extent of " + std::to_string(size));
  return Expr(whole.value_or(0));
}

/// floor(extent * scale).
static Expr scaledExtent(Composer &c, const Expr &extent, double scale) {
  if (extent.isConstant())
    return wholeExtent(c, std::floor(double(extent.constant()) * scale));
  int exponent = 0;
  double mantissa = std::frexp(scale, &exponent);
  int64_t numerator = std::ldexp(mantissa, 24);
  exponent -= 24;
  while (numerator % 2 == 0 && exponent < 0) {
    numerator /= 2;
    ++exponent;
  }
  c.require(exponent > -24 && exponent <= 24,
            "cannot scale " + c.im.symbols.str(extent) + c.im.advice(extent));
  if (!c.ok())
    return Expr();
  Expr product = c.product(extent, Expr(numerator));
  if (exponent >= 0)
    return c.product(product, Expr(int64_t(1) << exponent));
  llvm::Expected<Expr> quotient = c.im.checked(
      c.node, c.im.symbols.floorDiv(product, Expr(int64_t(1) << -exponent)));
  if (quotient)
    return *quotient;
  c.fail(quotient.takeError());
  return Expr();
}

/// Numbers of attribute `scales` or input `i`, which must be constant.
static llvm::SmallVector<double> readScales(Composer &c, int i) {
  llvm::SmallVector<double> scales;
  if (const onnx::AttributeProto *given = c.node.find("scales")) {
    scales.assign(given->floats().begin(), given->floats().end());
  } else {
    const Value &value = c.in(i);
    c.require(value.isConstant() && isFloat(value.type) && value.known,
              "input scales must be constant");
    for (int64_t k = 0; c.ok() && k < value.size(); ++k)
      scales.push_back(value.element(k).number());
  }
  for (double scale : scales)
    c.require(scale > 0 && scale < double(maxExtent),
              "scales must be positive, found " + std::to_string(scale));
  return scales;
}

/// One extent for the sizes of all axes, where the ratio of extents is kept.
static void keepAspect(Composer &c, llvm::MutableArrayRef<AxisPlan> plans) {
  std::string policy = c.node.string("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch" || !c.ok())
    return;
  std::optional<double> scale;
  for (const AxisPlan &plan : plans) {
    c.require(plan.from.isConstant() && plan.to.isConstant(),
              "keep_aspect_ratio_policy needs known extents" +
                  c.im.advice(plan.from));
    if (!c.ok())
      return;
    double own = double(plan.to.constant()) / double(plan.from.constant());
    bool better =
        !scale || (policy == "not_larger" ? own < *scale : own > *scale);
    scale = better ? own : *scale;
  }
  for (AxisPlan &plan : plans) {
    plan.to =
        wholeExtent(c, std::floor(double(plan.from.constant()) * *scale + 0.5));
    plan.scale = *scale;
  }
}

static std::vector<AxisPlan> readPlans(Composer &c, const Value &x) {
  bool hasRegion = c.node.op() == "Resize" && c.node.version() >= 11;
  int scalesInput = hasRegion ? 2 : 1, sizesInput = hasRegion ? 3 : -1;
  Axes axes = c.node.integers("axes");
  for (int64_t axis = 0; !c.node.find("axes") && axis < x.rank(); ++axis)
    axes.push_back(axis);
  std::vector<AxisPlan> plans;
  if (llvm::Error failed = c.im.axes(c.node, axes, x.rank()).takeError())
    c.fail(std::move(failed));
  for (int64_t axis : axes) {
    int64_t place = axis < 0 ? axis + x.rank() : axis;
    if (c.ok())
      plans.push_back({place, x.dims[place], x.dims[place], 0, {}, {}});
  }
  bool bySize = sizesInput > 0 && c.has(sizesInput);
  llvm::SmallVector<double> scales;
  Dims sizes;
  if (bySize) {
    llvm::Expected<Dims> given = c.im.shapeInput(c.node, sizesInput);
    if (given)
      sizes = *given;
    else
      c.fail(given.takeError());
  } else {
    scales = readScales(c, scalesInput);
  }
  c.require((bySize ? sizes.size() : scales.size()) == plans.size(),
            "needs a scale or a size for each of " + llvm::Twine(plans.size()) +
                " axes");
  for (size_t i = 0; c.ok() && i < plans.size(); ++i) {
    plans[i].scale = bySize ? 0 : scales[i];
    plans[i].to = bySize ? sizes[i] : scaledExtent(c, plans[i].from, scales[i]);
    if (hasRegion && c.has(1) && c.in(1).size() == 2 * int64_t(plans.size())) {
      Value region = c.cast(c.in(1), TensorProto::DOUBLE);
      plans[i].start = c.reshape(c.slice(region, 0, Expr(i), Expr(1)), {});
      plans[i].end =
          c.reshape(c.slice(region, 0, Expr(i + plans.size()), Expr(1)), {});
    }
  }
  if (bySize)
    keepAspect(c, plans);
  return plans;
}

static Error emitResize(Importer &im, const Node &node) {
  Composer c(im, node);
  Options options = readOptions(node);
  Value x = c.in(0);
  int32_t type = x.type;
  if (options.mode != "nearest" && !isFloat(type))
    x = c.cast(x, TensorProto::FLOAT);
  for (AxisPlan &plan : readPlans(c, x)) {
    bool crops = options.coordinates == "tf_crop_and_resize";
    c.require(!crops || plan.start.type, "input roi is missing");
    if (!c.ok())
      break;
    bool same = plan.to == plan.from && (plan.scale == 0 || plan.scale == 1);
    if (same && !crops)
      continue;
    if (plan.scale == 0 && plan.to.isConstant() && plan.from.isConstant())
      plan.scale = double(plan.to.constant()) / double(plan.from.constant());
    c.require(!options.antialias || plan.scale != 0,
              "antialias needs known extents" + im.advice(plan.to));
    int64_t times = repetitions(options, plan, c);
    x = times > 0 ? repeat(c, x, plan.axis, times)
                  : Sampler(c, options, plan).sample(x);
  }
  c.define(0, c.cast(x, type));
  return c.finish();
}

static std::string refuse(const Node &node) {
  auto check = [&](StringRef name, StringRef otherwise,
                   llvm::ArrayRef<StringRef> known) -> std::string {
    std::string value = node.string(name, otherwise);
    if (llvm::is_contained(known, value))
      return "";
    return ("attribute " + name + " = '" + value + "' is not supported").str();
  };
  std::string reason =
      check("mode", "nearest", {"nearest", "linear", "bilinear", "cubic"});
  if (reason.empty())
    reason = check("coordinate_transformation_mode", "half_pixel",
                   {"half_pixel", "pytorch_half_pixel", "align_corners",
                    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize",
                    "half_pixel_symmetric"});
  if (reason.empty())
    reason =
        check("nearest_mode", "floor",
              {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"});
  bool byInput = node.hasInput(node.op() == "Resize" && node.version() >= 11
                                   ? (node.hasInput(3) ? 3 : 2)
                                   : 1);
  if (reason.empty() && !byInput && !node.find("scales"))
    reason = "needs scales or sizes";
  return reason;
}

void lowbit::frontend::addResizeOperators(OperatorTable &table) {
  table.add({
      {"Resize", 10, newest, 1, 4, 1,
       "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f "
       "exclude_outside:i extrapolation_value:f keep_aspect_ratio_policy:s "
       "mode:s nearest_mode:s",
       emitResize, refuse},
      {"Upsample", 7, 9, 1, 2, 1, "mode:s scales:F", emitResize, refuse},
  });
}
