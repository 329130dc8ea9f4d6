//===- LinearKernel.cpp - matrix products that read packed codes ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One skeleton for every encoding:
//
//   for each row block of the weights                     (the tiles)
//     for each 4 rows of activations, then each single one
//       for each group: load its parameters
//         for each segment: products (SegmentProducts.h)
//       bias, activation, residual on registers; store
//
// A row block is a few kilobytes that stay in the first-level cache while all
// rows of activations pass by.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "KernelSpec.h"
#include "SegmentProducts.h"
#include "lowbit/Reference/Activation.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

using Values = llvm::SmallVector<Value>;

/// Rows of activations that share decoded codes. Eight would spill.
static constexpr int64_t kRowTile = 4;

namespace {

/// Rows of activations that are computed together.
struct Rows {
  Value first;
  int64_t count;
};

class LinearKernel {
public:
  LinearKernel(func::FuncOp function, const LinearKernelSpec &spec)
      : b(function.getLoc(), function.getContext()), spec(spec),
        function(function), encoding(spec.encoding.getNumerics()),
        layout(spec.layout.getLayout(encoding.element.codeBits())),
        products(b, spec) {}
  void emit();

private:
  bool isGrouped() const {
    return encoding.granularity == numerics::Granularity::Group;
  }
  bool needsActivationSum() const {
    return encoding.hasMinimum ||
           encoding.zeroPoint != numerics::ZeroPointKind::None;
  }
  /// Sums that a group carries: products, then activation sums if needed.
  size_t sumCount(int64_t rows) const {
    return rows * (products.subBlocks() + (needsActivationSum() ? 1 : 0));
  }
  int64_t parameterOffset(numerics::Component component) const;
  int64_t parameterBytes() const;
  int64_t bytesPerPadding() const {
    return layout.columnPadding / layout.atom.columns * layout.atom.bits / 8;
  }
  int64_t fullGroupBytes() const {
    return parameterBytes() +
           llvm::divideCeil(encoding.groupSize, layout.columnPadding) *
               bytesPerPadding();
  }
  Value codeBytes(Value columns) {
    return b.mul(b.ceilDiv(columns, layout.columnPadding), bytesPerPadding());
  }

  void bindArguments();
  void computeBlockBytes();
  void emitRows(Value tile, Rows rows);
  Values emitGroup(Value offset, Value segment, Extent columns, Rows rows,
                   ValueRange outer);
  Values emitSegment(Value codes, Value segment, Extent columns, Rows rows,
                     ValueRange sums);
  Values emitSegments(Value codes, Value segment, Extent columns, Rows rows);
  Value scaleGroup(Value offset, int64_t block, Value products, Value sum,
                   Value outer);
  Value loadParameter(numerics::Component component, Value offset,
                      int64_t block);
  void storeRow(Value tile, Value row, ValueRange sums);

  KernelBuilder b;
  const LinearKernelSpec &spec;
  func::FuncOp function;
  numerics::Encoding encoding;
  numerics::Layout layout;
  SegmentProducts products;
  Value weights, panel, bias, residual, output, m, n, k, first, last;
  Value fullGroups, allGroups, blockBytes, panelRowBytes;
};

} // namespace

//===----------------------------------------------------------------------===//
// Parameters of a group
//===----------------------------------------------------------------------===//

int64_t LinearKernel::parameterOffset(numerics::Component component) const {
  numerics::BoundLayout bound(layout, encoding, layout.atom.rows, 1);
  return bound.parameter(component, 0, 0).bit / 8;
}

/// Bytes of a group's parameters in front of its codes.
int64_t LinearKernel::parameterBytes() const {
  numerics::BoundLayout bound(layout, encoding, layout.atom.rows, 1);
  return bound.code(0, 0, 0).bit / 8;
}

/// A parameter of the 16 rows of sub-block `block`, as f32.
Value LinearKernel::loadParameter(numerics::Component component, Value offset,
                                  int64_t block) {
  Type type = spec.encoding.getScale();
  bool isByte = component == numerics::Component::ZeroPoint &&
                encoding.zeroPoint == numerics::ZeroPointKind::Integer;
  if (isByte)
    type = b.getI8Type();
  int64_t bytes = kLanes * type.getIntOrFloatBitWidth() / 8;
  Value place = b.add(offset, parameterOffset(component) + block * bytes);
  Value value = b.load(weights, place, b.vector(kLanes, type));
  VectorType floats = b.vector(kLanes, b.getF32Type());
  if (isByte)
    return arith::UIToFPOp::create(b, floats, value);
  return type.isF32() ? value
                      : arith::ExtFOp::create(b, floats, value).getResult();
}

