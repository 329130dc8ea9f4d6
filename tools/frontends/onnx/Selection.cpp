//===- Selection.cpp - parts of tensors, chosen and put back --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"
#include "Windows.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
using llvm::Error;
using onnx::TensorProto;

static Value scalarOf(const Expr &e) {
  return knownValue(TensorProto::INT64, {}, {Scalar::of(e)});
}

/// The expression, or the node's error where arithmetic gave up.
static Expr checked(Composer &c, std::optional<Expr> e) {
  llvm::Expected<Expr> result = c.im.checked(c.node, e);
  if (result)
    return *result;
  c.fail(result.takeError());
  return Expr();
}

/// The product of `dims`.
static Expr sizeOf(Composer &c, llvm::ArrayRef<Expr> dims) {
  Expr size(1);
  for (const Expr &dim : dims)
    size = c.product(size, dim);
  return size;
}

/// Attribute `name`, an axis of `rank` dimensions, counted from the front.
static int64_t axisOf(Composer &c, llvm::StringRef name, int64_t otherwise,
                      int64_t rank) {
  llvm::Expected<int64_t> axis =
      c.im.axis(c.node, c.node.integer(name, otherwise), rank);
  if (axis)
    return *axis;
  c.fail(axis.takeError());
  return 0;
}

//===----------------------------------------------------------------------===//
// Compress, ReverseSequence
//===----------------------------------------------------------------------===//

/// The positions along an axis, or of the flat tensor, whose condition is true.
static Error emitCompress(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = c.in(0);
  c.require(c.in(1).rank() == 1, "needs a condition of one dimension, found " +
                                     im.str(c.in(1).dims));
  bool flat = !node.find("axis");
  int64_t axis = 0;
  if (flat && c.ok())
    x = c.reshape(x, {sizeOf(c, x.dims)});
  else if (c.ok())
    axis = axisOf(c, "axis", 0, x.rank());
  Value places = c.apply("NonZero", {c.in(1)});
  if (c.ok())
    places = c.reshape(places, {places.dims[1]});
  c.define(0, c.apply("Gather", {x, places}, {{"axis", axis}}));
  return c.finish();
}

/// Position t of row b is len(b) - 1 - t while that is not negative.
static Error emitReverseSequence(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &x = c.in(0), &lengths = c.in(1);
  int64_t rank = x.rank();
  c.require(rank >= 2 && lengths.rank() == 1,
            "needs an input of at least 2 dimensions and a length for each "
            "row, found " +
                im.str(x.dims) + " and " + im.str(lengths.dims));
  if (!c.ok())
    return c.finish();
  int64_t batch = axisOf(c, "batch_axis", 1, rank);
  int64_t time = axisOf(c, "time_axis", 0, rank);
  c.require(batch != time, "batch_axis and time_axis must differ");
  if (!c.ok())
    return c.finish();
  c.requireEqual(lengths.dims[0], x.dims[batch],
                 "needs " + im.symbols.str(x.dims[batch]) + " lengths, found " +
                     im.str(lengths.dims));
  Dims rows(rank, Expr(1));
  rows[batch] = x.dims[batch];
  Value length = c.reshape(c.cast(lengths, TensorProto::INT64), rows);
  Value at = countAlong(c, x.dims[time], time, rank);
  Value back = c.sub(c.sub(length, scalarOf(Expr(1))), at);
  Value places = c.apply("Where", {c.apply("Less", {at, length}), back, at});
  places = c.apply("Expand", {places, Composer::integers(x.dims)});
  c.define(0, c.apply("GatherElements", {x, places}, {{"axis", time}}));
  return c.finish();
}

//===----------------------------------------------------------------------===//
// Scattering
//===----------------------------------------------------------------------===//

/// Zeros but for `x` at positions `places` of the flat result.
static Value scatterFlat(Composer &c, const Value &x, const Value &places,
                         llvm::ArrayRef<Expr> dims) {
  if (!c.ok())
    return Value();
  Dims size{sizeOf(c, x.dims)};
  Value zeros =
      knownValue(x.type, {sizeOf(c, dims)},
                 {isFloat(x.type) ? Scalar::of(0.0) : Scalar::of(Expr(0))});
  Value result = c.apply("ScatterElements",
                         {zeros, c.reshape(places, size), c.reshape(x, size)},
                         {{"axis", int64_t(0)}});
  return c.reshape(result, dims);
}

