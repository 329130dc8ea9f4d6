//===- Signal.cpp - windows, Fourier transforms, mel filters --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A discrete Fourier transform of any length is a product with a matrix of
// cosines and sines. The matrix is made when the model runs: it is no weight,
// so that no method rounds it. Its numbers are those of n angles, a table where
// n is known.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace lowbit::frontend;
using llvm::Error;
using onnx::TensorProto;

static constexpr double pi = 3.14159265358979323846;

/// Values that are computed at import have no more elements.
static constexpr int64_t maxElements = int64_t(1) << 20;

/// The number that input `i` must be when the model is compiled.
static double constantNumber(Composer &c, int i, llvm::StringRef name) {
  const Scalar *scalar = c.in(i).uniform();
  c.require(scalar && scalar->isConstant() && c.in(i).size() == 1,
            "input " + name + " must be a constant of one element");
  return c.ok() ? scalar->number() : 0;
}

/// The integer that input `i` must be.
static int64_t constantInteger(Composer &c, int i, llvm::StringRef name) {
  double number = constantNumber(c, i, name);
  std::optional<int64_t> whole = wholeNumber(Scalar::of(number));
  c.require(whole.has_value(), "input " + name + " must be an integer");
  return whole.value_or(0);
}

static Value scalarOf(const Expr &e) {
  return knownValue(TensorProto::INT64, {}, {Scalar::of(e)});
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

/// a - b cos(2 pi i / n) + c cos(4 pi i / n), n being the period.
static Error emitWindow(Importer &im, const Node &node, double a, double b,
                        double third) {
  Composer c(im, node);
  double size = constantNumber(c, 0, "size");
  c.require(size >= 0 && size <= double(maxElements),
            "input size must be between 0 and " + llvm::Twine(maxElements));
  int32_t type = node.integer("output_datatype", TensorProto::FLOAT);
  c.require(isFloat(type), "attribute output_datatype must be a float type");
  if (!c.ok())
    return c.finish();
  double period = node.integer("periodic", 1) != 0 ? size : size - 1;
  std::vector<Scalar> elements;
  for (int64_t i = 0; i < int64_t(size); ++i) {
    double angle = 2 * pi * double(i) / period;
    double value = a - b * std::cos(angle) + third * std::cos(2 * angle);
    elements.push_back(Scalar::of(roundTo(type, value)));
  }
  c.define(0, knownValue(type, {Expr(int64_t(size))}, std::move(elements)));
  return c.finish();
}

static Error emitHann(Importer &im, const Node &node) {
  return emitWindow(im, node, 0.5, 0.5, 0);
}

static Error emitHamming(Importer &im, const Node &node) {
  return emitWindow(im, node, 25.0 / 46, 1 - 25.0 / 46, 0);
}

static Error emitBlackman(Importer &im, const Node &node) {
  return emitWindow(im, node, 0.42, 0.5, 0.08);
}

//===----------------------------------------------------------------------===//
// Transforms
//===----------------------------------------------------------------------===//

namespace {
/// Real and imaginary parts; the latter without a type where it is 0.
struct Complex {
  Value real, imaginary;
};
} // namespace

/// Cosines, or sines, of 2 pi i / n for i < n, as a tensor: a table is no
/// weight.
static Value buildTable(Composer &c, int64_t length,
                        double (*function)(double)) {
  std::vector<Scalar> elements;
  for (int64_t i = 0; i < length; ++i)
    elements.push_back(Scalar::of(roundTo(
        TensorProto::FLOAT, function(2 * pi * double(i) / double(length)))));
  return c.im.emitted(
      knownValue(TensorProto::FLOAT, {Expr(length)}, std::move(elements)));
}

/// Cosines and sines of 2 pi t k / n for t < `rows` and k < `bins`.
static Complex buildBasis(Composer &c, const Expr &rows, const Expr &bins,
                          const Expr &length) {
  // Angles are reduced as integers, and computed in 64 bits, so that long
  // transforms are as exact as short ones.
  Value products = c.mul(countAlong(c, rows, 0, 2), countAlong(c, bins, 1, 2));
  Value turns = c.apply("Mod", {products, scalarOf(length)});
  if (!c.ok())
    return {};
  // Where their number is known, that is before the model runs.
  if (length.isConstant() && length.constant() <= maxElements) {
    auto lookUp = [&](double (*function)(double)) {
      return c.apply("Gather",
                     {buildTable(c, length.constant(), function), turns});
    };
    return {lookUp(std::cos), lookUp(std::sin)};
  }
  Value whole = c.cast(scalarOf(length), TensorProto::DOUBLE);
  Value angles = c.scale(
      c.apply("Div", {c.cast(turns, TensorProto::DOUBLE), whole}), 2 * pi);
  return {c.cast(c.apply("Cos", {angles}), TensorProto::FLOAT),
          c.cast(c.apply("Sin", {angles}), TensorProto::FLOAT)};
}

/// The transform of the rows of `x` [..., n]: [..., bins]. Negative frequencies
/// if it is inverse, without the division.
static Complex transform(Composer &c, const Complex &x, const Expr &bins,
                         const Expr &length, bool inverse) {
  if (!c.ok())
    return {};
  Complex basis = buildBasis(c, x.real.dims.back(), bins, length);
  double sign = inverse ? 1 : -1;
  Complex y{c.matmul(x.real, basis.real),
            c.scale(c.matmul(x.real, basis.imaginary), sign)};
  if (!x.imaginary.type)
    return y;
  y.real = c.sub(y.real, c.scale(c.matmul(x.imaginary, basis.imaginary), sign));
  y.imaginary = c.add(y.imaginary, c.matmul(x.imaginary, basis.real));
  return y;
}

/// [..., 1 or 2] as parts without that dimension.
static Complex split(Composer &c, const Value &x) {
  c.require(x.rank() > 1 &&
                (x.dims.back().isConstant(1) || x.dims.back().isConstant(2)),
            "needs numbers whose last dimension is 1 (real) or 2 (complex), "
            "found " +
                c.im.str(x.dims));
  if (!c.ok())
    return {};
  Dims dims(x.dims.begin(), x.dims.end() - 1);
  auto part = [&](int64_t i) {
    return c.reshape(c.slice(x, x.rank() - 1, Expr(i), Expr(1)), dims);
  };
  return {part(0), x.dims.back().isConstant(2) ? part(1) : Value()};
}

/// The parts side by side in a last dimension of 2, or the real one alone.
static Value join(Composer &c, const Complex &x) {
  if (!c.ok())
    return Value();
  Dims dims = x.real.dims;
  dims.push_back(Expr(1));
  Value real = c.reshape(x.real, dims);
  if (!x.imaginary.type)
    return real;
  return c.concat({real, c.reshape(x.imaginary, dims)},
                  int64_t(dims.size()) - 1);
}

/// floor(e / divisor) + 1.
static Expr countOf(Composer &c, const Expr &e, int64_t divisor) {
  llvm::Expected<Expr> quotient =
      c.im.checked(c.node, c.im.symbols.floorDiv(e, Expr(divisor)));
  if (quotient)
    return c.sum(*quotient, Expr(1));
  c.fail(quotient.takeError());
  return Expr();
}

/// `x` with `size` positions along `axis`: cut, or filled with zeros.
static Value resized(Composer &c, const Value &x, int64_t axis,
                     const Expr &size) {
  if (!c.ok() || x.dims[axis] == size)
    return x;
  std::optional<bool> longer = c.im.symbols.isLess(size, x.dims[axis]);
  c.require(longer.has_value(),
            "cannot compare dft_length with " + c.im.symbols.str(x.dims[axis]));
  if (!c.ok())
    return x;
  if (*longer)
    return c.slice(x, axis, Expr(0), size);
  Dims pads(2 * x.rank(), Expr(0));
  pads[x.rank() + axis] = c.difference(size, x.dims[axis]);
  return c.apply("Pad", {x, Composer::integers(pads)});
}

/// The axis is an attribute up to version 19, an input from then on.
static int64_t axisOfDFT(Composer &c) {
  int64_t axis = c.node.integer("axis", c.node.version() < 20 ? 1 : -2);
  if (c.has(2) && c.ok())
    axis = constantInteger(c, 2, "axis");
  int64_t rank = c.in(0).rank();
  axis += axis < 0 ? rank : 0;
  c.require(axis >= 0 && axis < rank - 1,
            "axis must be one of the first " + llvm::Twine(rank - 1));
  return axis;
}

static Error emitDFT(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = c.in(0);
  int32_t type = x.type;
  c.fail(im.requireFloat(node, x));
  int64_t axis = axisOfDFT(c);
  if (!c.ok())
    return c.finish();
  Expr length = x.dims[axis];
  if (c.has(1)) {
    const Scalar *given = c.in(1).uniform();
    c.require(given && !given->isReal,
              "dft_length must depend on shapes and constants only");
    length = c.ok() ? given->integer : length;
  }
  bool inverse = node.integer("inverse", 0) != 0;
  bool half = node.integer("onesided", 0) != 0;
  c.require(!inverse || !half, "attributes inverse and onesided exclude each "
                               "other");
  x = c.cast(resized(c, x, axis, length), TensorProto::FLOAT);
  Complex parts = c.ok() ? split(c, x) : Complex();
  if (!c.ok())
    return c.finish();
  // The axis comes last, and goes back.
  Axes order;
  for (int64_t i = 0; i + 1 < x.rank(); ++i)
    order.push_back(i);
  std::swap(order[axis], order.back());
  for (Value *part : {&parts.real, &parts.imaginary})
    if (part->type)
      *part = c.transpose(*part, order);
  Expr bins = half ? countOf(c, length, 2) : length;
  parts = transform(c, parts, bins, length, inverse);
  for (Value *part : {&parts.real, &parts.imaginary}) {
    if (inverse && c.ok())
      *part =
          c.apply("Div", {*part, c.cast(scalarOf(length), TensorProto::FLOAT)});
    *part = c.transpose(*part, order);
  }
  c.define(0, c.cast(join(c, parts), type));
  return c.finish();
}

/// Frames of the signal, each times the window and transformed.
static Error emitSTFT(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = c.in(0);
  int32_t type = x.type;
  c.fail(im.requireFloat(node, x));
  if (c.ok() && x.rank() == 2)
    x = c.reshape(x, {x.dims[0], x.dims[1], Expr(1)});
  c.require(x.rank() == 3,
            "needs a signal of 3 dimensions, found " + im.str(x.dims));
  int64_t step = constantInteger(c, 1, "frame_step");
  c.require(step > 0, "frame_step must be positive");
  c.require(c.has(2) || c.has(3), "needs a window or a frame_length");
  c.require(!c.has(2) || c.in(2).rank() == 1,
            "needs a window of one dimension");
  if (!c.ok())
    return c.finish();
  Expr length =
      c.has(3) ? Expr(constantInteger(c, 3, "frame_length")) : c.in(2).dims[0];
  Expr span = c.difference(x.dims[1], length);
  if (!c.ok())
    return c.finish();
  if (!im.symbols.isNonNegative(span))
    return im.needNonNegative(node, span,
                              "a frame of " + im.symbols.str(length) +
                                  " does not fit into " + im.str(x.dims));
  Complex parts = split(c, c.cast(x, TensorProto::FLOAT));
  if (!c.ok())
    return c.finish();
  Expr frames = countOf(c, span, step);
  Value starts = c.mul(countAlong(c, frames, 0, 2), scalarOf(Expr(step)));
  Value places = c.add(starts, countAlong(c, length, 1, 2));
  for (Value *part : {&parts.real, &parts.imaginary}) {
    if (!part->type)
      continue;
    *part = c.apply("Gather", {*part, places}, {{"axis", int64_t(1)}});
    if (c.has(2) && c.ok())
      *part = c.mul(*part, c.cast(c.in(2), TensorProto::FLOAT));
  }
  Expr bins = node.integer("onesided", 1) != 0 ? countOf(c, length, 2) : length;
  parts = transform(c, parts, bins, length, /*inverse=*/false);
  c.define(0, c.cast(join(c, parts), type));
  return c.finish();
}

//===----------------------------------------------------------------------===//
// Mel filters
//===----------------------------------------------------------------------===//

/// The first bin of the spectrum that each filter begins at, as the
/// specification rounds them; two more end the last.
static std::vector<int64_t> melEdges(int64_t filters, double length,
                                     double rate, double lower, double upper) {
  auto melOf = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double first = melOf(lower);
  double step = (melOf(upper) - first) / double(filters + 2);
  std::vector<int64_t> edges;
  for (int64_t i = 0; i < filters + 2; ++i) {
    double hertz = 700 * (std::pow(10, (double(i) * step + first) / 2595) - 1);
    edges.push_back(int64_t(std::floor((length + 1) * hertz / rate)));
  }
  return edges;
}

/// Triangles between edges: [bins, filters].
static Error emitMelWeights(Importer &im, const Node &node) {
  Composer c(im, node);
  double given[5];
  constexpr llvm::StringLiteral names[] = {"num_mel_bins", "dft_length",
                                           "sample_rate", "lower_edge_hertz",
                                           "upper_edge_hertz"};
  for (int i = 0; i < 5; ++i)
    given[i] = constantNumber(c, i, names[i]);
  auto [count, length, rate, lower, upper] = given;
  int32_t type = node.integer("output_datatype", TensorProto::FLOAT);
  c.require(isFloat(type), "attribute output_datatype must be a float type");
  c.require(count >= 1 && length >= 1 && rate >= 1 &&
                count * length <= double(maxElements) && lower >= 0 &&
                upper >= lower && 2 * upper <= rate && std::isfinite(rate),
            "needs positive sizes and 0 <= lower_edge_hertz <= "
            "upper_edge_hertz <= sample_rate / 2");
  if (!c.ok())
    return c.finish();
  int64_t filters = int64_t(count), bins = int64_t(length) / 2 + 1;
  std::vector<int64_t> edges = melEdges(filters, length, rate, lower, upper);
  std::vector<Scalar> elements(bins * filters, Scalar::of(0.0));
  auto set = [&](int64_t bin, int64_t filter, double value) {
    if (bin < bins)
      elements[bin * filters + filter] = Scalar::of(roundTo(type, value));
  };
  for (int64_t i = 0; i < filters; ++i) {
    int64_t first = edges[i], centre = edges[i + 1], end = edges[i + 2];
    if (first == centre)
      set(centre, i, 1);
    for (int64_t j = first; first < centre && j <= centre; ++j)
      set(j, i, double(j - first) / double(centre - first));
    for (int64_t j = centre; j < end; ++j)
      set(j, i, double(end - j) / double(end - centre));
  }
  c.define(0,
           knownValue(type, {Expr(bins), Expr(filters)}, std::move(elements)));
  return c.finish();
}

void lowbit::frontend::addSignalOperators(OperatorTable &table) {
  constexpr llvm::StringLiteral window = "output_datatype:i periodic:i";
  table.add({
      {"HannWindow", 17, newest, 1, 1, 1, window, emitHann},
      {"HammingWindow", 17, newest, 1, 1, 1, window, emitHamming},
      {"BlackmanWindow", 17, newest, 1, 1, 1, window, emitBlackman},
      {"DFT", 17, newest, 1, 3, 1, "axis:i inverse:i onesided:i", emitDFT},
      {"STFT", 17, newest, 2, 4, 1, "onesided:i", emitSTFT},
      {"MelWeightMatrix", 17, newest, 5, 5, 1, "output_datatype:i",
       emitMelWeights},
  });
}