/// outer + scale * (products - zero point * sum) + minimum * sum.
Value LinearKernel::scaleGroup(Value offset, int64_t block, Value product,
                               Value sum, Value outer) {
  if (encoding.zeroPoint != numerics::ZeroPointKind::None) {
    Value zero = loadParameter(numerics::Component::ZeroPoint, offset, block);
    product = b.fma(arith::NegFOp::create(b, zero), sum, product);
  }
  Value scale = loadParameter(numerics::Component::Scale, offset, block);
  Value result = b.fma(scale, product, outer);
  if (!encoding.hasMinimum)
    return result;
  Value minimum = loadParameter(numerics::Component::Minimum, offset, block);
  return b.fma(minimum, sum, result);
}

//===----------------------------------------------------------------------===//
// Segments and groups
//===----------------------------------------------------------------------===//

/// Adds a segment's products (and activation sums) to `sums`.
Values LinearKernel::emitSegment(Value codes, Value segment, Extent columns,
                                 Rows rows, ValueRange sums) {
  SegmentOperands operands{weights, codes, panel, {}};
  Value offset = b.mul(segment, spec.panel.segmentBytes());
  for (int64_t r = 0; r < rows.count; ++r) {
    Value row = b.mul(b.add(rows.first, r), panelRowBytes);
    operands.rows.push_back(b.add(row, offset));
  }
  Values terms = products.emit(operands, columns);
  if (needsActivationSum())
    for (Value row : operands.rows)
      terms.push_back(products.activationSum(panel, row));
  if (sums.empty())
    return terms;
  for (auto [term, sum] : llvm::zip_equal(terms, sums))
    term = arith::AddFOp::create(b, sum, term);
  return terms;
}

/// All segments of a group: one, a known number of equal ones, or as many as
/// `columns` takes with a short last one.
Values LinearKernel::emitSegments(Value codes, Value segment, Extent columns,
                                  Rows rows) {
  int64_t length = spec.panel.columns;
  if (columns.known && *columns.known <= length)
    return emitSegment(codes, segment, columns, rows, {});
  Value all = columns.known ? b.index(*columns.known) : columns.value;
  Value full = b.div(all, length);
  int64_t bytes =
      llvm::divideCeil(length, layout.columnPadding) * bytesPerPadding();
  Value zero = b.zero(b.vector(kLanes, b.getF32Type()));
  Values sums(sumCount(rows.count), zero);
  sums = b.loop(b.index(0), full, 1, sums, [&](Value s, ValueRange in) {
    return emitSegment(b.add(codes, b.mul(s, bytes)), b.add(segment, s),
                       {length, {}}, rows, in);
  });
  if (columns.known && *columns.known % length == 0)
    return sums;
  return b.loop(
      full, b.ceilDiv(all, length), 1, sums, [&](Value s, ValueRange in) {
        Value rest = b.sub(all, b.mul(s, length));
        return emitSegment(b.add(codes, b.mul(s, bytes)), b.add(segment, s),
                           {std::nullopt, rest}, rows, in);
      });
}