/// The inverse of MaxPool with its indices.
static Error emitMaxUnpool(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &x = c.in(0);
  Axes kernel = node.integers("kernel_shape");
  Axes strides =
      node.find("strides") ? node.integers("strides") : Axes(kernel.size(), 1);
  Axes pads =
      node.find("pads") ? node.integers("pads") : Axes(2 * kernel.size(), 0);
  int64_t rank = int64_t(kernel.size());
  c.require(rank > 0 && x.rank() == rank + 2 &&
                int64_t(strides.size()) == rank &&
                int64_t(pads.size()) == 2 * rank,
            "kernel_shape, strides and pads must have entries for each "
            "dimension of " +
                im.str(x.dims) + " after the first two");
  if (!c.ok())
    return c.finish();
  Dims natural = x.dims, dims;
  for (int64_t i = 0; i < rank; ++i) {
    Expr reach = c.product(c.difference(x.dims[2 + i], Expr(1)), strides[i]);
    natural[2 + i] = c.sum(reach, Expr(kernel[i] - pads[i] - pads[rank + i]));
  }
  Value y = scatterFlat(c, x, c.in(1), natural);
  if (!c.has(2) || !c.ok()) {
    c.define(0, y);
    return c.finish();
  }
  // Indices are those of the natural shape; the rest of a larger one is 0.
  auto wanted = im.shapeInput(node, 2);
  if (!wanted)
    return wanted.takeError();
  c.require(int64_t(wanted->size()) == rank + 2,
            "output_shape must have " + llvm::Twine(rank + 2) + " extents");
  Dims more(2 * natural.size(), Expr(0));
  for (size_t i = 0; c.ok() && i < natural.size(); ++i)
    more[natural.size() + i] = c.difference((*wanted)[i], natural[i]);
  c.define(0, c.apply("Pad", {y, Composer::integers(more)}));
  return c.finish();
}

/// New positions of a cache whose rows continue at places of their own; in mode
/// circular, from the start again behind the end.
static Error emitTensorScatter(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &past = c.in(0), &update = c.in(1);
  c.require(past.rank() >= 2 && past.rank() == update.rank(),
            "needs a cache and an update of as many dimensions, found " +
                im.str(past.dims) + " and " + im.str(update.dims));
  if (!c.ok())
    return c.finish();
  int64_t rank = past.rank(), axis = axisOf(c, "axis", -2, rank);
  c.require(axis > 0, "axis must not be that of the batch");
  if (!c.ok())
    return c.finish();
  Value places = countAlong(c, update.dims[axis], axis, rank);
  if (c.has(2)) {
    Dims rows(rank, Expr(1));
    rows[0] = past.dims[0];
    places =
        c.add(places, c.reshape(c.cast(c.in(2), TensorProto::INT64), rows));
  }
  if (node.string("mode", "linear") == "circular")
    places = c.apply("Mod", {places, scalarOf(past.dims[axis])});
  places = c.apply("Expand", {places, Composer::integers(update.dims)});
  c.define(
      0, c.apply("ScatterElements", {past, places, update}, {{"axis", axis}}));
  return c.finish();
}

static std::string refuseMode(const Node &node) {
  std::string mode = node.string("mode", "linear");
  if (mode == "linear" || mode == "circular")
    return "";
  return "attribute mode = '" + mode + "' must be linear or circular";
}

//===----------------------------------------------------------------------===//
// CenterCropPad
//===----------------------------------------------------------------------===//

/// `x` with `size` positions along `axis`, as many on either side more or less.
static Value centred(Composer &c, const Value &x, int64_t axis,
                     const Expr &size) {
  if (!c.ok() || x.dims[axis] == size)
    return x;
  const Expr &extent = x.dims[axis];
  std::optional<bool> shorter = c.im.symbols.isLess(extent, size);
  c.require(shorter.has_value(), "cannot compare " + c.im.symbols.str(extent) +
                                     " with " + c.im.symbols.str(size) +
                                     c.im.advice(extent));
  if (!c.ok())
    return x;
  Expr spare =
      *shorter ? c.difference(size, extent) : c.difference(extent, size);
  Expr before = checked(c, c.im.symbols.floorDiv(spare, Expr(2)));
  if (!*shorter)
    return c.slice(x, axis, before, size);
  Dims pads(2 * x.rank(), Expr(0));
  pads[axis] = before;
  pads[x.rank() + axis] = c.difference(spare, before);
  return c.apply("Pad", {x, Composer::integers(pads)});
}

static Error emitCenterCropPad(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = c.in(0);
  auto sizes = im.shapeInput(node, 1);
  if (!sizes)
    return sizes.takeError();
  Axes axes;
  for (int64_t i = 0; i < x.rank(); ++i)
    axes.push_back(i);
  if (node.find("axes"))
    axes = node.integers("axes");
  c.require(axes.size() == sizes->size(),
            "needs a size for each of " + llvm::Twine(axes.size()) +
                " axes, found " + llvm::Twine(sizes->size()));
  for (size_t i = 0; c.ok() && i < axes.size(); ++i) {
    auto axis = im.axis(node, axes[i], x.rank());
    if (!axis)
      return axis.takeError();
    x = centred(c, x, *axis, (*sizes)[i]);
  }
  c.define(0, x);
  return c.finish();
}

//===----------------------------------------------------------------------===//
// Col2Im
//===----------------------------------------------------------------------===//

namespace {
/// Blocks, and how they lie in an image.
struct Blocks {
  Axes extents, strides, dilations, pads;
  Dims image;
  /// Elements of a block.
  int64_t elements = 1;

  int64_t rank() const { return extents.size(); }
};
} // namespace

/// What a node says of blocks of the image that its input 1 has the extents of.
static Blocks readBlocks(Composer &c, const Node &node, Axes extents,
                         Dims image) {
  constexpr int64_t kMostElements = 1024;
  Blocks blocks;
  for (int64_t extent : extents) {
    bool isBlock = extent > 0 && extent <= kMostElements / blocks.elements;
    c.require(isBlock, "needs a block of 1 to " + llvm::Twine(kMostElements) +
                           " elements, found " +
                           c.im.str(Dims(extents.begin(), extents.end())));
    blocks.elements *= isBlock ? extent : 1;
  }
  auto given = [&](llvm::StringRef name, int64_t count, int64_t otherwise) {
    return node.find(name) ? node.integers(name) : Axes(count, otherwise);
  };
  int64_t rank = extents.size();
  blocks.extents = std::move(extents);
  blocks.image = std::move(image);
  blocks.strides = given("strides", rank, 1);
  blocks.dilations = given("dilations", rank, 1);
  blocks.pads = given("pads", 2 * rank, 0);
  return blocks;
}

/// Fails unless there is an entry for each dimension of the image.
static void checkBlocks(Composer &c, const Blocks &blocks) {
  int64_t rank = blocks.rank();
  c.require(c.in(0).rank() == 3 && rank > 0 &&
                int64_t(blocks.image.size()) == rank &&
                int64_t(blocks.strides.size()) == rank &&
                int64_t(blocks.dilations.size()) == rank &&
                int64_t(blocks.pads.size()) == 2 * rank,
            "needs an input of 3 dimensions, and block, strides, dilations and "
            "pads with entries for each dimension of the image");
}

/// A kernel that puts each element of a block into its place.
static Value makePlaces(const Blocks &blocks, int32_t type) {
  Dims dims{Expr(blocks.elements), Expr(1)};
  dims.append(blocks.extents.begin(), blocks.extents.end());
  std::vector<Scalar> ones;
  for (int64_t i = 0; i < blocks.elements; ++i)
    for (int64_t j = 0; j < blocks.elements; ++j)
      ones.push_back(Scalar::of(i == j ? 1.0 : 0.0));
  return knownValue(type, dims, std::move(ones));
}

/// Blocks that overlap are added, by a transposed convolution.
static Error emitCol2Im(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &x = c.in(0);
  auto image = im.shapeInput(node, 1);
  if (!image)
    return image.takeError();
  auto extents = im.constantInput(node, 2);
  if (!extents)
    return extents.takeError();
  Blocks blocks = readBlocks(c, node, *extents, *image);
  checkBlocks(c, blocks);
  if (!c.ok())
    return c.finish();
  Expr channels = c.quotient(x.dims[1], Expr(blocks.elements));
  Dims counts{c.product(x.dims[0], channels), Expr(blocks.elements)};
  Axes rest;
  for (int64_t i = 0; i < blocks.rank(); ++i) {
    Expr stride(blocks.strides[i]);
    int64_t reach = (blocks.extents[i] - 1) * blocks.dilations[i] + 1;
    int64_t padding = blocks.pads[i] + blocks.pads[blocks.rank() + i];
    Expr span = c.sum(blocks.image[i], Expr(padding - reach));
    Expr steps = checked(c, im.symbols.floorDiv(span, stride));
    counts.push_back(c.sum(steps, Expr(1)));
    Expr spare = c.difference(span, c.product(steps, stride));
    c.require(spare.isConstant(),
              "how much of the image blocks leave over is not known" +
                  im.advice(span));
    rest.push_back(c.ok() ? spare.constant() : 0);
  }
  Value y = c.apply("ConvTranspose",
                    {c.reshape(x, counts), makePlaces(blocks, x.type)},
                    {{"strides", blocks.strides},
                     {"dilations", blocks.dilations},
                     {"pads", blocks.pads},
                     {"kernel_shape", blocks.extents},
                     {"output_padding", rest}});
  Dims result{x.dims[0], channels};
  llvm::append_range(result, blocks.image);
  c.define(0, c.reshape(y, result));
  return c.finish();
}

void lowbit::frontend::addSelectionOperators(OperatorTable &table) {
  table.add({
      {"Compress", 9, newest, 2, 2, 1, "axis:i", emitCompress},
      {"ReverseSequence", 10, newest, 2, 2, 1, "batch_axis:i time_axis:i",
       emitReverseSequence},
      {"MaxUnpool", 9, newest, 2, 3, 1, "kernel_shape:I pads:I strides:I",
       emitMaxUnpool, refuseWindow},
      {"TensorScatter", 24, newest, 2, 3, 1, "axis:i mode:s", emitTensorScatter,
       refuseMode},
      {"CenterCropPad", 18, newest, 2, 2, 1, "axes:I", emitCenterCropPad},
      {"Col2Im", 18, newest, 3, 3, 1, "dilations:I pads:I strides:I",
       emitCol2Im, refuseWindow},
  });
}