/// Adds the group at `offset` of the weights to the rows' sums.
Values LinearKernel::emitGroup(Value offset, Value segment, Extent columns,
                               Rows rows, ValueRange outer) {
  Values sums =
      emitSegments(b.add(offset, parameterBytes()), segment, columns, rows);
  Values result;
  int64_t blocks = products.subBlocks();
  for (int64_t r = 0; r < rows.count; ++r)
    for (int64_t block = 0; block < blocks; ++block) {
      Value sum =
          needsActivationSum() ? sums[rows.count * blocks + r] : Value();
      result.push_back(scaleGroup(offset, block, sums[r * blocks + block], sum,
                                  outer[r * blocks + block]));
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void LinearKernel::bindArguments() {
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto argument = entry->args_begin();
  weights = *argument++;
  panel = *argument++;
  if (spec.hasBias)
    bias = *argument++;
  if (spec.hasResidual)
    residual = *argument++;
  for (Value *value : {&m, &n, &k, &output, &first, &last})
    *value = *argument++;
}

/// Bytes of a row block: its full groups and the short one, if there is one.
void LinearKernel::computeBlockBytes() {
  if (isGrouped()) {
    int64_t group = encoding.groupSize;
    fullGroups = b.div(k, group);
    allGroups = b.ceilDiv(k, group);
    Value rest = b.sub(k, b.mul(fullGroups, group));
    Value restBytes = b.mul(b.sub(allGroups, fullGroups), parameterBytes());
    blockBytes = b.add(b.mul(fullGroups, fullGroupBytes()),
                       b.add(restBytes, codeBytes(rest)));
    return;
  }
  // One group of all columns; none where K is 0.
  fullGroups = b.index(0);
  allGroups = b.min(k, b.index(1));
  blockBytes = b.add(b.mul(allGroups, parameterBytes()), codeBytes(k));
}

void LinearKernel::emit() {
  bindArguments();
  computeBlockBytes();
  panelRowBytes =
      b.mul(b.ceilDiv(k, spec.panel.columns), spec.panel.segmentBytes());
  Value tiled = b.mul(b.div(m, kRowTile), kRowTile);
  b.loop(first, last, 1, {}, [&](Value tile, ValueRange) -> Values {
    b.loop(b.index(0), tiled, kRowTile, {},
           [&](Value row, ValueRange) -> Values {
             emitRows(tile, {row, kRowTile});
             return {};
           });
    b.loop(tiled, m, 1, {}, [&](Value row, ValueRange) -> Values {
      emitRows(tile, {row, 1});
      return {};
    });
    return {};
  });
  func::ReturnOp::create(b);
}

void LinearKernel::emitRows(Value tile, Rows rows) {
  Value base = b.mul(tile, blockBytes);
  Value zero = b.zero(b.vector(kLanes, b.getF32Type()));
  Values sums(rows.count * products.subBlocks(), zero);
  int64_t group = isGrouped() ? encoding.groupSize : 0;
  int64_t groupBytes = isGrouped() ? fullGroupBytes() : 0;
  int64_t segments = llvm::divideCeil(group, spec.panel.columns);
  if (isGrouped())
    sums = b.loop(b.index(0), fullGroups, 1, sums, [&](Value g, ValueRange in) {
      return emitGroup(b.add(base, b.mul(g, groupBytes)), b.mul(g, segments),
                       {group, {}}, rows, in);
    });
  sums = b.loop(fullGroups, allGroups, 1, sums, [&](Value g, ValueRange in) {
    Value rest = b.sub(k, b.mul(g, group));
    return emitGroup(b.add(base, b.mul(g, groupBytes)), b.mul(g, segments),
                     {std::nullopt, rest}, rows, in);
  });
  int64_t blocks = products.subBlocks();
  for (int64_t r = 0; r < rows.count; ++r)
    storeRow(tile, b.add(rows.first, r),
             ValueRange(sums).slice(r * blocks, blocks));
}

void LinearKernel::storeRow(Value tile, Value row, ValueRange sums) {
  Value rowOffset = b.mul(row, n);
  VectorType floats = b.vector(kLanes, b.getF32Type());
  for (auto [block, value] : llvm::enumerate(sums)) {
    Value column = b.add(b.mul(tile, layout.atom.rows), block * kLanes);
    Value left = b.max(b.sub(n, column), b.index(0));
    Value mask = vector::CreateMaskOp::create(
        b, b.vector(kLanes, b.getI1Type()), ValueRange{left});
    auto load = [&](Value memory, Value offset) -> Value {
      return vector::MaskedLoadOp::create(b, floats, memory, ValueRange{offset},
                                          mask, b.zero(floats));
    };
    Value result = value, offset = b.add(rowOffset, column);
    if (bias)
      result = arith::AddFOp::create(b, result, load(bias, column));
    if (spec.activation)
      result = buildActivation(b, b.getLoc(), spec.activation, result);
    if (residual)
      result = arith::AddFOp::create(b, result, load(residual, offset));
    vector::MaskedStoreOp::create(b, output, ValueRange{offset}, mask, result);
  }
}

func::FuncOp cpu::getOrCreateLinearKernel(ModuleOp module,
                                          const LinearKernelSpec &spec) {
  std::string name = spec.name();
  if (auto existing = module.lookupSymbol<func::FuncOp>(name))
    return existing;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type bytes = flatBuffer(builder.getI8Type());
  Type floats = flatBuffer(builder.getF32Type());
  Type index = builder.getIndexType();
  SmallVector<Type> arguments{bytes, bytes};
  arguments.append(spec.hasBias + spec.hasResidual, floats);
  arguments.append({index, index, index, floats, index, index});
  auto function = func::FuncOp::create(builder, module.getLoc(), name,
                                       builder.getFunctionType(arguments, {}));
  function.setPrivate();
  LinearKernel(function, spec).emit();
  return function;
}
